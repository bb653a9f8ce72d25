-- Where the objects of an environment are: the target that the last apply began on.

PRAGMA user_version = 2;

ALTER TABLE environments ADD COLUMN place TEXT;
