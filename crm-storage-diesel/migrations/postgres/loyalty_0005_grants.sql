CREATE TABLE crm_loyalty_special_days (
    customer_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    date date,
    calendar text COLLATE "C" NOT NULL,
    noted_at timestamptz NOT NULL,
    next_on date NOT NULL,
    celebrated_on date,
    celebrated_year bigint,
    CONSTRAINT crm_loyalty_special_days_pk PRIMARY KEY (customer_id, kind),
    CONSTRAINT crm_loyalty_special_days_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE INDEX crm_loyalty_special_days_due_idx ON crm_loyalty_special_days (next_on, customer_id, kind);

CREATE TABLE crm_loyalty_celebrations (
    customer_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    calendar text COLLATE "C" NOT NULL,
    year bigint NOT NULL,
    fell_on date NOT NULL,
    done_at timestamptz NOT NULL,
    lot_id uuid,
    CONSTRAINT crm_loyalty_celebrations_pk PRIMARY KEY (customer_id, kind, calendar, year),
    CONSTRAINT crm_loyalty_celebrations_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE TABLE crm_loyalty_referrals (
    referee_id uuid NOT NULL,
    version bigint NOT NULL,
    referrer_id uuid NOT NULL,
    since timestamptz NOT NULL,
    barred text COLLATE "C",
    purchases bigint NOT NULL,
    first_purchase_id uuid,
    earned jsonb NOT NULL,
    CONSTRAINT crm_loyalty_referrals_pk PRIMARY KEY (referee_id),
    CONSTRAINT crm_loyalty_referrals_referee_id_fk FOREIGN KEY (referee_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_referrals_referrer_id_fk FOREIGN KEY (referrer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_referrals_purchases_check CHECK (purchases >= 0),
    CONSTRAINT crm_loyalty_referrals_self_check CHECK (referee_id <> referrer_id)
);

CREATE INDEX crm_loyalty_referrals_referrer_idx ON crm_loyalty_referrals (referrer_id, referee_id);

CREATE TABLE crm_loyalty_referrers (
    customer_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    total bigint NOT NULL,
    period date NOT NULL,
    in_period bigint NOT NULL,
    CONSTRAINT crm_loyalty_referrers_pk PRIMARY KEY (customer_id, asset),
    CONSTRAINT crm_loyalty_referrers_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_referrers_amounts_check CHECK (total >= 0 AND in_period >= 0)
);

CREATE TABLE crm_loyalty_referral_rewards (
    referee_id uuid NOT NULL,
    purchase_id uuid NOT NULL,
    version bigint NOT NULL,
    referrer_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    term text COLLATE "C" NOT NULL,
    branch_id uuid,
    occurred_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    lines jsonb NOT NULL,
    fixed bigint NOT NULL,
    min_base bigint NOT NULL,
    qualified boolean NOT NULL,
    cleared bigint NOT NULL,
    payable bigint NOT NULL,
    counted bigint NOT NULL,
    period date NOT NULL,
    posted bigint NOT NULL,
    owed bigint NOT NULL,
    void boolean NOT NULL,
    lots jsonb NOT NULL,
    CONSTRAINT crm_loyalty_referral_rewards_pk PRIMARY KEY (referee_id, purchase_id),
    CONSTRAINT crm_loyalty_referral_rewards_amounts_check CHECK (fixed >= 0 AND counted >= 0 AND posted >= 0)
);

CREATE TABLE crm_loyalty_fingerprints (
    digest text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    noted_at timestamptz NOT NULL,
    CONSTRAINT crm_loyalty_fingerprints_pk PRIMARY KEY (digest, customer_id),
    CONSTRAINT crm_loyalty_fingerprints_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE TABLE crm_loyalty_bonuses (
    id uuid NOT NULL,
    version bigint NOT NULL,
    account_id uuid NOT NULL,
    customer_id uuid,
    branch_id uuid NOT NULL,
    business_date date NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    validity jsonb NOT NULL,
    reason text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    asked_by text COLLATE "C" NOT NULL,
    asked_at timestamptz NOT NULL,
    decided_by text COLLATE "C",
    decided_at timestamptz,
    lot_id uuid,
    CONSTRAINT crm_loyalty_bonuses_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_bonuses_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_bonuses_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_bonuses_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_bonuses_amount_check CHECK (amount > 0),
    CONSTRAINT crm_loyalty_bonuses_given_check CHECK (state <> 'given' OR decided_at IS NOT NULL)
);

CREATE INDEX crm_loyalty_bonuses_state_idx ON crm_loyalty_bonuses (state, asked_at, id);

CREATE TABLE crm_loyalty_bonus_days (
    giver text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    balance bigint NOT NULL,
    CONSTRAINT crm_loyalty_bonus_days_pk PRIMARY KEY (giver, asset, business_date),
    CONSTRAINT crm_loyalty_bonus_days_balance_check CHECK (balance <= 0)
);

CREATE TABLE crm_loyalty_grants (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    audience jsonb NOT NULL,
    as_of timestamptz NOT NULL,
    late_joiners_until timestamptz,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    validity jsonb NOT NULL,
    budget bigint,
    notify boolean NOT NULL,
    state text COLLATE "C" NOT NULL,
    planned_by text COLLATE "C" NOT NULL,
    planned_at timestamptz NOT NULL,
    approved_by text COLLATE "C",
    listed_to text COLLATE "C",
    listed bigint NOT NULL,
    given bigint NOT NULL,
    given_units bigint NOT NULL,
    revoked_units bigint NOT NULL,
    CONSTRAINT crm_loyalty_grants_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_grants_amounts_check CHECK (amount > 0 AND listed >= 0 AND given >= 0 AND revoked_units >= 0 AND revoked_units <= given_units),
    CONSTRAINT crm_loyalty_grants_budget_check CHECK (budget IS NULL OR given_units <= budget)
);

CREATE INDEX crm_loyalty_grants_planned_idx ON crm_loyalty_grants (planned_at, id);

CREATE TABLE crm_loyalty_grant_members (
    grant_id uuid NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    lot_id uuid,
    revoked bigint NOT NULL,
    CONSTRAINT crm_loyalty_grant_members_pk PRIMARY KEY (grant_id, account_id),
    CONSTRAINT crm_loyalty_grant_members_grant_id_fk FOREIGN KEY (grant_id) REFERENCES crm_loyalty_grants (id),
    CONSTRAINT crm_loyalty_grant_members_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_grant_members_revoked_check CHECK (revoked >= 0)
);

CREATE INDEX crm_loyalty_grant_members_state_idx ON crm_loyalty_grant_members (grant_id, state, account_id);

CREATE TABLE crm_loyalty_reminded (
    account_id uuid NOT NULL,
    lot_id uuid NOT NULL,
    days_before bigint NOT NULL,
    sent_at timestamptz NOT NULL,
    CONSTRAINT crm_loyalty_reminded_pk PRIMARY KEY (account_id, lot_id, days_before)
);
