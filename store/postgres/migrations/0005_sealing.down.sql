-- A program without sealing could not read what is sealed, and without the keys nobody can any more.
DO $$ BEGIN
    IF EXISTS (SELECT FROM objects WHERE get_byte(data, 0) = 1) THEN
        RAISE EXCEPTION 'there are sealed objects: delete the secrets first, or stay with this version';
    END IF;
END $$;
DROP TABLE sealing_keys, sealing_done;
