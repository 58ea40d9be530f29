CREATE TABLE crm_loyalty_qualifying_days (
    account_id uuid NOT NULL,
    business_date date NOT NULL,
    amount_minor bigint NOT NULL,
    purchases bigint NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT crm_loyalty_qualifying_days_pk PRIMARY KEY (account_id, business_date),
    CONSTRAINT crm_loyalty_qualifying_days_counts_check CHECK (amount_minor >= 0 AND purchases >= 0 AND points >= 0)
);

CREATE TABLE crm_loyalty_standings (
    account_id uuid NOT NULL,
    ladder_id uuid NOT NULL,
    version bigint NOT NULL,
    tier_id uuid,
    since timestamptz NOT NULL,
    earned_tier_id uuid,
    joined_on date NOT NULL,
    counts_from date NOT NULL,
    valid_through date NOT NULL,
    held_through date NOT NULL,
    due_at timestamptz NOT NULL,
    noticed boolean NOT NULL,
    pin jsonb,
    promotion jsonb,
    last_on date NOT NULL,
    amount_minor bigint NOT NULL,
    purchases bigint NOT NULL,
    windows jsonb NOT NULL,
    CONSTRAINT crm_loyalty_standings_pk PRIMARY KEY (account_id, ladder_id),
    CONSTRAINT crm_loyalty_standings_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_standings_counts_check CHECK (amount_minor >= 0 AND purchases >= 0)
);

CREATE INDEX crm_loyalty_standings_due_idx ON crm_loyalty_standings (due_at, account_id, ladder_id);

CREATE INDEX crm_loyalty_standings_tier_idx ON crm_loyalty_standings (ladder_id, tier_id, account_id);

CREATE TABLE crm_loyalty_tier_changes (
    account_id uuid NOT NULL,
    ladder_id uuid NOT NULL,
    from_at timestamptz NOT NULL,
    id uuid NOT NULL,
    tier_id uuid,
    cause text COLLATE "C" NOT NULL,
    cause_ref uuid,
    reason text COLLATE "C",
    recorded_at timestamptz NOT NULL,
    CONSTRAINT crm_loyalty_tier_changes_pk PRIMARY KEY (account_id, ladder_id, from_at, id),
    CONSTRAINT crm_loyalty_tier_changes_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id)
);
