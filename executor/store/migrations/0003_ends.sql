-- How an object that runs once ended, which nobody can see any more when it is gone; with the words of its failure.
-- And that an inventory was found in its target, until something was applied completely: what was gone then is not in it.

PRAGMA user_version = 3;

ALTER TABLE objects ADD COLUMN ended TEXT CHECK (ended IN ('succeeded', 'failed'));
ALTER TABLE objects ADD COLUMN ended_words TEXT CHECK ((ended_words IS NULL) = (ended IS NOT 'failed'));
ALTER TABLE environments ADD COLUMN recovered INTEGER NOT NULL DEFAULT 0;
