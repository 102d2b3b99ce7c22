//! The library of ONNX Runtime and its environment, one a process.

use std::sync::OnceLock;

use camino::Utf8Path;
use ort::environment::Environment;

use crate::backend::Failure;

static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();

/// Loads the library, fetching it first if need be; a failure is remembered, not tried again.
pub(super) fn environment(root: &Utf8Path) -> Result<&'static Environment, Failure> {
    let environment = ENVIRONMENT.get_or_init(|| open(root));
    environment
        .as_ref()
        .map_err(|error| Failure::load(error.clone()))
}

fn open(root: &Utf8Path) -> Result<Environment, String> {
    let library = onnxruntime_library::ensure(root).map_err(|error| error.to_string())?;
    ort::init_from(&library)
        .map_err(|error| format!("{library}: {error}"))?
        .with_telemetry(false)
        .build()
        .map_err(|error| format!("{library}: {error}"))
}

/// What the loaded library says of itself; the pinned version until one is loaded.
pub(super) fn version() -> String {
    let is_loaded = ENVIRONMENT.get().is_some_and(Result::is_ok);
    let info = if is_loaded { ort::info() } else { "" };
    release(info)
        .unwrap_or(onnxruntime_library::VERSION)
        .to_owned()
}

/// The release in a build's description: `git-branch=rel-1.31.1` names it.
fn release(info: &str) -> Option<&str> {
    let branch = info
        .split([',', ' '])
        .find_map(|word| word.strip_prefix("git-branch=rel-"))?;
    branch
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_the_build() {
        let info =
            "ORT Build Info: git-branch=rel-1.31.1, git-commit-id=26250ae, build type=Release";
        assert_eq!(release(info), Some("1.31.1"));
        assert_eq!(release("ORT Build Info: git-branch=main"), None);
    }
}
