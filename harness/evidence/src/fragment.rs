//! What one process left behind: the same events without the frame, perhaps cut off by its death.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
};

use camino::Utf8Path;

use crate::{Event, Record, RunError, RunErrorKind, Sabotage, TestId};

/// The evidence of one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fragment {
    /// The checks that were begun, in order.
    pub begun: Vec<TestId>,
    /// The checks that ended, in order.
    pub records: Vec<Record>,
    /// What checks made of planted faults, in order.
    pub sabotages: Vec<Sabotage>,
}

impl Fragment {
    /// Reads what a process left; a file that was never made is a process that began nothing.
    pub fn read(file: &Utf8Path) -> Result<Self, RunError> {
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(RunErrorKind::Unreadable(error).at(file, None)),
        }
    }

    /// Reads events from text; only a last line that does not end may be anything else.
    pub fn parse(file: &Utf8Path, text: &str) -> Result<Self, RunError> {
        let mut fragment = Self::default();
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            match serde_json::from_str(line) {
                Ok(Event::Begin(test)) => fragment.begun.push(test),
                Ok(Event::Verdict(record)) => fragment.records.push(*record),
                Ok(Event::Sabotage(sabotage)) => fragment.sabotages.push(*sabotage),
                Ok(Event::Header(_)) => return Err(RunErrorKind::SecondHeader.at(file, number)),
                Ok(Event::Footer(_)) => return Err(RunErrorKind::AfterFooter.at(file, number)),
                Err(error) => return Err(RunErrorKind::NotAnEvent(error).at(file, number)),
            }
        }
        Ok(fragment)
    }

    /// The checks that were begun and never ended, in order: whom to suspect when a process died.
    pub fn open(&self) -> Vec<&TestId> {
        let ended = |test: &TestId| self.records.iter().any(|record| record.test == *test);
        self.begun.iter().filter(|test| !ended(test)).collect()
    }
}

/// Appends one event in one write, so that threads and processes can share a file without mixing lines.
pub fn append(file: &Utf8Path, event: &Event) -> io::Result<()> {
    let mut line = serde_json::to_string(event).map_err(io::Error::other)?;
    line.push('\n');
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)?
        .write_all(line.as_bytes())
}
