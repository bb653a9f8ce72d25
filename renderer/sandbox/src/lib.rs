//! Part of naksha.
