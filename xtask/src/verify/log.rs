//! What a process says: kept in a file of limited size, and quoted where a verdict needs its words.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::TestId;

/// How large a log may grow; a process that floods its output loses the beginning of it.
const LARGEST: u64 = 32 << 20;

/// How much of it stays then: the last words say how the process ended.
const KEPT: u64 = 64 << 10;

/// How many of a log's last lines a verdict quotes.
const QUOTED_LINES: usize = 12;

/// How much of a quoted line is shown.
const QUOTED_LETTERS: usize = 400;

/// The log of one process while it runs.
pub(super) struct Log {
    path: Utf8PathBuf,
    file: File,
    /// How much of its beginning is given back.
    freed: u64,
}

impl Log {
    /// Starts an empty one.
    pub(super) fn create(path: &Utf8Path) -> io::Result<Self> {
        File::create(path)?;
        Ok(Self {
            path: path.to_owned(),
            // Every process that writes to it writes at its end, wherever the end is by then.
            file: OpenOptions::new().append(true).open(path)?,
            freed: 0,
        })
    }

    /// A handle for a process to write to.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Gives back what a process that still writes has written too much, without a loss at its end.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        let size = self.size()?;
        if size - self.freed > LARGEST {
            self.freed = size - KEPT;
            free(&self.file, self.freed);
        }
        Ok(())
    }

    /// Cuts what nobody writes to any more, and says so in it.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let size = self.size()?;
        if size > LARGEST {
            let mut end = Vec::new();
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(size - KEPT))?;
            file.read_to_end(&mut end)?;
            self.file.set_len(0)?;
            let cut = size - KEPT;
            writeln!(self.file, "[{cut} bytes before this were cut]")?;
            self.file.write_all(&end)?;
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.path)?.len())
    }
}

/// Makes a hole of the beginning of a file, which keeps its length; where that cannot be done it stays.
#[cfg(target_os = "linux")]
fn free(file: &File, length: u64) {
    use nix::fcntl::{FallocateFlags, fallocate};
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    if let Ok(length) = length.try_into() {
        let _ = fallocate(file, hole, 0, length);
    }
}

#[cfg(not(target_os = "linux"))]
fn free(_file: &File, _length: u64) {}

/// A log's text as far as it is text; empty if it cannot be read.
pub(super) fn read(path: &Utf8Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where a log is, and what it says about a test or last of all.
pub(super) fn quote(text: &str, shown: &Utf8Path, test: Option<&TestId>) -> String {
    let lines = quoted_lines(text, test);
    if lines.is_empty() {
        return format!(" [{shown}]");
    }
    let lines = lines.into_iter().map(shorten).collect::<Vec<_>>();
    format!(" [{shown}]:\n{}", lines.join("\n"))
}

/// The part of libtest's output that belongs to a test, or the last lines.
fn quoted_lines<'t>(text: &'t str, test: Option<&TestId>) -> Vec<&'t str> {
    let lines: Vec<_> = text.lines().collect();
    let head = test.map(|test| format!("---- {} stdout ----", test.rust_path()));
    let at = head.and_then(|head| lines.iter().position(|line| **line == head));
    match at {
        Some(at) => {
            let goes_on = |line: &&&str| {
                let ends = line.starts_with("---- ") || line.starts_with("test result: ");
                !ends && **line != "failures:"
            };
            let section = lines[at + 1..].iter().take_while(goes_on);
            let said = section.filter(|line| !line.trim().is_empty());
            said.take(QUOTED_LINES).copied().collect()
        }
        None => {
            let said: Vec<_> = lines
                .into_iter()
                .filter(|line| !line.trim().is_empty())
                .collect();
            said[said.len().saturating_sub(QUOTED_LINES)..].to_vec()
        }
    }
}

/// A flood may be one line.
fn shorten(line: &str) -> String {
    let mut letters = line.chars();
    let mut short: String = letters.by_ref().take(QUOTED_LETTERS).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_too_large_is_cut_and_says_so() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = Utf8PathBuf::from_path_buf(folder.path().join("a.log")).expect("UTF-8");
        let mut log = Log::create(&path).expect("made");
        let mut handle = log.handle().expect("shared");
        let flood = vec![b'x'; (LARGEST + 1) as usize];
        handle.write_all(&flood).expect("written");
        log.trim().expect("freed");
        handle.write_all(b"\nlast words\n").expect("written");
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt as _;
            let held = fs::metadata(&path).expect("there").blocks() * 512;
            assert!(held < 4 * KEPT, "{held} bytes are held");
        }
        log.finish().expect("cut");
        let text = read(&path);
        let cut = LARGEST + 1 + "\nlast words\n".len() as u64 - KEPT;
        let head = format!("[{cut} bytes before this were cut]\nxxx");
        assert!(text.starts_with(&head), "{}", &text[..80]);
        assert!(text.ends_with("xxx\nlast words\n"));
        assert!(text.len() < 2 * KEPT as usize);
    }

    #[test]
    fn a_line_without_end_is_quoted_in_part() {
        let text = format!("short\n{}\n", "ö".repeat(5_000));
        let quoted = quote(&text, Utf8Path::new("a.log"), None);
        assert!(quoted.starts_with(" [a.log]:\nshort\nöö") && quoted.ends_with("ö…"));
        assert_eq!(quoted.chars().filter(|letter| *letter == 'ö').count(), 400);
        assert_eq!(quote(" \n", Utf8Path::new("a.log"), None), " [a.log]");
    }
}
