//! Values as Python, laid out the way black would.

use std::fmt::Write as _;

use minijinja::{Value as TemplateValue, value::Object};
use serde_json::Value;

/// Columns that a line may fill.
const WIDTH: usize = 88;
/// Columns of one step to the right.
const STEP: usize = 4;

/// A Python expression: literals, and calls of constructors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// `None`, a number, `True`, a string.
    Literal(Value),
    Tuple(Vec<Expression>),
    List(Vec<Expression>),
    Dict(Vec<(String, Expression)>),
    /// A call: its positional arguments, then its keyword arguments.
    Call {
        function: &'static str,
        positional: Vec<Expression>,
        keyword: Vec<(String, Expression)>,
    },
}

// Reaches the template as it is: what a filter gets is what the context holds.
impl Object for Expression {}

impl From<Expression> for TemplateValue {
    fn from(expression: Expression) -> Self {
        Self::from_object(expression)
    }
}

impl From<&Value> for Expression {
    fn from(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => Self::Dict(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.into()))
                    .collect(),
            ),
            scalar => Self::Literal(scalar.clone()),
        }
    }
}

impl Expression {
    /// A string.
    pub(crate) fn string(text: impl Into<String>) -> Self {
        Self::Literal(Value::String(text.into()))
    }

    /// What a template holds: one of these, or anything that JSON can say.
    pub(super) fn from_value(value: &TemplateValue) -> Result<Self, String> {
        if let Some(expression) = value.downcast_object_ref::<Self>() {
            return Ok(expression.clone());
        }
        match serde_json::to_value(value) {
            Ok(value) => Ok((&value).into()),
            Err(error) => Err(format!(
                "no Python literal: {error}; expected a value that JSON can hold"
            )),
        }
    }

    /// Laid out from a column on, `used` further columns being taken by what stands around it.
    pub(super) fn lay_out(&self, indent: usize, used: usize) -> String {
        let line = self.on_one_line();
        if indent + used + line.len() <= WIDTH && !self.asks_for_lines() {
            return line;
        }
        let inner = indent + STEP;
        let (open, items, close) = match self {
            Self::Literal(_) => return line,
            Self::Tuple(items) => ("(".to_owned(), lay_out_all(items, inner), ")"),
            Self::List(items) => ("[".to_owned(), lay_out_all(items, inner), "]"),
            Self::Dict(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = format!("{}: ", string(key));
                    let value = value.lay_out(inner, key.chars().count() + 1);
                    format!("{key}{value}")
                });
                ("{".to_owned(), entries.collect(), "}")
            }
            Self::Call {
                function,
                positional,
                keyword,
            } => {
                let mut items = lay_out_all(positional, inner);
                items.extend(
                    keyword
                        .iter()
                        .map(|(name, value)| value.lay_out_argument(name, inner)),
                );
                (format!("{function}("), items, ")")
            }
        };
        if items.is_empty() {
            return line;
        }
        let mut text = open;
        for item in items {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{:inner$}{item},", "");
        }
        let _ = write!(text, "\n{:indent$}{close}", "");
        text
    }

    /// `name=value`, on a line that starts at the column.
    pub(super) fn lay_out_argument(&self, name: &str, indent: usize) -> String {
        // The sign and the comma take a column each.
        format!("{name}={}", self.lay_out(indent, name.len() + 2))
    }

    /// A dictionary that holds another container reads better with a line for each entry.
    fn asks_for_lines(&self) -> bool {
        let is_container = |value: &Self| match value {
            Self::Dict(entries) => !entries.is_empty(),
            Self::Call { .. } => true,
            _ => false,
        };
        match self {
            Self::Dict(entries) => {
                entries.len() > 1 && entries.iter().any(|(_, value)| is_container(value))
            }
            _ => false,
        }
    }

    fn on_one_line(&self) -> String {
        let mut line = String::new();
        self.write_to(&mut line);
        line
    }

    /// Puts the expression at the end of a line.
    fn write_to(&self, line: &mut String) {
        match self {
            Self::Literal(Value::Null) => line.push_str("None"),
            Self::Literal(Value::Bool(true)) => line.push_str("True"),
            Self::Literal(Value::Bool(false)) => line.push_str("False"),
            Self::Literal(Value::String(text)) => write_string(line, text),
            // JSON writes numbers as Python does; writing to a String cannot fail.
            Self::Literal(number) => {
                let _ = write!(line, "{number}");
            }
            Self::Tuple(items) => {
                let close = if items.len() == 1 { ",)" } else { ")" };
                between(line, "(", items, close, Self::write_to);
            }
            Self::List(items) => between(line, "[", items, "]", Self::write_to),
            Self::Dict(entries) => between(line, "{", entries, "}", |(key, value), line| {
                write_string(line, key);
                line.push_str(": ");
                value.write_to(line);
            }),
            Self::Call {
                function,
                positional,
                keyword,
            } => {
                line.push_str(function);
                let positional = positional.iter().map(|value| (None, value));
                let keyword = keyword.iter().map(|(name, value)| (Some(name), value));
                let arguments: Vec<_> = positional.chain(keyword).collect();
                between(line, "(", &arguments, ")", |(name, value), line| {
                    if let Some(name) = name {
                        line.push_str(name);
                        line.push('=');
                    }
                    value.write_to(line);
                });
            }
        }
    }
}

/// Puts items at the end of a line, with commas between them.
fn between<T>(
    line: &mut String,
    open: &str,
    items: &[T],
    close: &str,
    write: impl Fn(&T, &mut String),
) {
    line.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            line.push_str(", ");
        }
        write(item, line);
    }
    line.push_str(close);
}

fn lay_out_all(items: &[Expression], indent: usize) -> Vec<String> {
    items.iter().map(|item| item.lay_out(indent, 1)).collect()
}

/// A string literal in double quotes; what cannot be seen is escaped.
pub(crate) fn string(text: &str) -> String {
    let mut literal = String::new();
    write_string(&mut literal, text);
    literal
}

fn write_string(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '"' | '\\' => write!(line, "\\{c}"),
            '\n' => write!(line, "\\n"),
            '\r' => write!(line, "\\r"),
            '\t' => write!(line, "\\t"),
            c if is_visible(c) => {
                line.push(c);
                Ok(())
            }
            c if u32::from(c) < 0x100 => write!(line, "\\x{:02x}", u32::from(c)),
            c if u32::from(c) < 0x1_0000 => write!(line, "\\u{:04x}", u32::from(c)),
            c => write!(line, "\\U{:08x}", u32::from(c)),
        };
    }
    line.push('"');
}

/// Text for one line of a docstring; line breaks and tabs become spaces.
pub(crate) fn doc(text: &str) -> Result<String, String> {
    check_prose(text)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A quote is escaped too: three of them would end the docstring.
    Ok(text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Refuses characters that would make prose look other than it is.
pub(super) fn check_prose(text: &str) -> Result<(), String> {
    match text.chars().find(|&c| !c.is_whitespace() && !is_visible(c)) {
        Some(c) => Err(format!(
            "{text:?} holds {}, expected visible text",
            c.escape_unicode()
        )),
        None if text.trim().is_empty() => Err("found empty text, expected some words".to_owned()),
        None => Ok(()),
    }
}

/// Whether a character shows as itself; the standard library escapes those that do not.
fn is_visible(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\'' | '"' | '\\') || c.escape_debug().len() == 1
}

#[cfg(test)]
pub(crate) mod tests {
    use ruff_python_parser::{parse_expression, parse_module};
    use serde_json::json;

    use super::*;

    /// What a registry could hold by accident or out of malice.
    pub(crate) const HOSTILE: &[&str] = &[
        "",
        "\"",
        "'",
        "\"\"\"",
        "\\",
        "\\\"",
        "\\\n",
        "\r\n\t\0",
        "*/ /* // #",
        "{{ x }} {% y %}",
        "\"); import os; (\"",
        "\"#; fn evil() {} //",
        "é 漢 🦀",
        "\u{202e}\u{2066}\u{feff}\u{85}\u{2028}",
        "\u{7f}\u{80}\u{ff}\u{100}\u{10ffff}",
        "e\u{301}",
    ];

    #[test]
    fn a_hostile_string_stays_one_string() {
        for text in HOSTILE {
            let literal = string(text);
            let parsed = parse_expression(&literal).expect(&literal);
            let parsed = parsed.expr().as_string_literal_expr().expect(&literal);
            assert_eq!(parsed.value.to_str(), *text, "{literal}");
            assert_eq!(literal.lines().count(), 1, "{literal}");
        }
    }

    #[test]
    fn a_hostile_key_or_item_stays_what_it_is() {
        for text in HOSTILE {
            let value = json!({*text: [text, {"nested": text}]});
            let laid_out = Expression::from(&value).lay_out(4, 80);
            let parsed = parse_expression(&laid_out).expect(&laid_out);
            assert!(
                parsed
                    .expr()
                    .as_dict_expr()
                    .is_some_and(|dict| dict.items.len() == 1),
                "{laid_out}"
            );
        }
    }

    #[test]
    fn hostile_prose_is_refused_or_stays_in_its_docstring() {
        for text in HOSTILE {
            let Ok(prose) = doc(text) else { continue };
            let module = format!("\"\"\"{prose}\"\"\"\n");
            let parsed = parse_module(&module).expect(&module);
            assert_eq!(parsed.syntax().body.len(), 1, "{module}");
            assert_eq!(module.lines().count(), 1, "{module}");
        }
    }

    #[test]
    fn numbers_keep_their_type() {
        for (value, expected) in [
            (json!(1), "1"),
            (json!(1.0), "1.0"),
            (json!(-0.5), "-0.5"),
            (json!(1e-12), "1e-12"),
            (json!(1e300), "1e+300"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            let literal = Expression::from(&value).lay_out(0, 0);
            assert_eq!(literal, expected);
            assert!(parse_expression(&literal).is_ok());
        }
    }

    #[test]
    fn a_tuple_of_one_keeps_its_comma() {
        let one = Expression::Tuple(vec![Expression::string("batch")]);
        assert_eq!(one.lay_out(0, 0), "(\"batch\",)");
        assert_eq!(
            one.lay_out(80, 0),
            "(\n                                                                                    \"batch\",\n                                                                                )"
        );
    }
}
