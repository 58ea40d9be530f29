CREATE TABLE crm_loyalty_programmes (
    number bigint NOT NULL,
    effective_from timestamptz NOT NULL,
    effective_until timestamptz,
    saved_at timestamptz NOT NULL,
    terms jsonb NOT NULL,
    CONSTRAINT crm_loyalty_programmes_pk PRIMARY KEY (number),
    CONSTRAINT crm_loyalty_programmes_interval_check CHECK (effective_until > effective_from)
);

CREATE TABLE crm_loyalty_sheets (
    purchase_id uuid NOT NULL,
    version bigint NOT NULL,
    account_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    programme bigint NOT NULL,
    document jsonb NOT NULL,
    CONSTRAINT crm_loyalty_sheets_pk PRIMARY KEY (purchase_id)
);

CREATE TABLE crm_loyalty_earn_counters (
    account_id uuid NOT NULL,
    counts text COLLATE "C" NOT NULL,
    period date NOT NULL,
    balance bigint NOT NULL,
    CONSTRAINT crm_loyalty_earn_counters_pk PRIMARY KEY (account_id, counts, period)
);
