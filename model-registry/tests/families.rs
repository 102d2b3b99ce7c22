//! The families that are here load, and every one of them keeps the rules.

use camino::Utf8Path;
use model_registry::Registry;

#[test]
fn families_are_valid() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Err(errors) = Registry::load(root) {
        panic!("{} faults\n\n{errors}", errors.len());
    }
}
