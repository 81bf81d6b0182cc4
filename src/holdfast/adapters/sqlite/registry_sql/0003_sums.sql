-- CRC-32 of a row with what it leads to, so that an altered byte gives nobody a right, and no space another name.
ALTER TABLE space ADD COLUMN sum INTEGER;
ALTER TABLE grant ADD COLUMN sum INTEGER;

-- An earlier library that has the house open meanwhile makes no sums: it is refused, or its rows would count as altered.
CREATE TRIGGER space_added BEFORE INSERT ON space WHEN NEW.sum IS NULL
BEGIN
    SELECT RAISE(ABORT, 'a newer Holdfast upgraded the registry meanwhile; upgrade this one and open the house again');
END;
CREATE TRIGGER space_changed BEFORE UPDATE OF name, key, made, memories, bytes, writes_a_minute ON space
WHEN NEW.sum IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a newer Holdfast upgraded the registry meanwhile; upgrade this one and open the house again');
END;
