CREATE TABLE crm_loyalty_accounts (
    id uuid NOT NULL,
    version bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    customer_id uuid,
    branch_id uuid,
    state text COLLATE "C" NOT NULL,
    opened_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    open_holds jsonb NOT NULL,
    merged_into uuid,
    CONSTRAINT crm_loyalty_accounts_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_accounts_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_accounts_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_accounts_merged_into_fk FOREIGN KEY (merged_into) REFERENCES crm_loyalty_accounts (id)
);

CREATE INDEX crm_loyalty_accounts_due_idx ON crm_loyalty_accounts (due_at, id);

CREATE TABLE crm_loyalty_balances (
    account_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    available bigint NOT NULL,
    pending bigint NOT NULL,
    held bigint NOT NULL,
    debt bigint NOT NULL,
    CONSTRAINT crm_loyalty_balances_pk PRIMARY KEY (account_id, asset),
    CONSTRAINT crm_loyalty_balances_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_balances_amounts_check CHECK (available >= 0 AND pending >= 0 AND held >= 0 AND debt >= 0)
);

CREATE TABLE crm_loyalty_lots (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    remaining bigint NOT NULL,
    held bigint NOT NULL,
    expired bigint NOT NULL,
    earned_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    matured boolean NOT NULL,
    open boolean NOT NULL,
    source text COLLATE "C" NOT NULL,
    origin_id uuid NOT NULL,
    purchase_id uuid,
    branch_id uuid,
    campaign_id uuid,
    CONSTRAINT crm_loyalty_lots_pk PRIMARY KEY (account_id, id),
    CONSTRAINT crm_loyalty_lots_amounts_check CHECK (remaining >= 0 AND held >= 0 AND expired >= 0 AND remaining + held + expired <= amount),
    CONSTRAINT crm_loyalty_lots_open_left_check CHECK (open = (remaining + held > 0))
);

CREATE INDEX crm_loyalty_lots_open_idx ON crm_loyalty_lots (account_id, id) WHERE open;

CREATE TABLE crm_loyalty_holds (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    worth_minor bigint NOT NULL,
    point_value text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    branch_id uuid NOT NULL,
    business_date date NOT NULL,
    made_at timestamptz NOT NULL,
    lapses_at timestamptz NOT NULL,
    purchase_id uuid,
    entry_id uuid,
    card_id uuid,
    lots jsonb NOT NULL,
    restored jsonb NOT NULL,
    refunded_minor bigint NOT NULL,
    CONSTRAINT crm_loyalty_holds_pk PRIMARY KEY (account_id, id),
    CONSTRAINT crm_loyalty_holds_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_holds_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_holds_amounts_check CHECK (amount > 0 AND refunded_minor BETWEEN 0 AND worth_minor)
);

CREATE TABLE crm_loyalty_entries (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    branch_id uuid,
    purchase_id uuid,
    reverses_id uuid,
    actor text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    postings jsonb NOT NULL,
    CONSTRAINT crm_loyalty_entries_pk PRIMARY KEY (account_id, id)
);

CREATE TABLE crm_loyalty_day_uses (
    account_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    version bigint NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT crm_loyalty_day_uses_pk PRIMARY KEY (account_id, asset, business_date),
    CONSTRAINT crm_loyalty_day_uses_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_day_uses_used_check CHECK (used >= 0)
);
