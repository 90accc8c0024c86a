ALTER TABLE counter DROP COLUMN abandoned, DROP COLUMN abandoned_at;
