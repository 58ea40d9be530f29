CREATE TABLE crm_loyalty_cards (
    id uuid NOT NULL,
    version bigint NOT NULL,
    number text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    branch_id uuid,
    state text COLLATE "C" NOT NULL,
    blocked_for text COLLATE "C",
    lost_at timestamptz,
    issued_at timestamptz NOT NULL,
    activated_at timestamptz,
    expires_at timestamptz NOT NULL,
    replaces_id uuid,
    CONSTRAINT crm_loyalty_cards_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_cards_number UNIQUE (number),
    CONSTRAINT crm_loyalty_cards_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_cards_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_cards_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_cards_replaces_id_fk FOREIGN KEY (replaces_id) REFERENCES crm_loyalty_cards (id)
);

CREATE INDEX crm_loyalty_cards_account_idx ON crm_loyalty_cards (account_id, id);

CREATE TABLE crm_gift_batches (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    branch_id uuid,
    currency text COLLATE "C" NOT NULL,
    face_minor bigint NOT NULL,
    size bigint NOT NULL,
    made_at timestamptz NOT NULL,
    released_at timestamptz,
    CONSTRAINT crm_gift_batches_pk PRIMARY KEY (id),
    CONSTRAINT crm_gift_batches_name UNIQUE (name),
    CONSTRAINT crm_gift_batches_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_gift_batches_amounts_check CHECK (face_minor > 0 AND size > 0)
);

CREATE TABLE crm_gift_cards (
    id uuid NOT NULL,
    version bigint NOT NULL,
    code_hash text COLLATE "C" NOT NULL,
    last_four text COLLATE "C" NOT NULL,
    serial text COLLATE "C" NOT NULL,
    batch_id uuid NOT NULL,
    branch_id uuid,
    currency text COLLATE "C" NOT NULL,
    face_minor bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    owner_id uuid,
    account_id uuid,
    issued_at timestamptz NOT NULL,
    activated_at timestamptz,
    expires_at timestamptz NOT NULL,
    purchase_id uuid,
    CONSTRAINT crm_gift_cards_pk PRIMARY KEY (id),
    CONSTRAINT crm_gift_cards_serial UNIQUE (serial),
    CONSTRAINT crm_gift_cards_batch_id_fk FOREIGN KEY (batch_id) REFERENCES crm_gift_batches (id),
    CONSTRAINT crm_gift_cards_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_gift_cards_owner_id_fk FOREIGN KEY (owner_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_gift_cards_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_gift_cards_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_gift_cards_face_check CHECK (face_minor > 0),
    CONSTRAINT crm_gift_cards_life_check CHECK ((account_id IS NULL) = (activated_at IS NULL))
);

CREATE INDEX crm_gift_cards_batch_idx ON crm_gift_cards (batch_id, serial, id);

CREATE INDEX crm_gift_cards_owner_idx ON crm_gift_cards (owner_id, id);

CREATE TABLE crm_gift_sales (
    purchase_id uuid NOT NULL,
    line_no bigint NOT NULL,
    version bigint NOT NULL,
    sold jsonb NOT NULL,
    CONSTRAINT crm_gift_sales_pk PRIMARY KEY (purchase_id, line_no),
    CONSTRAINT crm_gift_sales_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id)
);

CREATE TABLE crm_gift_tickets (
    id uuid NOT NULL,
    version bigint NOT NULL,
    card_id uuid NOT NULL,
    account_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    shown_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    used boolean NOT NULL,
    hold_id uuid,
    CONSTRAINT crm_gift_tickets_pk PRIMARY KEY (id),
    CONSTRAINT crm_gift_tickets_card_id_fk FOREIGN KEY (card_id) REFERENCES crm_gift_cards (id),
    CONSTRAINT crm_gift_tickets_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_gift_tickets_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_gift_tickets_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_gift_tickets_used_check CHECK (used = (hold_id IS NOT NULL))
);

CREATE INDEX crm_gift_tickets_ends_idx ON crm_gift_tickets (used, ends_at, id);

CREATE TABLE crm_member_merges (
    loser_id uuid NOT NULL,
    survivor_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    lots jsonb NOT NULL,
    debts jsonb NOT NULL,
    cards jsonb NOT NULL,
    gifts jsonb NOT NULL,
    tiers jsonb NOT NULL,
    counters jsonb NOT NULL,
    CONSTRAINT crm_member_merges_pk PRIMARY KEY (loser_id),
    CONSTRAINT crm_member_merges_loser_id_fk FOREIGN KEY (loser_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_member_merges_survivor_id_fk FOREIGN KEY (survivor_id) REFERENCES crm_loyalty_accounts (id)
);
