//! The checks that emitted tests call by name, one file each.
//!
//! Every check has two halves: a function that emitted tests call, which judges, and `examine`, which
//! only looks and can be pointed at any backend.

mod as_written;
pub mod batch_equals_singles;
mod both;
pub mod cached_decode_matches_full;
mod change;
pub mod chunked_prefill_matches_full;
pub mod each_stream_matters;
pub mod encoder_reaches_decoder;
pub mod every_frame_matters;
pub mod every_length_agrees;
pub mod every_patch_matters;
pub mod forward_matches_reference;
pub mod greedy_tokens_match;
mod grow;
pub mod half_precision_within_bound;
pub mod later_tokens_do_matter;
pub mod later_tokens_do_not_matter;
pub mod left_padding_changes_nothing;
mod lengths;
pub mod padding_changes_nothing;
pub mod reads_config_of_transformers_4;
pub mod reads_config_of_transformers_5;
pub mod reads_every_weight;
pub mod refuses_bad_input;
pub mod resolution_follows_config;
pub mod runs_twice_the_same;
pub mod silence_stays_finite;
mod steps;

pub use batch_equals_singles::batch_equals_singles;
pub use cached_decode_matches_full::cached_decode_matches_full;
pub use chunked_prefill_matches_full::chunked_prefill_matches_full;
pub use each_stream_matters::each_stream_matters;
pub use encoder_reaches_decoder::encoder_reaches_decoder;
pub use every_frame_matters::every_frame_matters;
pub use every_length_agrees::every_length_agrees;
pub use every_patch_matters::every_patch_matters;
pub use forward_matches_reference::forward_matches_reference;
pub use greedy_tokens_match::greedy_tokens_match;
pub use half_precision_within_bound::half_precision_within_bound;
pub use later_tokens_do_matter::later_tokens_do_matter;
pub use later_tokens_do_not_matter::later_tokens_do_not_matter;
pub use left_padding_changes_nothing::left_padding_changes_nothing;
pub use padding_changes_nothing::padding_changes_nothing;
pub use reads_config_of_transformers_4::reads_config_of_transformers_4;
pub use reads_config_of_transformers_5::reads_config_of_transformers_5;
pub use reads_every_weight::reads_every_weight;
pub use refuses_bad_input::refuses_bad_input;
pub use resolution_follows_config::resolution_follows_config;
pub use runs_twice_the_same::runs_twice_the_same;
pub use silence_stays_finite::silence_stays_finite;
