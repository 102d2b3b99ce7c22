//! Writing a run: what the reader would refuse cannot be written.

use std::{
    fs::File,
    io::{self, Write},
};

use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    Event, Footer, Header, Record, RunError, RunErrorKind, TestId,
    run::{Verdicts, check_header},
};

/// A run file in the making; without [`RunWriter::finish`] it has no footer and is refused by the reader.
pub struct RunWriter {
    path: Utf8PathBuf,
    file: File,
    verdicts: Verdicts,
}

impl RunWriter {
    /// Starts a new file; one that exists is another run's and stays.
    pub fn create(path: &Utf8Path, header: &Header) -> Result<Self, RunError> {
        let planned = check_header(header).map_err(|kind| kind.at(path, None))?;
        let file = File::create_new(path)
            .map_err(|error| RunErrorKind::Unwritable(error).at(path, None))?;
        let mut writer = Self {
            path: path.into(),
            file,
            verdicts: Verdicts::new(header, planned),
        };
        writer.write(&Event::Header(header.clone()))?;
        Ok(writer)
    }

    /// Adds a verdict.
    pub fn verdict(&mut self, record: Record) -> Result<(), RunError> {
        let event = Event::Verdict(Box::new(record.clone()));
        self.verdicts
            .add(record)
            .map_err(|kind| kind.at(&self.path, None))?;
        self.write(&event)
    }

    /// The planned tests that still lack a verdict.
    pub fn missing(&self) -> Vec<TestId> {
        self.verdicts.missing()
    }

    /// Ends the file; refused while a planned test lacks its verdict.
    pub fn finish(mut self, interrupted: bool, seconds: f64) -> Result<Footer, RunError> {
        let counts = self.verdicts.counts();
        let unexpected = self.verdicts.unexpected();
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(RunErrorKind::Missing(missing).at(&self.path, None));
        }
        let footer = Footer {
            counts,
            unexpected,
            interrupted,
            seconds,
        };
        self.write(&Event::Footer(footer.clone()))?;
        Ok(footer)
    }

    fn write(&mut self, event: &Event) -> Result<(), RunError> {
        serde_json::to_string(event)
            .map_err(io::Error::other)
            .and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| RunErrorKind::Unwritable(error).at(&self.path, None))
    }
}
