-- Who stops hands over its slots first: it is off the roster, and a member still.
ALTER TABLE members ADD COLUMN leaving boolean NOT NULL DEFAULT false;
