//! The generator from outside: what it emits, and what it says when it cannot.

mod common;
mod emitted;
mod errors;
mod planned;
