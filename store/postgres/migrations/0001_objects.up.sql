-- The one row whose lock puts all writes into one order. It is rewritten by every
-- batch: room on its page keeps the rewriting in place.
CREATE TABLE counter (
    v bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
INSERT INTO counter VALUES (0);

-- What is, one row an object. No changing column is indexed, so updates stay on their page.
CREATE TABLE objects (
    kind text COLLATE "C" NOT NULL,
    ns   text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    uid  text NOT NULL,
    rev  bigint NOT NULL,
    data bytea NOT NULL, -- the document without its resourceVersion, which is rev
    PRIMARY KEY (kind, ns, name)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- What happened, in order. Old ranges are dropped as a whole. The state before a
-- change is found under prev_rev, or here in prev when prev_rev is so far back that its range may be
-- dropped before this one.
CREATE TABLE changes (
    rev      bigint NOT NULL PRIMARY KEY,
    kind     text NOT NULL,
    ns       text NOT NULL,
    name     text NOT NULL,
    op       "char" NOT NULL, -- A added, M modified, D deleted
    data     bytea NOT NULL,
    prev_rev bigint NOT NULL,
    prev     bytea,
    batch    uuid NOT NULL -- tells a server that lost its connection whether its batch was committed
) PARTITION BY RANGE (rev);

-- Changes up to this revision may be gone.
CREATE TABLE history (
    floor bigint NOT NULL
);
INSERT INTO history VALUES (0);

-- Every generation of every spec.
CREATE TABLE versions (
    kind       text COLLATE "C" NOT NULL,
    ns         text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    rev        bigint NOT NULL,
    uid        text NOT NULL,
    generation bigint NOT NULL,
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    data       bytea NOT NULL,
    PRIMARY KEY (kind, ns, name, rev)
);
