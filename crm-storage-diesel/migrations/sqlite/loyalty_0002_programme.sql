CREATE TABLE crm_loyalty_programmes (
    number INTEGER NOT NULL,
    effective_from INTEGER NOT NULL,
    effective_until INTEGER,
    saved_at INTEGER NOT NULL,
    terms TEXT NOT NULL,
    CONSTRAINT crm_loyalty_programmes_pk PRIMARY KEY (number),
    CONSTRAINT crm_loyalty_programmes_interval_check CHECK (effective_until > effective_from)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_sheets (
    purchase_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    account_id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    branch_id BLOB NOT NULL,
    programme INTEGER NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT crm_loyalty_sheets_pk PRIMARY KEY (purchase_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_earn_counters (
    account_id BLOB NOT NULL,
    counts TEXT NOT NULL,
    period INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_earn_counters_pk PRIMARY KEY (account_id, counts, period)
) STRICT, WITHOUT ROWID;
