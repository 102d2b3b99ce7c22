//! How candle is called: snippets that are Rust, outputs that the case has, reasons for the rest.

use std::collections::BTreeMap;

use super::{
    is_plain,
    names::is_python_identifier,
    snippet::{self, Kind},
};
use crate::{
    Axis, Binding, Derived, Family, ResolvedCase, Source, Translation, VariantBinding,
    error::Fault,
    outline::{Path, path},
    words::{list, nearest},
};

pub(super) fn check(family: &Family, cases: &[ResolvedCase<'_>], faults: &mut Vec<Fault>) {
    check_unbound(family, faults);
    check_owners(family, faults);
    for case in cases {
        let Some(binding) = case.candle else { continue };
        if case.own_binding().is_none() {
            let owner = cases.iter().find(|owner| owner.variant == case.binding_of);
            check_shared(case, binding, owner.unwrap_or(case), faults);
            continue;
        }
        let at = match case.variant {
            Some(variant) => path(&["variants", variant, "candle"]),
            None => path(&["candle"]),
        };
        for (kind, key, source) in snippets(binding) {
            snippet::check(kind, source, join(&at, key), faults);
        }
        check_outputs(&at, binding, &case.outputs, faults);
        check_data(&at, binding, faults);
    }
}

/// Every snippet of a binding, with its key.
fn snippets(binding: &Binding) -> Vec<(Kind, Vec<&str>, &Source)> {
    let mut all = vec![
        (Kind::Use, vec!["use"], &binding.imports),
        (Kind::Type, vec!["config"], &binding.config),
        (Kind::Type, vec!["model"], &binding.model),
        (Kind::Expression, vec!["load"], &binding.load),
    ];
    all.extend(
        binding
            .prepare
            .iter()
            .map(|source| (Kind::Setup, vec!["prepare"], source)),
    );
    if let Some(cache) = &binding.cache {
        all.push((Kind::Type, vec!["cache", "type"], &cache.ty));
        all.push((Kind::Setup, vec!["cache", "new"], &cache.new));
    }
    all.extend(
        binding
            .reset
            .iter()
            .map(|source| (Kind::Statements, vec!["reset"], source)),
    );
    all.extend(
        binding
            .forward
            .iter()
            .map(|source| (Kind::Statements, vec!["forward"], source)),
    );
    let outputs = binding.outputs.iter();
    all.extend(outputs.map(|(name, source)| (Kind::Expression, vec!["outputs", name], source)));
    all
}

fn check_outputs(
    at: &Path,
    binding: &Binding,
    outputs: &BTreeMap<String, Vec<Axis>>,
    faults: &mut Vec<Fault>,
) {
    let valid = || format!("valid: {}", list(outputs.keys()));
    if binding.outputs.is_empty() {
        let help = "bind one, or remove the binding";
        faults.push(Fault::key(
            join(at, ["outputs"]),
            "a binding without outputs",
            help,
        ));
    }
    for (section, name) in binding
        .outputs
        .keys()
        .map(|name| ("outputs", name))
        .chain(binding.missing.keys().map(|name| ("missing", name)))
    {
        if !outputs.contains_key(name) {
            faults.push(Fault::key(
                join(at, [section, name]),
                format!("the case has no output `{name}`"),
                valid(),
            ));
        }
    }
    for name in outputs.keys() {
        match (
            binding.outputs.contains_key(name),
            binding.missing.get(name),
        ) {
            (true, None) => {}
            (true, Some(_)) => {
                let help = "keep it in `outputs` or in `missing`";
                faults.push(Fault::key(
                    join(at, ["missing", name]),
                    format!("`{name}` is bound as well"),
                    help,
                ));
            }
            (false, None) => {
                let message = format!("output `{name}` is neither bound nor missing with a reason");
                let help = "add it to `outputs`, or to `missing` with the upstream file and line";
                faults.push(Fault::key(join(at, ["outputs"]), message, help));
            }
            (false, Some(reason)) if !cites_upstream(reason) => {
                let help = "say why and where: `the encoder is private, clip.rs:120`";
                faults.push(Fault::value(
                    join(at, ["missing", name]),
                    "a reason without the upstream file and line",
                    help,
                ));
            }
            (false, Some(_)) => {}
        }
    }
    for (i, name) in binding.last_position.iter().enumerate() {
        if !binding.outputs.contains_key(name) {
            let help = format!("valid: {}", list(binding.outputs.keys()));
            let key = join(at, ["last_position", &i.to_string()]);
            faults.push(Fault::value(key, format!("`{name}` is not bound"), help));
        }
    }
}

fn check_data(at: &Path, binding: &Binding, faults: &mut Vec<Fault>) {
    let dotted = |text: &str| text.split('.').all(is_python_identifier);
    for (field, translation) in &binding.translate {
        let key = join(at, ["translate", field]);
        if !dotted(field) {
            faults.push(Fault::key(
                key.clone(),
                format!("`{field}` is no field"),
                "names joined by dots",
            ));
        }
        if let Translation::From(from) = translation
            && !dotted(from)
        {
            faults.push(Fault::value(
                key,
                format!("`{from}` is no field"),
                "names joined by dots: `rope_parameters.rope_theta`",
            ));
        }
    }
    let weight =
        |name: &str| name.is_empty() || is_plain(name) && !name.contains(char::is_whitespace);
    for (candle, derived) in &binding.derive {
        let key = join(at, ["derive", candle]);
        let sources = derived.sources();
        let is_one = |name: &&str| weight(name) && !name.is_empty() && !is_prefix(name);
        if !is_one(&candle.as_str()) || sources.is_empty() || !sources.iter().all(is_one) {
            let help = "whole names as in the checkpoint, at least one";
            faults.push(Fault::key(key, "a name that no weight has", help));
        } else if sources.iter().any(|name| stars(name) > stars(candle)) {
            let message = format!("`{candle}` has fewer `*` than what makes it");
            faults.push(Fault::key(key, message, STARS));
        } else if let Derived::Part(part) = derived
            && part.at >= part.count
        {
            let message = format!("part {} of {}", part.at, part.count);
            faults.push(Fault::key(key, message, "parts are counted from 0"));
        }
    }
    for (candle, checkpoint) in &binding.rename {
        let key = join(at, ["rename", candle]);
        if !weight(candle) || !weight(checkpoint) {
            faults.push(Fault::key(
                key,
                "a name that no weight has",
                "names as in the checkpoint",
            ));
        } else if is_prefix(candle) != is_prefix(checkpoint) {
            let help = "a name for a name, or a prefix that ends in `.` (or is empty) for another";
            faults.push(Fault::key(
                key,
                format!("`{candle}` becomes `{checkpoint}`"),
                help,
            ));
        } else if stars(checkpoint) > stars(candle) {
            let message = format!("`{candle}` has fewer `*` than `{checkpoint}`");
            faults.push(Fault::key(key, message, STARS));
        }
    }
}

/// Only a binding that stands in full can be shared, so that one look finds it.
fn check_owners(family: &Family, faults: &mut Vec<Fault>) {
    let owners = family.variants.iter();
    let owners = owners.filter(|(_, variant)| variant.own_binding().is_some());
    let owners: Vec<_> = owners.map(|(name, _)| name).collect();
    for (name, variant) in &family.variants {
        let Some(VariantBinding::Of(owner)) = &variant.candle else {
            continue;
        };
        if owners.contains(&owner) {
            continue;
        }
        let message = if family.variants.contains_key(owner) {
            format!("the variant `{owner}` has no binding of its own")
        } else {
            format!("no variant is called `{owner}`")
        };
        let help = if owners.is_empty() {
            "valid: a binding".to_owned()
        } else {
            let near = nearest(owner, &owners);
            format!(
                "{near}valid: a binding, or a variant that has one: {}",
                list(&owners)
            )
        };
        let key = path(&["variants", name, "candle"]);
        faults.push(Fault::value(key, message, help));
    }
}

/// A binding that another case brings gives what this one has, and reads no input that it lacks.
fn check_shared(
    case: &ResolvedCase<'_>,
    binding: &Binding,
    owner: &ResolvedCase<'_>,
    faults: &mut Vec<Fault>,
) {
    let Some(variant) = case.variant else { return };
    let (whose, is_named) = match owner.variant {
        None => ("the inherited binding".to_owned(), false),
        Some(owner) => (format!("the binding of `{owner}`"), true),
    };
    let mut fault = |key: &[&str], message: String| {
        // Where a binding is named, that name is what to change.
        let key = if is_named { &["candle"] } else { key };
        let key = path(&[&["variants", variant], key].concat());
        let help = "give the variant a binding of its own";
        faults.push(Fault::key(key, message, help));
    };
    for output in binding.outputs.keys() {
        if !case.outputs.contains_key(output) {
            let message = format!("{whose} gives `{output}`, which this case lacks");
            fault(&["outputs"], message);
        }
    }
    for output in case.outputs.keys() {
        if !binding.outputs.contains_key(output) && !binding.missing.contains_key(output) {
            let message = format!("{whose} does not give `{output}`");
            fault(&["outputs", output], message);
        }
    }
    for input in owner.inputs.keys() {
        let is_read = |(_, _, source): &(_, _, &Source)| snippet::mentions(source, input);
        if !case.inputs.contains_key(input) && snippets(binding).iter().any(is_read) {
            fault(&["inputs", input], format!("{whose} reads `{input}`"));
        }
    }
}

fn check_unbound(family: &Family, faults: &mut Vec<Fault>) {
    let Some(reason) = &family.unbound else {
        return;
    };
    if family.candle.is_some() {
        let help = "keep one of them: what is bound has no reason not to be";
        faults.push(Fault::key(path(&["unbound"]), "the family is bound", help));
    } else if !cites_upstream(reason) {
        let help = "say why and where: `the module has a config and no model, persimmon.rs:29`";
        let message = "a reason without the upstream file and line";
        faults.push(Fault::value(path(&["unbound"]), message, help));
    }
}

const STARS: &str = "each `*` on the right is what the `*` at its place on the left stands for";

fn stars(name: &str) -> usize {
    name.split('.').filter(|part| *part == "*").count()
}

fn is_prefix(name: &str) -> bool {
    name.is_empty() || name.ends_with('.')
}

/// `…, bert.rs:500`
fn cites_upstream(reason: &str) -> bool {
    reason
        .split(".rs:")
        .skip(1)
        .any(|after| after.starts_with(|c: char| c.is_ascii_digit()))
}

fn join<'a>(at: &Path, below: impl IntoIterator<Item = &'a str>) -> Path {
    at.iter()
        .cloned()
        .chain(below.into_iter().map(str::to_owned))
        .collect()
}
