//! Where the sources of published packages are.

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

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

/// A package that cargo knows.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    version: String,
    manifest_path: Utf8PathBuf,
}

/// Where cargo keeps a published package that this workspace builds.
pub(super) fn published(
    workspace: &Workspace,
    package: &str,
    version: &str,
) -> Result<Utf8PathBuf> {
    source(&metadata(workspace, ".")?, package, version).map(Utf8Path::to_owned)
}

/// Where one of them is.
pub(super) fn source<'p>(
    packages: &'p [Package],
    name: &str,
    version: &str,
) -> Result<&'p Utf8Path> {
    let known = |known: &&Package| known.name == name && known.version == version;
    let Some(package) = packages.iter().find(known) else {
        let message = format!("{name} {version} is not among what this workspace builds");
        return Err(Failure::new(Exit::InvalidRegistry, message));
    };
    let manifest = &package.manifest_path;
    Ok(manifest.parent().unwrap_or(Utf8Path::new(".")))
}

/// What one of this repository's workspaces builds, by the folder with its lock file.
pub(super) fn metadata(workspace: &Workspace, folder: &str) -> Result<Vec<Package>> {
    let manifest = format!("{folder}/Cargo.toml");
    let output = workspace
        .cargo()
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--all-features", "--manifest-path", &manifest])
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
