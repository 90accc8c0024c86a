-- Who did what, one row a call; the document is what the chain is over, the other columns
-- are there to find it by. week is that of the commit by the database's clock, and
-- never goes back: so what is dropped with a week is always the beginning of the log.
CREATE TABLE audit (
    week            date NOT NULL,
    id              bigint NOT NULL,
    at              timestamptz NOT NULL,
    username        text COLLATE "C" NOT NULL,
    impersonated_by text COLLATE "C" NOT NULL,
    verb            text COLLATE "C" NOT NULL,
    resource        text COLLATE "C" NOT NULL,
    ns              text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    request_id      text COLLATE "C" NOT NULL,
    code            integer NOT NULL,
    document        bytea NOT NULL,
    PRIMARY KEY (id, week)
) PARTITION BY RANGE (week);
CREATE INDEX ON audit (name, id);
CREATE INDEX ON audit (username, id);

-- One row a batch with records: the numbers and hashes of its records, and the
-- head of the chain with it.
CREATE TABLE audit_links (
    week  date NOT NULL,
    last  bigint NOT NULL,
    sums  bytea NOT NULL,
    head  bytea NOT NULL,
    batch uuid NOT NULL, -- as in changes
    PRIMARY KEY (last, week)
) PARTITION BY RANGE (week);

-- The one row with the end of the chain, and with what comes before all that is kept.
CREATE TABLE audit_chain (
    week        date NOT NULL,
    last        bigint NOT NULL,
    head        bytea NOT NULL,
    anchor      bigint NOT NULL,
    anchor_head bytea NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
INSERT INTO audit_chain VALUES ('-infinity', 0, decode(repeat('00', 32), 'hex'), 0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_links FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER append_only BEFORE INSERT OR DELETE OR TRUNCATE ON audit_chain FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
