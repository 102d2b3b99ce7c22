//! Catches a panic together with its message and place, without printing it.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use crate::words::without_backtrace;

thread_local! {
    /// `Some` while this thread catches: what the hook has heard so far.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the work; a panic comes back as its message and place.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    listen();
    let before = HEARD.replace(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let heard = HEARD.replace(before).unwrap_or_default();
    result.map_err(|payload| {
        if heard.is_empty() {
            message(&*payload)
        } else {
            heard
        }
    })
}

/// Other threads, and this one when it does not catch, keep the hook that was there before.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_caught = HEARD.with_borrow_mut(|heard| {
                let Some(heard) = heard else { return false };
                *heard = message(info.payload());
                if let Some(place) = info.location() {
                    heard.push_str(&format!(" (at {}:{})", short(place.file()), place.line()));
                }
                true
            });
            if !is_caught {
                previous(info);
            }
        }));
    });
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    without_backtrace(text.unwrap_or("a panic without words"))
}

/// The path from the crate on, the same on every machine: `candle-core-0.11.1/src/op.rs`.
fn short(file: &str) -> &str {
    let is_registry =
        |part: &str| part.starts_with("index.crates.io-") || part.starts_with("github.com-");
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    let Some(at) = parts.iter().position(|part| is_registry(part)) else {
        return file;
    };
    let skipped: usize = parts[..=at].iter().map(|part| part.len() + 1).sum();
    &file[skipped..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_place_survive() {
        let said = catch(|| panic!("shape {} is odd", 7)).expect_err("it panics");
        assert!(
            said.starts_with("shape 7 is odd (at harness/src/panics.rs:"),
            "{said}"
        );
    }

    #[test]
    fn work_that_does_not_panic_gives_its_value() {
        assert_eq!(catch(|| 7), Ok(7));
    }

    #[test]
    fn the_registrys_folder_is_left_out() {
        let file = "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/candle-core-0.11.1/src/a.rs";
        assert_eq!(short(file), "candle-core-0.11.1/src/a.rs");
        assert_eq!(short("harness/src/panics.rs"), "harness/src/panics.rs");
    }
}
