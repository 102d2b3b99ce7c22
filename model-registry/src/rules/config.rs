//! What transformers is asked to build: names that Python can hold, and every field given once.

use serde_json::Value;

use super::names::is_python_identifier;
use crate::{
    Family, Object,
    error::Fault,
    outline::{Path, path},
    words::list,
};

pub(super) fn check(family: &Family, faults: &mut Vec<Fault>) {
    let transformers = &family.transformers;
    class(
        path(&["transformers", "model"]),
        &transformers.model,
        faults,
    );
    keys(
        &path(&["transformers", "checkpoint"]),
        &transformers.checkpoint,
        faults,
    );
    keys(
        &path(&["transformers", "config"]),
        &transformers.config,
        faults,
    );
    keys(&path(&["transformers", "call"]), &transformers.call, faults);
    let both = path(&["transformers", "config"]);
    given_twice(
        &both,
        &transformers.config,
        &transformers.checkpoint,
        faults,
    );
    let base = family.base_case();
    for (name, variant) in &family.variants {
        let at = |key: &str| path(&["variants", name, key]);
        if let Some(model) = &variant.model {
            class(at("model"), model, faults);
            if *model == transformers.model {
                let help = "leave it out; the binding is then inherited";
                faults.push(Fault::value(
                    at("model"),
                    format!("`{model}` is the base case's class"),
                    help,
                ));
            }
        }
        if let Some(part) = &variant.part {
            let parts = base.config.iter().filter(|(_, value)| value.is_object());
            let parts: Vec<_> = parts.map(|(key, _)| key).collect();
            if !parts.contains(&part) {
                let help = format!("valid: {}", list(parts));
                faults.push(Fault::value(
                    at("part"),
                    format!("`{part}` is no part of the config"),
                    help,
                ));
            }
            if variant.model.is_none() {
                let help = "name the class that is built from it: `model: …`";
                faults.push(Fault::key(
                    at("part"),
                    "a part of the config without a class",
                    help,
                ));
            }
        }
        keys(&at("config"), &variant.config, faults);
        if let Some(call) = &variant.call {
            keys(&at("call"), call, faults);
        }
    }
}

fn class(key: Path, name: &str, faults: &mut Vec<Fault>) {
    if !is_python_identifier(name) {
        let help = "a class of transformers: `BertModel`";
        faults.push(Fault::value(
            key,
            format!("`{name}` is no Python identifier"),
            help,
        ));
    }
}

/// Fields are keyword arguments of a config class; what is nested in anything else is plain data.
fn keys(at: &Path, fields: &Object, faults: &mut Vec<Fault>) {
    for (name, value) in fields {
        let mut key = at.clone();
        key.push(name.clone());
        match value {
            Value::Object(nested) if name.ends_with("_config") => keys(&key, nested, faults),
            // Some YAML readers take these for booleans, this one for text: nobody means the text.
            Value::String(text)
                if ["yes", "no", "on", "off"].contains(&text.to_lowercase().as_str()) =>
            {
                faults.push(Fault::value(
                    key.clone(),
                    format!("`{name}` is the text `{text}`"),
                    "`true` or `false`",
                ));
            }
            _ => {}
        }
        if !is_python_identifier(name) {
            faults.push(Fault::key(
                key,
                format!("`{name}` is no Python identifier"),
                "a field of the config class",
            ));
        }
    }
}

fn given_twice(at: &Path, config: &Object, checkpoint: &Object, faults: &mut Vec<Fault>) {
    for (name, value) in config {
        let mut key = at.clone();
        key.push(name.clone());
        match (value, checkpoint.get(name)) {
            (_, None) => {}
            (Value::Object(value), Some(Value::Object(given))) => {
                given_twice(&key, value, given, faults)
            }
            (_, Some(given)) => {
                let help = "sizes belong to `config`, everything else to `checkpoint`";
                faults.push(Fault::key(
                    key,
                    format!("`{name}` is {given} in `checkpoint` already"),
                    help,
                ));
            }
        }
    }
}
