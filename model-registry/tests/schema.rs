//! The schema that editors read is the one that the types make.

use std::fs;

use camino::Utf8Path;

#[test]
fn schema_is_fresh() {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, model_registry::schema()).expect("a writable file");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == model_registry::schema(),
        "{path} is stale: cargo xtask regen --all"
    );
}

#[test]
fn schema_refuses_unknown_keys_and_describes_the_known() {
    let schema: serde_json::Value =
        serde_json::from_str(&model_registry::schema()).expect("the schema is JSON");
    assert_eq!(schema["additionalProperties"], false);
    for (name, property) in schema["properties"].as_object().expect("properties") {
        assert!(
            property["description"].is_string(),
            "`{name}` has no description"
        );
    }
}
