//! Published packages with the changes that findings propose.

use std::{collections::BTreeMap, fs, ops::Range};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use model_registry::{Edit, Finding, Findings};

use super::{
    project::{BENCH, ONNX},
    upstream::{Copy, Package, metadata, source},
};
use crate::{
    exit::{Exit, Failure, Result},
    files,
    workspace::Workspace,
};

/// Copies of packages with the changes of as many findings as go together: two may change the same text
/// in two ways, and then there are several sets.
#[derive(Debug, Default)]
pub struct Fixed {
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Set {
    /// The findings that this set is there for.
    names: Vec<String>,
    copies: Vec<Copy>,
}

impl Fixed {
    /// Writes the copies below a folder; what stands there as it should is left alone.
    pub fn write(workspace: &Workspace, findings: &Findings, folder: &Utf8Path) -> Result<Self> {
        let pages = findings.pages().iter();
        let all: Vec<_> = pages.filter(|page| !page.head.fix.is_empty()).collect();
        if all.is_empty() {
            return Ok(Self::default());
        }
        let mut packages = metadata(workspace, ".")?;
        if all.iter().any(|page| page.head.package == ONNX) {
            packages.extend(metadata(workspace, BENCH)?);
        }
        let mut places = BTreeMap::new();
        for finding in &all {
            places.insert(
                &finding.name,
                Place::of(finding, source_of(&packages, finding)?)?,
            );
        }
        let go_together = |one: &Finding, other: &Finding| {
            let (one, other) = (&places[&one.name], &places[&other.name]);
            !one.iter()
                .any(|one| other.iter().any(|other| one.overlaps(other)))
        };
        let mut sets = Vec::new();
        let mut left = all.clone();
        while !left.is_empty() {
            // Those that no set has yet come first; the others are there since fixes may build on each other.
            let mut chosen: Vec<&Finding> = Vec::new();
            for &finding in left.iter().chain(&all) {
                let is_in = chosen.iter().any(|other| other.name == finding.name);
                if !is_in && chosen.iter().all(|other| go_together(finding, other)) {
                    chosen.push(finding);
                }
            }
            let is_chosen =
                |finding: &&Finding| chosen.iter().any(|other| other.name == finding.name);
            let names = left
                .iter()
                .filter(|page| is_chosen(page))
                .map(|page| page.name.clone());
            let names = names.collect();
            left.retain(|page| !is_chosen(page));
            let below = folder.join(format!("set-{}", sets.len() + 1));
            let copies = patched(&packages, &chosen, &below)?;
            sets.push(Set { names, copies });
        }
        Ok(Self { sets })
    }

    /// The copies that hold the changes of a finding.
    pub fn copies(&self, finding: &Finding) -> &[Copy] {
        let set = self
            .sets
            .iter()
            .find(|set| set.names.contains(&finding.name));
        set.map_or(&[], |set| &set.copies)
    }
}

/// A part of a package's file that a finding changes.
#[derive(Debug)]
struct Place {
    package: String,
    file: Utf8PathBuf,
    range: Range<usize>,
    with: String,
}

impl Place {
    fn of(finding: &Finding, source: &Utf8Path) -> Result<Vec<Self>> {
        let mut places = Vec::new();
        for edit in &finding.head.fix {
            let path = source.join(&edit.file);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            places.push(Self {
                package: finding.head.package.clone(),
                file: edit.file.clone(),
                range: find(&text, finding, edit)?,
                with: edit.with.clone(),
            });
        }
        Ok(places)
    }

    /// Whether both cannot be made: the same change twice is one.
    fn overlaps(&self, other: &Self) -> bool {
        let same_file = self.package == other.package && self.file == other.file;
        let is_same = self.range == other.range && self.with == other.with;
        let meets = self.range.start < other.range.end && other.range.start < self.range.end;
        same_file && meets && !is_same
    }
}

/// Copies each package that the findings change to a folder of its name, and changes it.
fn patched(packages: &[Package], findings: &[&Finding], folder: &Utf8Path) -> Result<Vec<Copy>> {
    let mut by_package: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for &finding in findings {
        let package = finding.head.package.as_str();
        by_package.entry(package).or_default().push(finding);
    }
    let mut copies = Vec::new();
    for (package, findings) in by_package {
        let target = folder.join(package);
        let Some(first) = findings.first() else {
            continue;
        };
        let source = source_of(packages, first)?;
        files::copy_tree(source, &target, &changed(source, &findings)?)?;
        copies.push(Copy {
            package: package.to_owned(),
            folder: target,
        });
    }
    Ok(copies)
}

/// Where the sources of a finding's package are.
fn source_of<'p>(packages: &'p [Package], finding: &Finding) -> Result<&'p Utf8Path> {
    source(packages, &finding.head.package, &finding.head.version)
}

/// The files of a package that findings change, with all edits made.
fn changed(source: &Utf8Path, findings: &[&Finding]) -> Result<BTreeMap<Utf8PathBuf, String>> {
    let mut by_file: BTreeMap<&Utf8Path, Vec<(&Finding, &Edit)>> = BTreeMap::new();
    for finding in findings {
        for edit in &finding.head.fix {
            by_file.entry(&edit.file).or_default().push((finding, edit));
        }
    }
    let mut changed = BTreeMap::new();
    for (file, edits) in by_file {
        let path = source.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        changed.insert(file.to_owned(), edited(&text, &edits)?);
    }
    Ok(changed)
}

/// Where the text of an edit stands.
fn find(text: &str, finding: &Finding, edit: &Edit) -> Result<Range<usize>> {
    let lines = text.split_inclusive('\n');
    let start: usize = lines.take(edit.line - 1).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or_default();
    let (head, tail) = match edit.replace.split_once('…') {
        Some((head, tail)) => (head, Some(tail)),
        None => (edit.replace.as_str(), None),
    };
    let offset = text[start..].find(head);
    let Some(offset) = offset.filter(|offset| *offset <= line.len()) else {
        return Err(fault(finding, edit, "no such text starts in that line"));
    };
    let (from, to) = (start + offset, start + offset + head.len());
    match tail.map(|tail| (tail, text[to..].find(tail))) {
        None => Ok(from..to),
        Some((tail, Some(offset))) => Ok(from..to + offset + tail.len()),
        Some((_, None)) => Err(fault(finding, edit, "no such text ends behind that line")),
    }
}

/// A file's text with all edits made; each is looked up in the text as it was.
fn edited(text: &str, edits: &[(&Finding, &Edit)]) -> Result<String> {
    let mut places = Vec::new();
    for (finding, edit) in edits {
        places.push((find(text, finding, edit)?, finding, edit));
    }
    places.sort_by_key(|(place, _, _)| place.start);
    places.dedup_by(|(one, _, edit), (other, _, before)| one == other && edit.with == before.with);
    let mut changed = String::new();
    let mut done = 0;
    for (place, finding, edit) in places {
        if place.start < done {
            return Err(fault(finding, edit, "the same text is changed twice"));
        }
        changed += &text[done..place.start];
        changed += &edit.with;
        done = place.end;
    }
    Ok(changed + &text[done..])
}

fn fault(finding: &Finding, edit: &Edit, what: &str) -> Failure {
    let message = format!(
        "{}: {}:{}: {what}: `{}`",
        finding.path(),
        edit.file,
        edit.line,
        edit.replace
    );
    Failure::new(Exit::InvalidRegistry, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "let a = b * c;\nlet d = b * c;\nlet e =\n    f;\n";

    fn finding(name: &str, edits: &[(usize, &str, &str)]) -> Finding {
        let edits: Vec<_> = edits
            .iter()
            .map(|(line, replace, with)| {
                let edit = serde_json::json!({"file": "a.rs", "line": line, "replace": replace, "with": with});
                format!("  - {edit}\n")
            })
            .collect();
        let text = format!(
            "---\ntitle: a\npackage: p\nversion: 1.0.0\nat: a.rs:1\nkind: panic\nreproduce: t5 check\nfix:\n{}---\n\
             ## Symptom\n## Cause\n## Numbers\n## Proposed fix\n",
            edits.concat()
        );
        let path = Utf8PathBuf::from(format!("docs/findings/{name}.md"));
        Finding::from_source(&path, &text).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn made(findings: &[Finding]) -> std::result::Result<String, String> {
        let edits: Vec<_> = findings
            .iter()
            .flat_map(|finding| finding.head.fix.iter().map(move |edit| (finding, edit)))
            .collect();
        edited(TEXT, &edits).map_err(|failure| failure.to_string())
    }

    #[test]
    fn edits_are_made_where_they_say() {
        let findings = [
            finding("second", &[(2, "b * c", "b / c"), (3, "=…f", "= g")]),
            finding("first", &[(1, "c", "h")]),
            finding("first-again", &[(1, "c", "h")]),
        ];
        assert_eq!(
            made(&findings).as_deref(),
            Ok("let a = b * h;\nlet d = b / c;\nlet e = g;\n")
        );
    }

    #[test]
    fn edits_that_find_nothing_or_the_same_are_refused() {
        for (findings, said) in [
            (
                vec![finding("one", &[(2, "a", "b")])],
                "docs/findings/one.md: a.rs:2: no such text starts in that line: `a`",
            ),
            (
                vec![finding("one", &[(9, "a", "b")])],
                "docs/findings/one.md: a.rs:9: no such text starts in that line: `a`",
            ),
            (
                vec![finding("one", &[(3, "let e…z", "b")])],
                "docs/findings/one.md: a.rs:3: no such text ends behind that line: `let e…z`",
            ),
            (
                vec![
                    finding("one", &[(1, "b * c", "d")]),
                    finding("two", &[(1, "* c", "d")]),
                ],
                "docs/findings/two.md: a.rs:1: the same text is changed twice: `* c`",
            ),
        ] {
            assert_eq!(made(&findings), Err(said.to_owned()));
        }
    }
}
