//! What the Python templates see.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value as TemplateValue;
use model_registry::{Axis, Family, Input, Media, ResolvedCase};
use serde::Serialize;
use serde_json::Value;

use super::names::{self, constant};
use crate::{error::Error, filters::Expression};

/// One family's Python file.
#[derive(Debug, Serialize)]
pub(crate) struct PythonContext {
    title: String,
    architecture: &'static str,
    modality: String,
    /// What is imported from the harness, sorted.
    imports: Vec<String>,
    cases: Vec<CaseContext>,
}

/// The base case, or a variant.
#[derive(Debug, Serialize)]
struct CaseContext {
    /// What its constant is named after.
    constant: String,
    /// What `Case` is given, in the order of its fields.
    arguments: Vec<Argument>,
}

#[derive(Debug, Serialize)]
struct Argument {
    name: &'static str,
    /// Carries an [`Expression`].
    value: TemplateValue,
}

impl PythonContext {
    pub(crate) fn new(family: &Family, cases: &[ResolvedCase<'_>]) -> Result<Self, Error> {
        names::check(family)?;
        let mut imports = BTreeSet::from(["Case".to_owned(), "check".to_owned()]);
        imports.extend(
            cases
                .iter()
                .flat_map(|case| case.inputs.values())
                .map(|input| constructor(input).to_owned()),
        );
        Ok(Self {
            title: family.title.clone(),
            architecture: family.architecture.name(),
            modality: family.modality.to_string(),
            imports: imports.into_iter().collect(),
            cases: cases.iter().map(case_context).collect(),
        })
    }
}

fn case_context(case: &ResolvedCase<'_>) -> CaseContext {
    let family = case.family;
    let object = |object: &model_registry::Object| Expression::from(&Value::Object(object.clone()));
    let maybe =
        |text: Option<&str>| text.map_or(Expression::Literal(Value::Null), Expression::string);
    let sizes = case.sizes.iter().map(|(name, size)| {
        let lengths = [Some(size.recorded), size.second];
        (
            name.clone(),
            Expression::Tuple(lengths.into_iter().flatten().map(number).collect()),
        )
    });
    let arguments = [
        ("category", Expression::string(family.category.name())),
        ("family", Expression::string(&family.family)),
        ("variant", maybe(case.variant)),
        ("model", Expression::string(&case.model)),
        ("recorded_from", Expression::string(case.recorded_from())),
        ("decodes_along", maybe(family.architecture.decodes_along())),
        ("config", object(&case.config)),
        ("call", object(&case.call)),
        ("sizes", Expression::Dict(sizes.collect())),
        (
            "inputs",
            Expression::Dict(mapped(&case.inputs, input_expression)),
        ),
        (
            "outputs",
            Expression::Dict(mapped(&case.outputs, |axes| {
                Expression::Tuple(axis_list(axes))
            })),
        ),
    ];
    CaseContext {
        constant: constant(case).to_owned(),
        arguments: arguments
            .into_iter()
            .map(|(name, value)| Argument {
                name,
                value: value.into(),
            })
            .collect(),
    }
}

fn mapped<T>(
    map: &BTreeMap<String, T>,
    expression: impl Fn(&T) -> Expression,
) -> Vec<(String, Expression)> {
    map.iter()
        .map(|(name, value)| (name.clone(), expression(value)))
        .collect()
}

/// The function of the harness that makes such an input.
fn constructor(input: &Input) -> &'static str {
    match input {
        Input::Tokens(_) => "tokens",
        Input::Prompt(_) => "prompt",
        Input::Lengths(_) => "lengths",
        Input::Floats(_) => "floats",
        Input::Integers(_) => "integers",
        Input::Boxes(_) => "boxes",
        Input::Constant(_) => "constant",
        Input::Rows(_) => "rows",
    }
}

fn input_expression(input: &Input) -> Expression {
    let mut positional = Vec::new();
    let mut keyword: Vec<(String, Expression)> = Vec::new();
    let shape = |axes: &[Axis]| Expression::Tuple(axis_list(axes));
    match input {
        Input::Tokens(axes) | Input::Floats(axes) => positional = axis_list(axes),
        Input::Prompt(prompt) => {
            positional.push(shape(&prompt.shape));
            if !prompt.start.is_empty() {
                keyword.push(("start".to_owned(), numbers(&prompt.start)));
            }
            if let Some(Media { id, count }) = prompt.media {
                keyword.push((
                    "media".to_owned(),
                    Expression::Tuple(vec![number(id), number(count)]),
                ));
            }
            if !prompt.end.is_empty() {
                keyword.push(("end".to_owned(), numbers(&prompt.end)));
            }
        }
        Input::Lengths(lengths) => keyword = mapped(lengths, |lengths| numbers(lengths)),
        Input::Integers(range) | Input::Boxes(range) => {
            positional.push(shape(&range.shape));
            keyword.push(("below".to_owned(), number(range.below)));
        }
        Input::Constant(filled) => {
            positional.push(shape(&filled.shape));
            keyword.push(("value".to_owned(), number(filled.value)));
        }
        Input::Rows(rows) => {
            positional.push(Expression::List(
                rows.iter().map(|row| numbers(row)).collect(),
            ));
        }
    }
    Expression::Call {
        function: constructor(input),
        positional,
        keyword,
    }
}

fn axis_list(axes: &[Axis]) -> Vec<Expression> {
    axes.iter()
        .map(|axis| match axis {
            Axis::Named(name) => Expression::string(name),
            Axis::Fixed(length) => number(*length),
        })
        .collect()
}

fn number(number: impl Into<Value>) -> Expression {
    Expression::Literal(number.into())
}

fn numbers<T: Copy + Into<Value>>(numbers: &[T]) -> Expression {
    Expression::List(numbers.iter().copied().map(number).collect())
}
