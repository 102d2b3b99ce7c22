//! Real processes that die, hang, eat or flood while a run goes on, and what becomes of the run.
#![cfg(unix)]

mod bed;
mod injected;
mod stand_in;
mod whole;
