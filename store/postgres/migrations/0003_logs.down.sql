DROP TABLE log_chunks, logs;
