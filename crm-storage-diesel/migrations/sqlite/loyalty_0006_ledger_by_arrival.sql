CREATE TABLE crm_loyalty_entries_new (
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
) STRICT;

INSERT INTO crm_loyalty_entries_new (account_id, id, kind, occurred_at, recorded_at, branch_id, purchase_id, reverses_id, actor, reason, postings)
SELECT account_id, id, kind, occurred_at, recorded_at, branch_id, purchase_id, reverses_id, actor, reason, postings FROM crm_loyalty_entries ORDER BY id;

DROP TABLE crm_loyalty_entries;

ALTER TABLE crm_loyalty_entries_new RENAME TO crm_loyalty_entries;

CREATE TABLE crm_loyalty_holds_new (
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
) STRICT;

INSERT INTO crm_loyalty_holds_new (account_id, id, version, asset, amount, worth_minor, point_value, state, branch_id, business_date, made_at, lapses_at, purchase_id, entry_id, card_id, lots, restored, refunded_minor)
SELECT account_id, id, version, asset, amount, worth_minor, point_value, state, branch_id, business_date, made_at, lapses_at, purchase_id, entry_id, card_id, lots, restored, refunded_minor FROM crm_loyalty_holds ORDER BY id;

DROP TABLE crm_loyalty_holds;

ALTER TABLE crm_loyalty_holds_new RENAME TO crm_loyalty_holds;
