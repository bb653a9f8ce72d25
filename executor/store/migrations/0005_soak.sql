-- How an environment was with each source that it ran: for how long it was seen to be well, how it was last, and what the
-- source rendered.

PRAGMA user_version = 5;

ALTER TABLE ran ADD COLUMN well_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ran ADD COLUMN is_well INTEGER;
ALTER TABLE ran ADD COLUMN looked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ran ADD COLUMN render TEXT;
