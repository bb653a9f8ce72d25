//! Git (NK07xx).

use super::codes;

codes! {
    UNREACHABLE = "NK0701" Error "repository cannot be reached";
    DENIED = "NK0702" Error "access to the repository is denied";
    NOT_A_REPOSITORY = "NK0703" Error "not a Git repository";
    REF_MISSING = "NK0704" Error "branch, tag or commit is missing";
    TOO_LARGE = "NK0705" Error "repository is over a limit";
    REWRITTEN = "NK0706" Error "history of a tracked branch was rewritten";
    BRANCH_DELETED = "NK0707" Error "tracked branch was deleted";
    HOST_KEY = "NK0708" Error "host key of the ssh server is not trusted";
    CERTIFICATE = "NK0709" Error "certificate of the server is not trusted";
    TIMEOUT = "NK0710" Error "fetch took too long";
    CORRUPT = "NK0711" Error "objects of a repository are damaged";
    STORAGE = "NK0712" Error "mirror cannot be read or written";
    REMOTE_REFUSED = "NK0713" Error "address of a repository is refused";
    CREDENTIAL = "NK0714" Error "credential cannot be read";
    PROTOCOL = "NK0715" Error "server answered with something that is not Git";
    SSH_PROGRAM = "NK0716" Error "ssh client cannot be started";
    NOTES_NOT_PUSHED = "NK0717" Error "notes can only be written to a local repository";
    TRUNK_DIFFERS = "NK0718" Warning "trunk that differs from the one in naksha.yaml";
    NAME_NOT_UTF8 = "NK0720" Error "file name is not UTF-8";
    CASE_COLLISION = "NK0721" Error "names differ only in case";
    RESERVED_NAME = "NK0722" Error "file name is refused";
    PATH_TOO_LONG = "NK0723" Error "path is too long or too deep";
    LFS_POINTER = "NK0724" Warning "file is a Git LFS pointer";
    MERGE_CONFLICT = "NK0725" Error "change does not merge";
    NOT_A_FILE = "NK0726" Warning "neither a file, a folder nor a link";
    LOCK_OFF_TRUNK = "NK0727" Error "lock's source is not on the trunk";
}
