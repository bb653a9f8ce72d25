//! State (NK08xx).

use super::codes;

codes! {
    LOCKED = "NK0801" Error "the database is in use by another process";
    NEWER = "NK0802" Error "the database was written by a newer version";
    CORRUPT = "NK0803" Error "the database is damaged";
    FOREIGN = "NK0804" Error "the database belongs to another program";
    CHANGED = "NK0805" Error "the database was made by another build";
    UNAVAILABLE = "NK0806" Error "the database is not available";
    FENCED = "NK0807" Error "another daemon owns the environment now";
    LEASED = "NK0808" Error "another daemon has the lease of the environment";
    STALE = "NK0809" Error "the plan was made on top of another target";
    NOT_FOUND = "NK0810" Error "no such record";
    EXISTS = "NK0811" Error "the backup would overwrite a file";
}
