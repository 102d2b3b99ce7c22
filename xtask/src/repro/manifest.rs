//! What a reproduction depends on: a `Cargo.toml`, or pip's requirements.

use model_registry::Finding;

/// What a case on candle needs.
pub(super) const BOUND: &str = "\
candle-core = { version = \"=0.11.1\", default-features = false }
candle-nn = { version = \"=0.11.1\", default-features = false }
candle-transformers = { version = \"=0.11.1\", default-features = false }
serde = { version = \"1\", features = [\"derive\"] }
serde_json = \"1\"
";

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
