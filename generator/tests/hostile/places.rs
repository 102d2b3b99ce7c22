//! Every place of a family file where a hand could put something else: each scalar, and each key.

use serde_json::{Map, Value};

/// One step into a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A scalar, or the last key of its way.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    way: Vec<Step>,
    is_key: bool,
}

/// Maps whose keys a family names itself.
const NAMED_BY_THE_FAMILY: [&str; 11] = [
    "call",
    "checkpoint",
    "config",
    "inputs",
    "lengths",
    "missing",
    "outputs",
    "rename",
    "sizes",
    "translate",
    "variants",
];

/// All places of a file.
pub(crate) fn places(file: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    walk(file, &mut Vec::new(), &mut found);
    found
}

fn walk(value: &Value, way: &mut Vec<Step>, found: &mut Vec<Place>) {
    let mut below = |step: Step, value: &Value, way: &mut Vec<Step>| {
        way.push(step);
        if matches!(way.last(), Some(Step::Key(_))) {
            found.push(Place {
                way: way.clone(),
                is_key: true,
            });
        }
        walk(value, way, found);
        way.pop();
    };
    match value {
        Value::Object(entries) => entries
            .iter()
            .for_each(|(key, value)| below(Step::Key(key.clone()), value, way)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, value)| below(Step::Index(at), value, way));
        }
        _ => found.push(Place {
            way: way.clone(),
            is_key: false,
        }),
    }
}

impl Place {
    /// What the place is, whatever the family calls it and whichever case it belongs to:
    /// `inputs.*.tokens.#, the value`.
    pub(crate) fn kind(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        for step in &self.way {
            let above = parts.last().copied().unwrap_or_default();
            match step {
                Step::Index(_) => parts.push("#"),
                // A config's fields nest like its parts.
                Step::Key(_) if above == "*" && parts.contains(&"config") => {}
                Step::Key(_) if NAMED_BY_THE_FAMILY.contains(&above) => parts.push("*"),
                Step::Key(key) => parts.push(key),
            }
            if parts == ["variants", "*", "candle"] || parts == ["variants", "*", "inputs"] {
                parts.drain(..2);
            }
        }
        match (self.is_key, parts.last()) {
            (false, _) => format!("{}, the value", parts.join(".")),
            (true, Some(&"*")) => format!("{}, the key", parts.join(".")),
            (true, _) => "a key of the format".to_owned(),
        }
    }

    /// Whether it is a key, whose name decides where in the file its value is emitted.
    pub(crate) fn is_key(&self) -> bool {
        self.is_key
    }

    /// Whether Rust stands here, which is code by intention.
    pub(crate) fn is_snippet(&self) -> bool {
        let keys: Vec<&str> = self
            .way
            .iter()
            .filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            })
            .collect();
        let Some(at) = keys.iter().position(|key| *key == "candle") else {
            return false;
        };
        let is_code = matches!(
            keys[at + 1..],
            ["use" | "config" | "prepare" | "model" | "load" | "reset" | "forward"]
                | ["cache" | "outputs", _]
        );
        is_code && !self.is_key
    }

    /// Whether it is the family's name, which is also the file's.
    pub(crate) fn is_family(&self) -> bool {
        self.way == [Step::Key("family".to_owned())] && !self.is_key
    }

    /// The file with something else in this place; a key is always text.
    pub(crate) fn put(&self, file: &Value, given: &Value) -> Value {
        let mut file = file.clone();
        let (last, above) = self.way.split_last().expect("a file is a map");
        let holder = above.iter().fold(&mut file, |value, step| match step {
            Step::Key(key) => &mut value[key.as_str()],
            Step::Index(at) => &mut value[*at],
        });
        match (last, self.is_key) {
            (Step::Key(key), true) => {
                let given = given.as_str().unwrap_or("17");
                let entries = holder.as_object_mut().expect("a key stands in a map");
                let renamed =
                    |(name, value)| (if name == *key { given.to_owned() } else { name }, value);
                let all = std::mem::take(entries).into_iter().map(renamed);
                *entries = all.collect::<Map<_, _>>();
            }
            (Step::Key(key), false) => holder[key.as_str()] = given.clone(),
            (Step::Index(at), _) => holder[*at] = given.clone(),
        }
        file
    }
}
