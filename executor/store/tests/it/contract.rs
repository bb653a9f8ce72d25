//! The contract suite of every store.

use crate::folder::fresh;

naksha_executor::store_contract!(fresh);
