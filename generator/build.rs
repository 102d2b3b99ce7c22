//! Embeds the templates, and refuses to build one whose syntax is wrong: embedding alone would not look.

#[path = "src/syntax.rs"]
mod syntax;

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

use walkdir::WalkDir;

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = env::var("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).join("../templates").canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=src/syntax.rs");

    let mut table = String::from("&[\n");
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path();
        let name = path
            .strip_prefix(&root)?
            .to_str()
            .ok_or("a template's name is not UTF-8")?
            .replace('\\', "/");
        if !name.ends_with(".j2") {
            println!("cargo::error=templates/{name}: not a template; their names end in .j2");
            continue;
        }
        println!("cargo::rerun-if-changed={}", path.display());
        if let Err(error) = syntax::check(&name, &fs::read_to_string(path)?) {
            println!("cargo::error={error}");
        }
        writeln!(
            table,
            "    ({name:?}, include_str!({:?})),",
            path.display().to_string()
        )?;
    }
    table.push_str("]\n");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("templates.rs"), table)?;
    fs::write(
        Path::new(&out).join("fixtures.rs"),
        fixtures(&Path::new(&manifest).join("tests/fixtures"))?,
    )?;
    Ok(())
}

/// One test a fixture, so that each has a name to run it by.
fn fixtures(folder: &Path) -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut tests = String::new();
    // Absent from the package where only the sources are.
    for entry in WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
    {
        let name = entry
            .path()
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "txt")
        {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            writeln!(
                tests,
                "#[test] fn {name}() {{ check({:?}, include_str!({:?})); }}",
                format!("{name}.txt"),
                entry.path().display().to_string()
            )?;
        }
    }
    Ok(tests)
}
