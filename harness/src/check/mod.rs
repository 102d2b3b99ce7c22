//! The checks that emitted tests call by name, one file each.
//!
//! Every check has two halves: a function that emitted tests call, which judges, and `examine`, which
//! only looks and can be pointed at any backend.

pub mod batch_equals_singles;
pub mod cached_decode_matches_full;
mod change;
pub mod forward_matches_reference;
pub mod later_tokens_do_matter;
pub mod later_tokens_do_not_matter;
pub mod padding_changes_nothing;
pub mod refuses_bad_input;

pub use batch_equals_singles::batch_equals_singles;
pub use cached_decode_matches_full::cached_decode_matches_full;
pub use forward_matches_reference::forward_matches_reference;
pub use later_tokens_do_matter::later_tokens_do_matter;
pub use later_tokens_do_not_matter::later_tokens_do_not_matter;
pub use padding_changes_nothing::padding_changes_nothing;
pub use refuses_bad_input::refuses_bad_input;
