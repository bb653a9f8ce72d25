//! The daemon and the command line (NK09xx).

use super::codes;

codes! {
    CONFIG_REFUSED = "NK0901" Error "configuration is refused";
    STATE_UNUSABLE = "NK0902" Error "state folder cannot be used";
    CANNOT_LISTEN = "NK0903" Error "daemon cannot listen";
    SOCKET_TAKEN = "NK0904" Error "another daemon has the socket";
    NO_DAEMON = "NK0905" Error "daemon cannot be talked to";
    TASK_PANICKED = "NK0906" Error "task of the daemon panicked";
    TASK_ENDED = "NK0907" Error "daemon lost a part that it cannot start again";
    SYSTEM_REFUSES = "NK0908" Error "system refuses what the daemon needs";
    SECRETS_UNUSABLE = "NK0909" Error "source of secrets cannot be used";
    REQUEST_REFUSED = "NK0910" Error "request is not understood";
    ENVIRONMENT_UNKNOWN = "NK0911" Error "environment is not known here";
    PLAN_NOT_WAITING = "NK0912" Error "plan does not wait for an acknowledgement";
    NOT_ORPHANED = "NK0913" Error "environment still has a definition";
    TOKEN_MISSING = "NK0914" Error "request carries no valid token";
    ANSWER_LATE = "NK0915" Error "daemon did not answer in time";
    ACKNOWLEDGED_IN_VAIN = "NK0916" Error "acknowledgement lifts nothing";
    SUSPENDED = "NK0917" Error "environment is suspended";
    NOT_REBUILT = "NK0918" Error "inventory cannot be recovered";
    NOT_OPEN = "NK0919" Error "environment cannot be looked into";
    SIGNATURE_REFUSED = "NK0920" Error "webhook is not signed as it should be";
}
