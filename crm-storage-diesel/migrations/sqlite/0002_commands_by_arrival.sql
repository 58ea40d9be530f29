CREATE TABLE crm_commands_new (
    id BLOB NOT NULL,
    command TEXT NOT NULL,
    payload_hash TEXT NOT NULL,
    outcome TEXT NOT NULL,
    done_at INTEGER NOT NULL,
    CONSTRAINT crm_commands_pk PRIMARY KEY (id)
) STRICT;

INSERT INTO crm_commands_new (id, command, payload_hash, outcome, done_at)
SELECT id, command, payload_hash, outcome, done_at FROM crm_commands ORDER BY done_at;

DROP TABLE crm_commands;

ALTER TABLE crm_commands_new RENAME TO crm_commands;
