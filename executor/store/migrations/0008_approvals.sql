-- Who has to approve of what was shown, and who did, a line each; and whether it was merged although nobody did who had to.

PRAGMA user_version = 8;

ALTER TABLE shown ADD COLUMN approvers TEXT NOT NULL DEFAULT '';
ALTER TABLE shown ADD COLUMN approved TEXT NOT NULL DEFAULT '';
ALTER TABLE shown ADD COLUMN unapproved INTEGER NOT NULL DEFAULT 0;
