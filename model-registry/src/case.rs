//! What a family comes to, case by case: the base case and each variant, merged.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Axis, Binding, CHECKS, Family, Input, Object, Size, Variant, VariantBinding};

/// The version of what the recorder makes of a case; a new one ages every reference.
pub const RECORDER_FORMAT: u32 = 2;

/// The base case of a family, or one of its variants, with everything merged.
#[derive(Clone, Debug)]
pub struct ResolvedCase<'a> {
    /// Whose case it is.
    pub family: &'a Family,
    /// The variant's name; `None` for the base case.
    pub variant: Option<&'a str>,
    /// What the variant tries.
    pub tries: Option<&'a str>,
    /// transformers' model class.
    pub model: String,
    /// The checkpoint's departures, the sizes and the variant's fields, merged object by object.
    pub config: Object,
    /// Constant keyword arguments of `forward`.
    pub call: Object,
    /// Named lengths.
    pub sizes: BTreeMap<String, Size>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, Input>,
    /// Outputs by name, each with its axes.
    pub outputs: BTreeMap<String, Vec<Axis>>,
    /// How candle-transformers is called, if it can be.
    pub candle: Option<&'a Binding>,
    /// The variant that brings the binding; `None` where the base case does.
    pub binding_of: Option<&'a str>,
}

impl Family {
    /// The base case, then the variants by name.
    pub fn cases(&self) -> Vec<ResolvedCase<'_>> {
        let base = self.base_case();
        let variants = self
            .variants
            .iter()
            .map(|(name, variant)| varied(base.clone(), name, variant));
        std::iter::once(base.clone()).chain(variants).collect()
    }

    /// The checks that are not made on this family, each with the reason.
    pub fn waived_checks(&self) -> impl Iterator<Item = (&str, &str)> {
        let waived = self.waives.iter();
        waived
            .filter(|(rule, _)| CHECKS.contains(&rule.as_str()))
            .map(|(check, reason)| (check.as_str(), reason.as_str()))
    }

    /// The family without any variant.
    pub fn base_case(&self) -> ResolvedCase<'_> {
        let mut config = self.transformers.checkpoint.clone();
        merge(&mut config, &self.transformers.config);
        ResolvedCase {
            family: self,
            variant: None,
            tries: None,
            model: self.transformers.model.clone(),
            config,
            call: self.transformers.call.clone(),
            sizes: self.sizes.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            candle: self.candle.as_ref(),
            binding_of: None,
        }
    }
}

/// A case's name taken apart: `bert.relu` → `bert` and `relu`.
pub fn family_and_variant(name: &str) -> (&str, Option<&str>) {
    match name.split_once('.') {
        Some((family, variant)) => (family, Some(variant)),
        None => (name, None),
    }
}

impl<'a> ResolvedCase<'a> {
    /// `bert` or `bert.relu`, which is also the name of its reference.
    pub fn name(&self) -> String {
        match self.variant {
            Some(variant) => format!("{}.{variant}", self.family.family),
            None => self.family.family.clone(),
        }
    }

    /// The binding, where the case brings it and does not share another's.
    pub fn own_binding(&self) -> Option<&'a Binding> {
        self.candle.filter(|_| self.binding_of == self.variant)
    }

    /// A digest, in 16 hexadecimal digits, of all that recording reads; a new alias or candle
    /// snippet does not change it, so it does not age PyTorch's numbers.
    pub fn recorded_from(&self) -> String {
        let read = json!({
            "recorder_format": RECORDER_FORMAT,
            "family": self.family.family,
            "variant": self.variant,
            "model": self.model,
            "decodes_along": self.family.architecture.decodes_along(),
            "config": self.config,
            "call": self.call,
            "sizes": self.sizes,
            "inputs": self.inputs,
            "outputs": self.outputs,
        });
        let mut text = String::new();
        write_sorted(&read, &mut text);
        let digest = Sha256::digest(text);
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn varied<'a>(mut case: ResolvedCase<'a>, name: &'a str, variant: &'a Variant) -> ResolvedCase<'a> {
    case.variant = Some(name);
    case.tries = Some(&variant.tries);
    if let Some(part) = &variant.part {
        case.config = case
            .config
            .get(part)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
    }
    merge(&mut case.config, &variant.config);
    if let Some(call) = &variant.call {
        case.call = call.clone();
    }
    case.sizes.extend(
        variant
            .sizes
            .iter()
            .map(|(name, size)| (name.clone(), *size)),
    );
    for (name, input) in &variant.inputs {
        match input {
            Some(input) => case.inputs.insert(name.clone(), input.clone()),
            None => case.inputs.remove(name),
        };
    }
    if let Some(outputs) = &variant.outputs {
        case.outputs = outputs.clone();
    }
    if let Some(model) = &variant.model {
        case.model = model.clone();
        case.candle = None;
    }
    (case.candle, case.binding_of) = match &variant.candle {
        None => (case.candle, None),
        Some(VariantBinding::Own(binding)) => (Some(binding.as_ref()), Some(name)),
        Some(VariantBinding::Of(owner)) => {
            let variant = case.family.variants.get(owner);
            (variant.and_then(Variant::own_binding), Some(owner.as_str()))
        }
    };
    case
}

/// JSON with sorted keys, whichever order the map of this build keeps: a dependency that turned on
/// serde_json's `preserve_order` must not age every reference.
fn write_sorted(value: &Value, text: &mut String) {
    let items: Vec<(Option<&String>, &Value)> = match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<_, _> = entries.iter().collect();
            sorted
                .into_iter()
                .map(|(key, value)| (Some(key), value))
                .collect()
        }
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        // Writing to a String cannot fail.
        scalar => {
            let _ = write!(text, "{scalar}");
            return;
        }
    };
    let (open, close) = if value.is_object() {
        ('{', '}')
    } else {
        ('[', ']')
    };
    text.push(open);
    for (i, (key, item)) in items.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        if let Some(key) = key {
            let _ = write!(text, "{}:", Value::from(key.as_str()));
        }
        write_sorted(item, text);
    }
    text.push(close);
}

/// Puts `from` into `into`: objects are merged, everything else replaces.
fn merge(into: &mut Object, from: &Object) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}
