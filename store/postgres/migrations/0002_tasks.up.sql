-- Steps of runs on their way to a runner and back.
CREATE TABLE tasks (
    id          text PRIMARY KEY,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    owner_kind  text NOT NULL,
    owner_ns    text NOT NULL,
    owner_name  text NOT NULL,
    owner_uid   text NOT NULL,
    labels      text[] NOT NULL,
    docker      boolean NOT NULL,
    prefer      text NOT NULL,
    payload     bytea NOT NULL,
    phase       text NOT NULL DEFAULT 'offered' CHECK (phase IN ('offered', 'leased', 'finished')),
    runner      text NOT NULL DEFAULT '',
    token       text NOT NULL DEFAULT '',
    leases      integer NOT NULL DEFAULT 0,
    cancelled   boolean NOT NULL DEFAULT false,
    offered_at  timestamptz NOT NULL,
    leased_at   timestamptz,
    lease_until timestamptz,
    ended_at    timestamptz,
    result      bytea
) WITH (fillfactor = 70);
CREATE INDEX tasks_offered ON tasks (seq) WHERE phase = 'offered';
CREATE INDEX tasks_leased ON tasks (runner) WHERE phase = 'leased';
CREATE INDEX tasks_owner ON tasks (owner_uid, seq);
