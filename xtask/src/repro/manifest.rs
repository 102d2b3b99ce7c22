//! What a reproduction depends on: a `Cargo.toml`, or pip's requirements.

use model_registry::Finding;

/// The candle that this workspace pins; a test compares it with the table.
pub(super) const CANDLE: &str = "0.11.1";

/// What a case on candle needs.
pub(super) fn bound() -> String {
    let candle = ["candle-core", "candle-nn", "candle-transformers"].map(|package| {
        format!("{package} = {{ version = \"={CANDLE}\", default-features = false }}\n")
    });
    let serde = "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n";
    candle.concat() + serde
}

/// What computes is optimised, the rest is built sooner than it is run.
const PROFILE: &str = "\
[profile.dev]
debug = 0

[profile.dev.package]
candle-core.opt-level = 3
candle-nn.opt-level = 3
gemm-common.opt-level = 3
gemm-f16.opt-level = 3
gemm-f32.opt-level = 3
gemm-f64.opt-level = 3
gemm.opt-level = 3
half.opt-level = 3
pulp.opt-level = 3
rayon.opt-level = 3
";

/// The `Cargo.toml` of a project.
pub(super) fn manifest(name: &str, dependencies: &str) -> String {
    let computes = dependencies.contains("candle-");
    let profile = if computes { PROFILE } else { "" };
    format!(
        "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\n{dependencies}\n{profile}\n[workspace]\n"
    )
}

/// The dependencies of a finding's program in Rust.
pub(super) fn needs(finding: &Finding) -> String {
    let (package, version) = (&finding.head.package, &finding.head.version);
    let mut lines = format!("{package} = \"={version}\"\n");
    for need in &finding.head.needs {
        lines += need;
        lines.push('\n');
    }
    lines
}

/// Those of one in Python.
pub(super) fn requirements(finding: &Finding) -> String {
    let mut lines = format!("{}=={}\n", finding.head.package, finding.head.version);
    for need in &finding.head.needs {
        lines += need;
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candle_is_the_one_that_the_workspace_pins() {
        let table = include_str!("../../../Cargo.toml");
        assert!(
            bound().lines().take(3).all(|line| table.contains(line)),
            "{CANDLE}"
        );
    }
}
