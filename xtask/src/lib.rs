//! What the commands are made of; the binary only parses the command line and hands back an exit code.

pub mod bench;
pub mod bless;
pub mod catalogue;
pub mod cli;
pub mod diff;
pub mod docs;
pub mod exit;
pub mod files;
pub mod interrupt;
pub mod list;
pub mod new;
pub mod operators;
pub mod output;
mod page;
pub mod progress;
pub mod python;
pub mod record;
pub mod regen;
pub mod select;
pub mod setup;
pub mod show;
pub mod sources;
pub mod stamp;
pub mod tree;
pub mod verify;
pub mod workspace;
