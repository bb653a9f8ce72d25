//! Pull requests on a forge of this machine: how soon one is reported on, what a hundred cost, and what one costs in a large
//! repository.
//!
//! GitHub is the tests' own, and real Gitea where its program is there. Both share the cores with the daemon and whoever
//! measures. Webhooks wake the daemon; what it looks for by itself is minutes away.

mod many;
mod one_changed;
mod relay;
mod report;
mod site;

pub(crate) use many::hundred_open;
pub(crate) use one_changed::one_changed;
pub(crate) use report::report;
