CREATE TABLE crm_loyalty_cards (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    number TEXT NOT NULL,
    customer_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    branch_id BLOB,
    state TEXT NOT NULL,
    blocked_for TEXT,
    lost_at INTEGER,
    issued_at INTEGER NOT NULL,
    activated_at INTEGER,
    expires_at INTEGER NOT NULL,
    replaces_id BLOB,
    CONSTRAINT crm_loyalty_cards_pk PRIMARY KEY (id),
    CONSTRAINT crm_loyalty_cards_number UNIQUE (number),
    CONSTRAINT crm_loyalty_cards_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_loyalty_cards_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_loyalty_cards_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_loyalty_cards_replaces_id_fk FOREIGN KEY (replaces_id) REFERENCES crm_loyalty_cards (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_loyalty_cards_account_idx ON crm_loyalty_cards (account_id, id);

CREATE TABLE crm_gift_batches (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    branch_id BLOB,
    currency TEXT NOT NULL,
    face_minor INTEGER NOT NULL,
    size INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    released_at INTEGER,
    CONSTRAINT crm_gift_batches_pk PRIMARY KEY (id),
    CONSTRAINT crm_gift_batches_name UNIQUE (name),
    CONSTRAINT crm_gift_batches_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_gift_batches_amounts_check CHECK (face_minor > 0 AND size > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_gift_cards (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    code_hash TEXT NOT NULL,
    last_four TEXT NOT NULL,
    serial TEXT NOT NULL,
    batch_id BLOB NOT NULL,
    branch_id BLOB,
    currency TEXT NOT NULL,
    face_minor INTEGER NOT NULL,
    state TEXT NOT NULL,
    owner_id BLOB,
    account_id BLOB,
    issued_at INTEGER NOT NULL,
    activated_at INTEGER,
    expires_at INTEGER NOT NULL,
    purchase_id BLOB,
    CONSTRAINT crm_gift_cards_pk PRIMARY KEY (id),
    CONSTRAINT crm_gift_cards_serial UNIQUE (serial),
    CONSTRAINT crm_gift_cards_batch_id_fk FOREIGN KEY (batch_id) REFERENCES crm_gift_batches (id),
    CONSTRAINT crm_gift_cards_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_gift_cards_owner_id_fk FOREIGN KEY (owner_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_gift_cards_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_gift_cards_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_gift_cards_face_check CHECK (face_minor > 0),
    CONSTRAINT crm_gift_cards_life_check CHECK ((account_id IS NULL) = (activated_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_gift_cards_batch_idx ON crm_gift_cards (batch_id, serial, id);

CREATE INDEX crm_gift_cards_owner_idx ON crm_gift_cards (owner_id, id);

CREATE TABLE crm_gift_sales (
    purchase_id BLOB NOT NULL,
    line_no INTEGER NOT NULL,
    version INTEGER NOT NULL,
    sold TEXT NOT NULL,
    CONSTRAINT crm_gift_sales_pk PRIMARY KEY (purchase_id, line_no),
    CONSTRAINT crm_gift_sales_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_gift_tickets (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    card_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    shown_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    used INTEGER NOT NULL,
    hold_id BLOB,
    CONSTRAINT crm_gift_tickets_pk PRIMARY KEY (id),
    CONSTRAINT crm_gift_tickets_card_id_fk FOREIGN KEY (card_id) REFERENCES crm_gift_cards (id),
    CONSTRAINT crm_gift_tickets_account_id_fk FOREIGN KEY (account_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_gift_tickets_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_gift_tickets_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_gift_tickets_used_check CHECK (used = (hold_id IS NOT NULL)),
    CONSTRAINT crm_gift_tickets_used_bool_check CHECK (used IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_gift_tickets_ends_idx ON crm_gift_tickets (used, ends_at, id);

CREATE TABLE crm_member_merges (
    loser_id BLOB NOT NULL,
    survivor_id BLOB NOT NULL,
    merged_at INTEGER NOT NULL,
    lots TEXT NOT NULL,
    debts TEXT NOT NULL,
    cards TEXT NOT NULL,
    gifts TEXT NOT NULL,
    tiers TEXT NOT NULL,
    counters TEXT NOT NULL,
    CONSTRAINT crm_member_merges_pk PRIMARY KEY (loser_id),
    CONSTRAINT crm_member_merges_loser_id_fk FOREIGN KEY (loser_id) REFERENCES crm_loyalty_accounts (id),
    CONSTRAINT crm_member_merges_survivor_id_fk FOREIGN KEY (survivor_id) REFERENCES crm_loyalty_accounts (id)
) STRICT, WITHOUT ROWID;
