CREATE TABLE crm_loyalty_special_days (
    customer_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    date INTEGER,
    calendar TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    next_on INTEGER NOT NULL,
    celebrated_on INTEGER,
    celebrated_year INTEGER,
    CONSTRAINT crm_loyalty_special_days_pk PRIMARY KEY (customer_id, kind),
    CONSTRAINT crm_loyalty_special_days_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_special_days_due_idx ON crm_loyalty_special_days (next_on, customer_id, kind);

CREATE TABLE crm_loyalty_celebrations (
    customer_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    calendar TEXT NOT NULL,
    year INTEGER NOT NULL,
    fell_on INTEGER NOT NULL,
    done_at INTEGER NOT NULL,
    lot_id BLOB,
    CONSTRAINT crm_loyalty_celebrations_pk PRIMARY KEY (customer_id, kind, calendar, year),
    CONSTRAINT crm_loyalty_celebrations_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_referrals (
    referee_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    referrer_id BLOB NOT NULL,
    since INTEGER NOT NULL,
    barred TEXT,
    purchases INTEGER NOT NULL,
    first_purchase_id BLOB,
    earned TEXT NOT NULL,
    CONSTRAINT crm_loyalty_referrals_pk PRIMARY KEY (referee_id),
    CONSTRAINT crm_loyalty_referrals_referee_id_fk FOREIGN KEY (referee_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_referrals_referrer_id_fk FOREIGN KEY (referrer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_referrals_purchases_check CHECK (purchases >= 0),
    CONSTRAINT crm_loyalty_referrals_self_check CHECK (referee_id <> referrer_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_referrals_referrer_idx ON crm_loyalty_referrals (referrer_id, referee_id);

CREATE TABLE crm_loyalty_referrers (
    customer_id BLOB NOT NULL,
    asset TEXT NOT NULL,
    version INTEGER NOT NULL,
    total INTEGER NOT NULL,
    period INTEGER NOT NULL,
    in_period INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_referrers_pk PRIMARY KEY (customer_id, asset),
    CONSTRAINT crm_loyalty_referrers_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_referrers_amounts_check CHECK (total >= 0 AND in_period >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_referral_rewards (
    referee_id BLOB NOT NULL,
    purchase_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    referrer_id BLOB NOT NULL,
    asset TEXT NOT NULL,
    term TEXT NOT NULL,
    branch_id BLOB,
    occurred_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    lines TEXT NOT NULL,
    fixed INTEGER NOT NULL,
    min_base INTEGER NOT NULL,
    qualified INTEGER NOT NULL,
    cleared INTEGER NOT NULL,
    payable INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    period INTEGER NOT NULL,
    posted INTEGER NOT NULL,
    owed INTEGER NOT NULL,
    void INTEGER NOT NULL,
    lots TEXT NOT NULL,
    CONSTRAINT crm_loyalty_referral_rewards_pk PRIMARY KEY (referee_id, purchase_id),
    CONSTRAINT crm_loyalty_referral_rewards_amounts_check CHECK (fixed >= 0 AND counted >= 0 AND posted >= 0),
    CONSTRAINT crm_loyalty_referral_rewards_qualified_check CHECK (qualified IN (0, 1)),
    CONSTRAINT crm_loyalty_referral_rewards_void_check CHECK (void IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_fingerprints (
    digest TEXT NOT NULL,
    customer_id BLOB NOT NULL,
    noted_at INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_fingerprints_pk PRIMARY KEY (digest, customer_id),
    CONSTRAINT crm_loyalty_fingerprints_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_bonuses (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    account_id BLOB NOT NULL,
    customer_id BLOB,
    branch_id BLOB NOT NULL,
    business_date INTEGER NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    validity TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    lot_id BLOB,
    CONSTRAINT crm_loyalty_bonuses_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_bonuses_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_bonuses_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_bonuses_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_bonuses_amount_check CHECK (amount > 0),
    CONSTRAINT crm_loyalty_bonuses_given_check CHECK (state <> 'given' OR decided_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_bonuses_state_idx ON crm_loyalty_bonuses (state, asked_at, id);

CREATE TABLE crm_loyalty_bonus_days (
    giver TEXT NOT NULL,
    asset TEXT NOT NULL,
    business_date INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_bonus_days_pk PRIMARY KEY (giver, asset, business_date),
    CONSTRAINT crm_loyalty_bonus_days_balance_check CHECK (balance <= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_grants (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    audience TEXT NOT NULL,
    as_of INTEGER NOT NULL,
    late_joiners_until INTEGER,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    validity TEXT NOT NULL,
    budget INTEGER,
    notify INTEGER NOT NULL,
    state TEXT NOT NULL,
    planned_by TEXT NOT NULL,
    planned_at INTEGER NOT NULL,
    approved_by TEXT,
    listed_to TEXT,
    listed INTEGER NOT NULL,
    given INTEGER NOT NULL,
    given_units INTEGER NOT NULL,
    revoked_units INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_grants_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_grants_amounts_check CHECK (amount > 0 AND listed >= 0 AND given >= 0 AND revoked_units >= 0 AND revoked_units <= given_units),
    CONSTRAINT crm_loyalty_grants_budget_check CHECK (budget IS NULL OR given_units <= budget),
    CONSTRAINT crm_loyalty_grants_notify_check CHECK (notify IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_grants_planned_idx ON crm_loyalty_grants (planned_at, id);

CREATE TABLE crm_loyalty_grant_members (
    grant_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    lot_id BLOB,
    revoked INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_grant_members_pk PRIMARY KEY (grant_id, account_id),
    CONSTRAINT crm_loyalty_grant_members_grant_id_fk FOREIGN KEY (grant_id) REFERENCES crm_loyalty_grants (id),
    CONSTRAINT crm_loyalty_grant_members_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_grant_members_revoked_check CHECK (revoked >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_grant_members_state_idx ON crm_loyalty_grant_members (grant_id, state, account_id);

CREATE TABLE crm_loyalty_reminded (
    account_id BLOB NOT NULL,
    lot_id BLOB NOT NULL,
    days_before INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_reminded_pk PRIMARY KEY (account_id, lot_id, days_before)
) STRICT, WITHOUT ROWID;
