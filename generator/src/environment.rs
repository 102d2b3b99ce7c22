//! The template engine, set so that nothing reaches an emitted file by accident.

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
    value::ValueKind,
};

use crate::{filters, syntax};

/// An environment without templates: strict about what is undefined and about what may be printed.
pub(crate) fn environment() -> Result<Environment<'static>, Error> {
    // Not `new`: the stock filters return text that no language has looked at.
    let mut environment = Environment::empty();
    environment.set_syntax(syntax::config()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Names what is undefined in the message; costs only where there is an error.
    environment.set_debug(true);
    // What a macro returns counts as safe only under some escaping; the formatter does not escape.
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("typed".into()));
    environment.set_formatter(write_typed);
    environment.add_test("defined", |value: &Value| !value.is_undefined());
    environment.add_test("none", |value: &Value| value.is_none());
    filters::add(&mut environment);
    Ok(environment)
}

/// Writes what a typed filter made, and integers, which read the same in every language.
///
/// Everything else is refused: the engine would write `True` for `true`, and a string as bare code.
fn write_typed(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let found = match value.kind() {
        ValueKind::String if value.is_safe() => {
            return Ok(output.write_str(value.as_str().unwrap_or_default())?);
        }
        ValueKind::Number if value.is_integer() => return Ok(write!(output, "{value}")?),
        // Lets the engine say which name it was.
        ValueKind::Undefined => return minijinja::escape_formatter(output, state, value),
        ValueKind::None => "none".to_owned(),
        kind => format!("a {kind}"),
    };
    Err(Error::new(
        ErrorKind::InvalidOperation,
        format!(
            "{found} has no literal form that all languages share; expected a typed filter after it [{}]",
            filters::NAMES.join(", ")
        ),
    ))
}
