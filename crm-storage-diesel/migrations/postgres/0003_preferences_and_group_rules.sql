CREATE TABLE crm_preferences (
    customer_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT crm_preferences_pk PRIMARY KEY (customer_id, key, source),
    CONSTRAINT crm_preferences_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE INDEX crm_preferences_value_idx ON crm_preferences (key, value, customer_id, source);

ALTER TABLE crm_customer_merges ADD COLUMN preferences jsonb;

ALTER TABLE crm_customer_groups ADD COLUMN rule jsonb;

ALTER TABLE crm_customer_groups ADD COLUMN refreshed_at timestamptz;
