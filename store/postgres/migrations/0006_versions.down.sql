ALTER TABLE versions DROP COLUMN gone_at;
