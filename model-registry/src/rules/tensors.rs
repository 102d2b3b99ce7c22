//! Sizes, inputs and outputs: every axis has a length, every recipe can be followed.

use super::is_identifier;
use crate::{
    Axis, Family, Input, ResolvedCase, Size,
    error::Fault,
    outline::{Path, path},
    words::list,
};

/// What snippets see beside the inputs.
const RESERVED: [&str; 8] = [
    "cache", "config", "device", "dtype", "inputs", "model", "position", "weights",
];

pub(super) fn check(family: &Family, cases: &[ResolvedCase<'_>], faults: &mut Vec<Fault>) {
    for case in cases {
        check_case(case, faults);
    }
    for name in family.sizes.keys() {
        let read = |input: &Input| axes(input).iter().any(|axis| axis.name() == Some(name));
        if !cases.iter().any(|case| case.inputs.values().any(read)) {
            let message = format!("no input has an axis `{name}`");
            faults.push(Fault::key(
                path(&["sizes", name]),
                message,
                "remove it, or name the axis in `inputs`",
            ));
        }
    }
    for (variant, name) in family.variants.iter().flat_map(|(variant, of)| {
        let removed = of.inputs.iter().filter(|(_, input)| input.is_none());
        removed.map(move |(name, _)| (variant, name))
    }) {
        if !family.inputs.contains_key(name) {
            let help = format!("valid: {}", list(family.inputs.keys()));
            let key = path(&["variants", variant, "inputs", name]);
            faults.push(Fault::key(
                key,
                format!("the base case has no input `{name}` to remove"),
                help,
            ));
        }
    }
}

fn check_case(case: &ResolvedCase<'_>, faults: &mut Vec<Fault>) {
    for name in case.sizes.keys() {
        axis_name(written(case, "sizes", name), name, faults);
    }
    if !case.sizes.contains_key("batch") {
        faults.push(Fault::key(
            path(&["sizes"]),
            "no size for `batch`",
            "`batch: [2, 3]`",
        ));
    }
    if case.inputs.is_empty() {
        faults.push(Fault::key(path(&["inputs"]), "no inputs", "at least one"));
    }
    for (name, input) in &case.inputs {
        let key = written(case, "inputs", name);
        if !is_identifier(name) || RESERVED.contains(&name.as_str()) {
            let help = format!(
                "an argument of `forward` that Rust can name too, and not one of: {}",
                list(RESERVED)
            );
            faults.push(Fault::key(
                key.clone(),
                format!("`{name}` is no name for an input"),
                help,
            ));
        }
        for axis in axes(input) {
            if let Axis::Named(axis) = axis
                && !case.sizes.contains_key(&axis)
            {
                let help = format!("valid: {}, or a number", list(case.sizes.keys()));
                faults.push(Fault::value(
                    key.clone(),
                    format!("axis `{axis}` has no size"),
                    help,
                ));
            }
        }
        if let Some((message, help)) = recipe(case, input) {
            faults.push(Fault::value(to_mend(case, name), message, help));
        }
    }
    if case.outputs.is_empty() {
        let help = "at least one attribute of what `forward` returns";
        let mut key = written(case, "outputs", "");
        key.pop();
        faults.push(Fault::key(key, "no outputs", help));
    }
    for (name, axes) in &case.outputs {
        let key = written(case, "outputs", name);
        if !is_identifier(name) {
            let help = "an attribute of what `forward` returns, in lower case";
            faults.push(Fault::key(
                key.clone(),
                format!("`{name}` is no name for an output"),
                help,
            ));
        }
        if axes.is_empty() {
            faults.push(Fault::value(
                key.clone(),
                "an output without axes",
                "`[batch, sequence, hidden]`",
            ));
        }
        for axis in axes.iter().filter_map(Axis::name) {
            axis_name(key.clone(), axis, faults);
        }
    }
}

/// What stops a recipe, and what would be right.
fn recipe(case: &ResolvedCase<'_>, input: &Input) -> Option<(String, String)> {
    let size = |axis: &Axis| match axis {
        Axis::Named(name) => case.sizes.get(name).copied(),
        Axis::Fixed(length) => Some(Size {
            recorded: *length,
            second: None,
        }),
    };
    let fault = |message: String, help: &str| Some((message, help.to_owned()));
    match input {
        Input::Tokens(axes) | Input::Floats(axes) if axes.is_empty() => {
            fault("an input without axes".into(), "`[batch, sequence]`")
        }
        Input::Tokens(_) | Input::Floats(_) => None,
        Input::Prompt(prompt) => {
            let [_, sequence] = prompt.shape.as_slice() else {
                return fault(
                    format!("a prompt over {} axes", prompt.shape.len()),
                    "two: batch and sequence",
                );
            };
            let media = prompt.media.as_ref();
            let placed =
                prompt.start.len() + media.map_or(0, |media| media.count) + prompt.end.len();
            let shortest =
                size(sequence).map(|size| size.second.unwrap_or(usize::MAX).min(size.recorded))?;
            let ids = prompt
                .start
                .iter()
                .chain(&prompt.end)
                .chain(media.map(|media| &media.id));
            if placed > shortest {
                fault(
                    format!("{placed} ids are placed, {sequence} has room for {shortest}"),
                    "a longer axis or fewer ids",
                )
            } else if let Some(id) = ids.copied().find(|id| *id < 0) {
                fault(format!("the id {id} is negative"), "an id from 0 on")
            } else {
                None
            }
        }
        Input::Lengths(lengths) => {
            let mut axes = lengths.iter();
            let (Some((axis, rows)), None) = (axes.next(), axes.next()) else {
                return fault(
                    format!("lengths of {} axes", lengths.len()),
                    "one: `{lengths: {sequence: [11, 7]}}`",
                );
            };
            let batch = case.sizes.get("batch")?.recorded;
            let longest = case.sizes.get(axis)?.recorded;
            if rows.len() != batch {
                fault(
                    format!(
                        "lengths for rows: {}, rows of the batch: {batch}",
                        rows.len()
                    ),
                    "one length a row",
                )
            } else if rows.iter().max() != Some(&longest) || rows.contains(&0) {
                fault(
                    format!("the lengths are {}, `{axis}` is {longest}", list(rows)),
                    "lengths from 1 on, the longest as long as the axis",
                )
            } else {
                None
            }
        }
        Input::Boxes(range) if range.shape.last() != Some(&Axis::Fixed(4)) => fault(
            "boxes that are not four numbers each".into(),
            "a last axis of 4",
        ),
        Input::Integers(range) | Input::Boxes(range) if range.below < 2 => fault(
            format!("integers below {} are all the same", range.below),
            "a limit from 2 on, or `constant`",
        ),
        Input::Integers(_) | Input::Boxes(_) | Input::Constant(_) => None,
        Input::Rows(rows) => {
            let ragged = rows.iter().any(|row| row.len() != rows[0].len());
            match rows.first() {
                Some(row) if !row.is_empty() && !ragged => None,
                _ => fault(
                    "rows that are missing or not of one length".into(),
                    "`[[30, 15], [15, 30]]`",
                ),
            }
        }
    }
}

/// The axes that an input is made over.
fn axes(input: &Input) -> Vec<Axis> {
    match input {
        Input::Tokens(axes) | Input::Floats(axes) => axes.clone(),
        Input::Prompt(prompt) => prompt.shape.clone(),
        Input::Lengths(lengths) => {
            let named = lengths.keys().cloned().map(Axis::Named);
            [Axis::Named("batch".into())]
                .into_iter()
                .chain(named)
                .collect()
        }
        Input::Integers(range) | Input::Boxes(range) => range.shape.clone(),
        Input::Constant(filled) => filled.shape.clone(),
        Input::Rows(_) => vec![Axis::Named("batch".into())],
    }
}

/// Where a case's entry is written: in its variant, where that has it, or in the base case.
fn written(case: &ResolvedCase<'_>, section: &str, name: &str) -> Path {
    let variant = case
        .variant
        .and_then(|name| Some((name, case.family.variants.get(name)?)));
    match variant {
        Some((variant, of))
            if match section {
                "sizes" => of.sizes.contains_key(name),
                "inputs" => of.inputs.contains_key(name),
                _ => of.outputs.is_some(),
            } =>
        {
            path(&["variants", variant, section, name])
        }
        _ => path(&[section, name]),
    }
}

/// Where a recipe that cannot be followed is to be mended.
fn to_mend(case: &ResolvedCase<'_>, name: &str) -> Path {
    let written = written(case, "inputs", name);
    match case
        .variant
        .and_then(|name| Some((name, case.family.variants.get(name)?)))
    {
        // What was right in the base case can only be wrong here because of other sizes.
        Some((variant, of)) if written[0] == "inputs" && !of.sizes.is_empty() => {
            path(&["variants", variant, "sizes"])
        }
        _ => written,
    }
}

fn axis_name(key: Path, name: &str, faults: &mut Vec<Fault>) {
    if !is_identifier(name) {
        let help = "a word in lower case: `batch`, `sequence`";
        faults.push(Fault::key(
            key,
            format!("`{name}` is no name for an axis"),
            help,
        ));
    }
}
