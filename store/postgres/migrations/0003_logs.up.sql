-- Text that only grows: the ends of the streams here, their bytes in chunks by day.
CREATE TABLE logs (
    stream text COLLATE "C" PRIMARY KEY,
    size   bigint NOT NULL,
    closed boolean NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE log_chunks (
    day    date NOT NULL,
    stream text COLLATE "C" NOT NULL,
    pos    bigint NOT NULL,
    data   bytea NOT NULL,
    PRIMARY KEY (stream, pos, day)
) PARTITION BY RANGE (day);
