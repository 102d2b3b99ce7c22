//! Progress: a bar with rate and remaining time on a terminal, plain lines elsewhere.

use std::{fmt::Display, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

const TEMPLATE: &str = "{bar:24} {pos}/{len} {prefix} · {per_sec} · {eta} left · {msg}";

/// How far a command has come.
pub struct Progress {
    bar: ProgressBar,
    total: usize,
    done: usize,
}

impl Progress {
    /// `total` things of a kind: `families`.
    pub fn new(total: usize, kind: &'static str) -> Self {
        let bar = ProgressBar::new(total as u64).with_prefix(kind);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self {
            bar,
            total,
            done: 0,
        }
    }

    /// Says what is being done.
    pub fn doing(&self, what: impl Display) {
        self.bar.set_message(what.to_string());
    }

    /// One thing is done; the line stays where there is no bar.
    pub fn done(&mut self, what: impl Display) {
        self.done += 1;
        self.bar.inc(1);
        if self.bar.is_hidden() {
            output::warn(format_args!("[{}/{}] {what}", self.done, self.total));
        }
    }

    /// A line that stays, above the bar if there is one.
    pub fn note(&self, what: impl Display) {
        if self.bar.is_hidden() {
            output::warn(what);
        } else {
            self.bar.println(what.to_string());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
