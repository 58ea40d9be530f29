CREATE TABLE crm_loyalty_accounts (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    customer_id BLOB,
    branch_id BLOB,
    state TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    open_holds TEXT NOT NULL,
    merged_into BLOB,
    CONSTRAINT crm_loyalty_accounts_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_accounts_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_accounts_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_accounts_merged_into_fk FOREIGN KEY (merged_into) REFERENCES crm_loyalty_accounts (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_accounts_due_idx ON crm_loyalty_accounts (due_at, id);

CREATE TABLE crm_loyalty_balances (
    account_id BLOB NOT NULL,
    asset TEXT NOT NULL,
    version INTEGER NOT NULL,
    available INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    held INTEGER NOT NULL,
    debt INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_balances_pk PRIMARY KEY (account_id, asset),
    CONSTRAINT crm_loyalty_balances_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_balances_amounts_check CHECK (available >= 0 AND pending >= 0 AND held >= 0 AND debt >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_lots (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    held INTEGER NOT NULL,
    expired INTEGER NOT NULL,
    earned_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    matured INTEGER NOT NULL,
    open INTEGER NOT NULL,
    source TEXT NOT NULL,
    origin_id BLOB NOT NULL,
    purchase_id BLOB,
    branch_id BLOB,
    campaign_id BLOB,
    CONSTRAINT crm_loyalty_lots_pk PRIMARY KEY (account_id, id),
    CONSTRAINT crm_loyalty_lots_amounts_check CHECK (remaining >= 0 AND held >= 0 AND expired >= 0 AND remaining + held + expired <= amount),
    CONSTRAINT crm_loyalty_lots_open_left_check CHECK (open = (remaining + held > 0)),
    CONSTRAINT crm_loyalty_lots_matured_check CHECK (matured IN (0, 1)),
    CONSTRAINT crm_loyalty_lots_open_check CHECK (open IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_lots_open_idx ON crm_loyalty_lots (account_id, id) WHERE open = 1;

CREATE TABLE crm_loyalty_holds (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    worth_minor INTEGER NOT NULL,
    point_value TEXT,
    state TEXT NOT NULL,
    branch_id BLOB NOT NULL,
    business_date INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    lapses_at INTEGER NOT NULL,
    purchase_id BLOB,
    entry_id BLOB,
    card_id BLOB,
    lots TEXT NOT NULL,
    restored TEXT NOT NULL,
    refunded_minor INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_holds_pk PRIMARY KEY (account_id, id),
    CONSTRAINT crm_loyalty_holds_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_holds_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_holds_amounts_check CHECK (amount > 0 AND refunded_minor BETWEEN 0 AND worth_minor)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_entries (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    branch_id BLOB,
    purchase_id BLOB,
    reverses_id BLOB,
    actor TEXT NOT NULL,
    reason TEXT,
    postings TEXT NOT NULL,
    CONSTRAINT crm_loyalty_entries_pk PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_loyalty_day_uses (
    account_id BLOB NOT NULL,
    asset TEXT NOT NULL,
    business_date INTEGER NOT NULL,
    version INTEGER NOT NULL,
    used INTEGER NOT NULL,
    CONSTRAINT crm_loyalty_day_uses_pk PRIMARY KEY (account_id, asset, business_date),
    CONSTRAINT crm_loyalty_day_uses_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_day_uses_used_check CHECK (used >= 0)
) STRICT, WITHOUT ROWID;
