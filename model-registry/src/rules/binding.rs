//! How candle is called: snippets that are Rust, outputs that the case has, reasons for the rest.

use std::collections::BTreeMap;

use super::{
    is_plain,
    names::is_python_identifier,
    snippet::{self, Kind},
};
use crate::{
    Axis, Binding, Derived, Family, ResolvedCase, Source, Translation,
    error::Fault,
    outline::{Path, path},
    words::list,
};

pub(super) fn check(family: &Family, cases: &[ResolvedCase<'_>], faults: &mut Vec<Fault>) {
    check_unbound(family, faults);
    for case in cases {
        let Some(binding) = case.candle else { continue };
        if case.inherits_binding {
            check_inherited(case, binding, faults);
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

fn check_inherited(case: &ResolvedCase<'_>, binding: &Binding, faults: &mut Vec<Fault>) {
    let Some((name, variant)) = case
        .variant
        .and_then(|name| Some((name, case.family.variants.get(name)?)))
    else {
        return;
    };
    let help = "give the variant a binding of its own";
    for output in binding
        .outputs
        .keys()
        .filter(|output| !case.outputs.contains_key(*output))
    {
        let key = path(&["variants", name, "outputs"]);
        faults.push(Fault::key(
            key,
            format!("the inherited binding gives `{output}`, which this case lacks"),
            help,
        ));
    }
    for output in case.outputs.keys() {
        if !binding.outputs.contains_key(output) && !binding.missing.contains_key(output) {
            let key = path(&["variants", name, "outputs", output]);
            faults.push(Fault::key(
                key,
                format!("the inherited binding does not give `{output}`"),
                help,
            ));
        }
    }
    for input in variant
        .inputs
        .iter()
        .filter(|(_, input)| input.is_none())
        .map(|(input, _)| input)
    {
        if snippets(binding)
            .iter()
            .any(|(_, _, source)| snippet::mentions(source, input))
        {
            let key = path(&["variants", name, "inputs", input]);
            faults.push(Fault::key(
                key,
                format!("the inherited binding reads `{input}`"),
                help,
            ));
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
