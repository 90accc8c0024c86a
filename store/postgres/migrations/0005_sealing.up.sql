-- The keys that documents are sealed with, by name. None lies here that could open
-- anything: wrapped is a key that only its source (Vault) can unwrap.
CREATE TABLE sealing_keys (
    id      bytea PRIMARY KEY,
    canary  bytea NOT NULL, -- a known text, sealed: proves that a server has the right key
    wrapped bytea,
    current boolean NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX sealing_current ON sealing_keys (current) WHERE current; -- one at most

-- Kinds of which nothing unsealed is left from before they were sealed.
CREATE TABLE sealing_done (
    kind text PRIMARY KEY
);
