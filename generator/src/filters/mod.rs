//! Typed filters: the only way for a value of the registry into an emitted file.

mod name;
pub(crate) mod python;
mod rust;

use minijinja::{Environment, Error, ErrorKind, Value, value::ValueKind};

pub(crate) use python::Expression;

/// The filters by name, as the message for an unfiltered value lists them.
pub(crate) const NAMES: &[&str] = &[
    "constant",
    "python_argument",
    "python_doc",
    "python_identifier",
    "python_literal",
    "python_string",
    "rust_doc",
    "rust_expression",
    "rust_identifier",
    "rust_statements",
    "rust_string",
    "rust_type",
    "rust_use",
    "toml_key",
];

/// Adds all of them.
pub(crate) fn add(environment: &mut Environment<'_>) {
    let mut add = |name: &'static str, filter: fn(&str) -> Result<String, String>| {
        environment.add_filter(name, move |value: &Value| typed(filter(text(name, value)?)));
    };
    add("constant", name::constant);
    add("python_doc", python::doc);
    add("python_identifier", name::python_identifier);
    add("python_string", |text| Ok(python::string(text)));
    add("rust_doc", rust::doc);
    add("rust_expression", rust::expression);
    add("rust_identifier", name::rust_identifier);
    add("rust_statements", rust::statements);
    add("rust_string", |text| Ok(rust::string(text)));
    add("rust_type", rust::ty);
    add("rust_use", rust::use_tree);
    add("toml_key", name::toml_key);
    environment.add_filter("python_literal", |value: &Value, indent: usize| {
        refuse_undefined(value)?;
        typed(Expression::from_value(value).map(|expression| expression.lay_out(indent, 0)))
    });
    environment.add_filter(
        "python_argument",
        |value: &Value, name: &str, indent: usize| {
            refuse_undefined(value)?;
            let argument = || {
                let name = name::python_identifier(name)?;
                Ok(Expression::from_value(value)?.lay_out_argument(&name, indent))
            };
            typed(argument())
        },
    );
}

/// The text that a filter was given; anything else has another filter.
fn text<'a>(filter: &str, value: &'a Value) -> Result<&'a str, Error> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => {
            refuse_undefined(value)?;
            let kind = match value.kind() {
                ValueKind::None => "none".to_owned(),
                kind => format!("a {kind}"),
            };
            Err(refused(format!("{filter} takes a string, found {kind}")))
        }
    }
}

/// Looking into an undefined value makes the engine tell which name it was.
fn refuse_undefined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        value.get_attr("any").map(|_| ())
    } else {
        Ok(())
    }
}

/// Marks text as having passed a filter, which is what the formatter asks for.
fn typed(text: Result<String, String>) -> Result<Value, Error> {
    text.map(Value::from_safe_string).map_err(refused)
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
