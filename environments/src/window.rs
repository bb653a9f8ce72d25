//! Time windows: when merges and trunk applies may happen. They never stop healing or a rollback.

use std::time::Duration;

use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub kind: WindowKind,
    /// Five fields of cron, at which the window opens.
    pub schedule: String,
    pub duration: Duration,
    /// IANA name: `Europe/Berlin`.
    pub time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    Allow,
    Deny,
}

/// Whether applying is allowed at `now`: a deny window closes; where allow windows exist, one must be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    Open,
    /// Closed until then, and why.
    Closed { until: Timestamp, reason: String },
}
