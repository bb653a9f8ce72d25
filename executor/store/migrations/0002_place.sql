-- Where the objects of an environment are: the target that was applied to last.

PRAGMA user_version = 2;

ALTER TABLE environments ADD COLUMN place TEXT;
