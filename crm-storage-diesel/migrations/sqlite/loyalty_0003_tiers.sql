CREATE TABLE crm_loyalty_qualifying_days (
    account_id BLOB NOT NULL,
    business_date INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    purchases INTEGER NOT NULL,
    points INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_qualifying_days_pk PRIMARY KEY (account_id, business_date),
    CONSTRAINT crm_loyalty_qualifying_days_counts_check CHECK (amount_minor >= 0 AND purchases >= 0 AND points >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_standings (
    account_id BLOB NOT NULL,
    ladder_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    tier_id BLOB,
    since INTEGER NOT NULL,
    earned_tier_id BLOB,
    joined_on INTEGER NOT NULL,
    counts_from INTEGER NOT NULL,
    valid_through INTEGER NOT NULL,
    held_through INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    noticed INTEGER NOT NULL,
    pin TEXT,
    promotion TEXT,
    last_on INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    purchases INTEGER NOT NULL,
    windows TEXT NOT NULL,
    CONSTRAINT crm_loyalty_standings_pk PRIMARY KEY (account_id, ladder_id),
    CONSTRAINT crm_loyalty_standings_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_standings_counts_check CHECK (amount_minor >= 0 AND purchases >= 0),
    CONSTRAINT crm_loyalty_standings_noticed_check CHECK (noticed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_standings_due_idx ON crm_loyalty_standings (due_at, account_id, ladder_id);

CREATE INDEX crm_loyalty_standings_tier_idx ON crm_loyalty_standings (ladder_id, tier_id, account_id);

CREATE TABLE crm_loyalty_tier_changes (
    account_id BLOB NOT NULL,
    ladder_id BLOB NOT NULL,
    from_at INTEGER NOT NULL,
    id BLOB NOT NULL,
    tier_id BLOB,
    cause TEXT NOT NULL,
    cause_ref BLOB,
    reason TEXT,
    recorded_at INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_tier_changes_pk PRIMARY KEY (account_id, ladder_id, from_at, id),
    CONSTRAINT crm_loyalty_tier_changes_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id)
) STRICT, WITHOUT ROWID;
