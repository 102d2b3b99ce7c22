//! Text and snippets as Rust.

use proc_macro2::Literal;

use crate::snippet::Kind;

/// A string literal.
pub(crate) fn string(text: &str) -> String {
    Literal::string(text).to_string()
}

/// Text for one line of a doc comment; line breaks and tabs become spaces.
pub(crate) fn doc(text: &str) -> Result<String, String> {
    super::python::check_prose(text)?;
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(crate) fn expression(text: &str) -> Result<String, String> {
    Kind::Expression.tokens(text)
}

pub(crate) fn statements(text: &str) -> Result<String, String> {
    Kind::Statements.tokens(text)
}

pub(crate) fn ty(text: &str) -> Result<String, String> {
    Kind::Type.tokens(text)
}

pub(crate) fn use_tree(text: &str) -> Result<String, String> {
    Kind::Use.tokens(text)
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::{super::python::tests::HOSTILE, *};

    #[test]
    fn a_hostile_string_stays_one_string() {
        for text in HOSTILE {
            let literal = string(text);
            let parsed: syn::LitStr = syn::parse_str(&literal).expect(&literal);
            assert_eq!(parsed.value(), *text, "{literal}");
            // rustc refuses characters that turn the direction of text, even in a string.
            assert!(!literal.contains(['\u{202e}', '\u{2066}']), "{literal}");
        }
    }

    #[test]
    fn hostile_prose_is_refused_or_stays_in_its_line() {
        for text in HOSTILE {
            let Ok(prose) = doc(text) else { continue };
            let file = syn::parse_file(&format!("//! {prose}\n")).expect(&prose);
            assert_eq!((file.attrs.len(), file.items.len()), (1, 0), "{prose}");
        }
    }

    #[test]
    fn a_hostile_snippet_is_refused_or_stays_one_node() {
        let more = [
            "x }",
            "x ) (",
            "x; y",
            "x, y",
            "/* x",
            "r#\"x",
            "x // y\n z",
            "#![evil] x",
            "'x",
            "{{ x }} }}",
        ];
        for text in HOSTILE.iter().chain(&more) {
            for filter in [expression, statements, ty, use_tree] {
                let Ok(snippet) = filter(text) else { continue };
                let file = format!("fn f() {{ {{ {snippet} }} }}");
                if let Ok(file) = syn::parse_file(&file) {
                    assert_eq!(file.items.len(), 1, "{}", file.to_token_stream());
                }
            }
        }
    }

    #[test]
    fn comments_do_not_survive_a_snippet() {
        assert_eq!(expression("f(x) /* a */ // b").as_deref(), Ok("f (x)"));
    }
}
