-- What may be kept in a space, as settings in JSON; null where the space has no policy of its own.
ALTER TABLE space ADD COLUMN policy TEXT;
