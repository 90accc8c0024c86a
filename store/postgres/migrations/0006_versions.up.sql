-- When the object of a version was first found to be gone; from then on it is kept for a while.
ALTER TABLE versions ADD COLUMN gone_at timestamptz;
