//! The contract suite of every store.

use crate::folder::{fresh, fresh_with_reviews, fresh_with_soaks};

naksha_executor::store_contract!(fresh);
naksha_executor::reviews_contract!(fresh_with_reviews);
naksha_executor::soaks_contract!(fresh_with_soaks);
