//! From `config.json` as transformers writes it to what a candle model reads.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::Result;

/// Where the value of a translated config field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A dotted path in transformers' config: `rope_parameters.rope_theta`.
    From(&'static str),
    /// A value, as JSON text.
    Value(&'static str),
}

/// The translated config, for models whose own config type is not read from JSON.
#[derive(Clone, Debug)]
pub struct Json(Value);

impl Json {
    /// The field at a dotted path, read as the type asked for.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let value = at(&self.0, path)
            .ok_or_else(|| message(format!("the config has no field `{path}`")))?;
        serde_json::from_value(value.clone())
            .map_err(|error| message(format!("config field `{path}`: {error}")))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

/// Reads a config that has been translated.
pub(super) fn read<T: DeserializeOwned>(config: Value) -> std::result::Result<T, String> {
    serde_json::from_value(config).map_err(|error| {
        let name = std::any::type_name::<T>();
        format!("config.json cannot be read as {name}: {error}")
    })
}

/// transformers' config with the translations applied.
pub(super) fn translate(
    config: &Value,
    translates: &[(&str, Field)],
) -> std::result::Result<Value, String> {
    let mut translated = config.clone();
    for (target, field) in translates {
        let value = match field {
            Field::From(path) => at(config, path).cloned().ok_or_else(|| {
                format!("the config has no field `{path}`, which `{target}` is translated from")
            })?,
            Field::Value(text) => serde_json::from_str(text)
                .map_err(|error| format!("the value that `{target}` is translated to: {error}"))?,
        };
        set(&mut translated, target, value)?;
    }
    Ok(translated)
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    })
}

/// Sets a field, making the objects on the way; anything else on the way is an error.
fn set(root: &mut Value, path: &str, value: Value) -> std::result::Result<(), String> {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = root;
    for key in parents.split('.').filter(|key| !key.is_empty()) {
        let Value::Object(fields) = place else {
            return Err(format!("`{path}`: what holds `{key}` is no object"));
        };
        place = fields
            .entry(key)
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    let Value::Object(fields) = place else {
        return Err(format!("`{path}`: what holds `{last}` is no object"));
    };
    fields.insert(last.to_owned(), value);
    Ok(())
}

fn message(text: String) -> candle_core::Error {
    candle_core::Error::Msg(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        json!({"hidden_size": 36, "rope_parameters": {"rope_theta": 1e4}, "text_config": {"layers": [1, 2]}})
    }

    #[test]
    fn takes_a_field_from_another_place() {
        let translates = [("rope_theta", Field::From("rope_parameters.rope_theta"))];
        let translated = translate(&config(), &translates).expect("it is there");
        assert_eq!(translated["rope_theta"], json!(1e4));
    }

    #[test]
    fn sets_a_nested_field_and_makes_what_holds_it() {
        let translates = [("vision_config.window", Field::Value("4096"))];
        let translated = translate(&config(), &translates).expect("a number");
        assert_eq!(translated["vision_config"]["window"], json!(4096));
    }

    #[test]
    fn failing_translations_say_which() {
        let table = [
            (
                ("rope_theta", Field::From("rope.theta")),
                "the config has no field `rope.theta`, which `rope_theta` is translated from",
            ),
            (
                ("window", Field::Value("4096,")),
                "the value that `window` is translated to: trailing characters at line 1 column 5",
            ),
            (
                ("hidden_size.window", Field::Value("1")),
                "`hidden_size.window`: what holds `window` is no object",
            ),
        ];
        for (translation, expected) in table {
            let error = translate(&config(), &[translation]).expect_err("cannot be done");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn json_is_read_by_dotted_path() {
        let json: Json = read(config()).expect("any JSON");
        assert_eq!(json.get::<usize>("hidden_size").ok(), Some(36));
        assert_eq!(json.get::<usize>("text_config.layers.1").ok(), Some(2));
        let missing = json
            .get::<usize>("text_config.depth")
            .expect_err("not there");
        assert_eq!(
            missing.to_string(),
            "the config has no field `text_config.depth`"
        );
        let mistyped = json.get::<bool>("hidden_size").expect_err("a number");
        assert_eq!(
            mistyped.to_string(),
            "config field `hidden_size`: invalid type: integer `36`, expected a boolean"
        );
    }

    #[test]
    fn a_config_that_does_not_fit_names_its_type() {
        #[derive(Debug, Deserialize)]
        struct Config {
            #[expect(dead_code, reason = "only its absence matters")]
            vocab_size: usize,
        }
        let error = read::<Config>(config()).expect_err("a field is missing");
        assert!(
            error.starts_with("config.json cannot be read as harness::candle::config"),
            "{error}"
        );
        assert!(error.ends_with("missing field `vocab_size`"), "{error}");
    }
}
