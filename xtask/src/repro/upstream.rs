//! A published package with the changes that findings propose.

use std::{collections::BTreeMap, fs};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use model_registry::{Edit, Finding};
use serde::Deserialize;
use walkdir::WalkDir;

use crate::{
    exit::{Exit, Failure, Result},
    workspace::Workspace,
};

/// A changed copy of a package.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The package's name.
    pub package: String,
    /// Where the copy is.
    pub folder: Utf8PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: Utf8PathBuf,
}

/// Copies each package that the findings change to a folder of its name below `folder`, and changes it.
pub fn patched(
    workspace: &Workspace,
    findings: &[Finding],
    folder: &Utf8Path,
) -> Result<Vec<Copy>> {
    let mut by_package: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for finding in findings.iter().filter(|page| !page.head.fix.is_empty()) {
        let package = (finding.head.package.as_str(), finding.head.version.as_str());
        by_package.entry(package).or_default().push(finding);
    }
    if by_package.is_empty() {
        return Ok(Vec::new());
    }
    let packages = metadata(workspace)?;
    let mut copies = Vec::new();
    for ((package, version), findings) in by_package {
        let source = source(&packages, package, version)?;
        let target = folder.join(package);
        copy(&source, &target)?;
        change(&target, &findings)?;
        copies.push(Copy {
            package: package.to_owned(),
            folder: target,
        });
    }
    Ok(copies)
}

/// Where cargo keeps a published package that this workspace builds.
pub(super) fn published(
    workspace: &Workspace,
    package: &str,
    version: &str,
) -> Result<Utf8PathBuf> {
    source(&metadata(workspace)?, package, version)
}

fn source(packages: &[Package], name: &str, version: &str) -> Result<Utf8PathBuf> {
    let known = |known: &&Package| known.name == name && known.version == version;
    let Some(package) = packages.iter().find(known) else {
        let message = format!("{name} {version} is not among what this workspace builds");
        return Err(Failure::new(Exit::InvalidRegistry, message));
    };
    let manifest = &package.manifest_path;
    Ok(manifest.parent().unwrap_or(Utf8Path::new(".")).to_owned())
}

fn metadata(workspace: &Workspace) -> Result<Vec<Package>> {
    let output = workspace
        .cargo()
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(Exit::Setup, said));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON of packages")?;
    Ok(metadata.packages)
}

pub(super) fn copy(source: &Utf8Path, target: &Utf8Path) -> Result<()> {
    if target.exists() {
        fs::remove_dir_all(target).with_context(|| format!("cannot remove {target}"))?;
    }
    for entry in WalkDir::new(source) {
        let entry = entry.with_context(|| format!("cannot read {source}"))?;
        let path = Utf8Path::from_path(entry.path()).context("a path that is not UTF-8")?;
        let to = target.join(path.strip_prefix(source).unwrap_or(path));
        let done = if entry.file_type().is_dir() {
            fs::create_dir_all(&to)
        } else {
            fs::copy(path, &to).map(|_| ())
        };
        done.with_context(|| format!("cannot copy {path} to {to}"))?;
    }
    Ok(())
}

/// Makes the edits of all findings in the files of a folder.
fn change(folder: &Utf8Path, findings: &[&Finding]) -> Result<()> {
    let mut by_file: BTreeMap<&Utf8Path, Vec<(&Finding, &Edit)>> = BTreeMap::new();
    for finding in findings {
        for edit in &finding.head.fix {
            by_file.entry(&edit.file).or_default().push((finding, edit));
        }
    }
    for (file, edits) in by_file {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let text = edited(&text, &edits)?;
        fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
    }
    Ok(())
}

/// A file's text with all edits made; each is looked up in the text as it was.
fn edited(text: &str, edits: &[(&Finding, &Edit)]) -> Result<String> {
    let mut places = Vec::new();
    for (finding, edit) in edits {
        let fault = |what: &str| {
            let message = format!(
                "{}: {}:{}: {what}: `{}`",
                finding.path(),
                edit.file,
                edit.line,
                edit.replace
            );
            Failure::new(Exit::InvalidRegistry, message)
        };
        let start: usize = text
            .split_inclusive('\n')
            .take(edit.line - 1)
            .map(str::len)
            .sum();
        let line = text[start..].lines().next().unwrap_or_default();
        let found = text[start..].find(edit.replace.as_str());
        let Some(offset) = found.filter(|offset| *offset <= line.len()) else {
            return Err(fault("no such text starts in that line"));
        };
        let place = start + offset..start + offset + edit.replace.len();
        places.push((place, edit, fault("another finding changes the same text")));
    }
    places.sort_by_key(|(place, _, _)| place.start);
    let mut changed = String::new();
    let mut done = 0;
    for (place, edit, overlap) in places {
        if place.start < done {
            return Err(overlap);
        }
        changed += &text[done..place.start];
        changed += &edit.with;
        done = place.end;
    }
    Ok(changed + &text[done..])
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
            finding("second", &[(2, "b * c", "b / c"), (3, "=\n    f", "= g")]),
            finding("first", &[(1, "c", "h")]),
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
                vec![
                    finding("one", &[(1, "b * c", "d")]),
                    finding("two", &[(1, "* c", "d")]),
                ],
                "docs/findings/two.md: a.rs:1: another finding changes the same text: `* c`",
            ),
        ] {
            assert_eq!(made(&findings).as_deref(), Err(said));
        }
    }
}
