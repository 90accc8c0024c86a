-- Batches whose answer was lost and that had not happened when that was looked up: they must
-- never happen any more, wherever they are still on their way. They stand on the row that every
-- batch locks first, as what a lock has waited for is seen there in its newest version.
ALTER TABLE counter
    ADD COLUMN abandoned uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN abandoned_at timestamptz[] NOT NULL DEFAULT '{}'; -- one each, by the database's clock
