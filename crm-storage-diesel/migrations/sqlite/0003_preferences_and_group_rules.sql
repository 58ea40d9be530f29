CREATE TABLE crm_preferences (
    customer_id BLOB NOT NULL,
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT crm_preferences_pk PRIMARY KEY (customer_id, key, source),
    CONSTRAINT crm_preferences_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_preferences_value_idx ON crm_preferences (key, value, customer_id, source);

ALTER TABLE crm_customer_merges ADD COLUMN preferences TEXT;

ALTER TABLE crm_customer_groups ADD COLUMN rule TEXT;

ALTER TABLE crm_customer_groups ADD COLUMN refreshed_at INTEGER;
