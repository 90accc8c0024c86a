-- The servers that run controllers. A write that is fenced by one of them is done only
-- while its row is here: whoever deletes the row shuts its late writes out.
CREATE TABLE members (
    id    text COLLATE "C" PRIMARY KEY,
    name  text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now()
);

-- What the keys are spread over, and who works on each. Only a member can own
-- one, and its end gives back all that it owns.
CREATE TABLE slots (
    slot  integer PRIMARY KEY,
    owner text COLLATE "C" REFERENCES members (id) ON DELETE SET NULL
) WITH (fillfactor = 50);
INSERT INTO slots (slot) SELECT generate_series(0, 1023);
