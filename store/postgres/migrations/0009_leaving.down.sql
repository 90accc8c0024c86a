ALTER TABLE members DROP COLUMN leaving;
