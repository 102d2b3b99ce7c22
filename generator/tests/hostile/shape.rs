//! What an emitted file is once its names and literals are blanked: its shape.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use ruff_python_parser::parse_module;

/// How much of a Rust file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Every token.
    Tokens,
    /// Items and signatures: what is within is the registry's own code.
    Items,
}

/// The shape of emitted Rust, or why it is none.
pub(crate) fn rust(text: &str, depth: Depth) -> Result<Vec<String>, String> {
    let file = syn::parse_file(text).map_err(|error| format!("no Rust: {error}"))?;
    let mut shape = Vec::new();
    match depth {
        Depth::Tokens => {
            let tokens: TokenStream = text
                .parse()
                .map_err(|error| format!("no tokens: {error}"))?;
            blank(tokens, &mut shape);
        }
        Depth::Items => outline(&file.items, &mut shape),
    }
    Ok(shape)
}

/// The shape of emitted Python, or why it is none.
pub(crate) fn python(text: &str) -> Result<Vec<String>, String> {
    let parsed = parse_module(text).map_err(|error| format!("no Python: {error}"))?;
    let mut shape = Vec::new();
    for token in parsed.tokens().iter() {
        // The type of the kinds is the parser's own; their names are not.
        let kind = format!("{:?}", token.kind());
        match kind.as_str() {
            // Where lines are broken depends on how long the names are.
            "NonLogicalNewline" => continue,
            "String" | "Int" | "Float" | "True" | "False" | "None" => {
                // A negative number is one, whatever the parser makes of its sign.
                let is_sign = |last: &mut String| last == "Minus";
                drop(shape.pop_if(is_sign));
                shape.push("literal".to_owned());
                continue;
            }
            "Rpar" | "Rsqb" | "Rbrace" => drop(shape.pop_if(|last| last == "Comma")),
            _ => {}
        }
        shape.push(kind);
    }
    Ok(shape)
}

/// Tokens with names and literals blanked; a comma at the end of a list is the printer's.
fn blank(tokens: TokenStream, shape: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident)
                if syn::parse2::<syn::Ident>(TokenTree::Ident(ident.clone()).into()).is_err() =>
            {
                // Booleans are spelled as keywords.
                let word = ident.to_string();
                shape.push(if word == "true" || word == "false" {
                    "literal".to_owned()
                } else {
                    word
                });
            }
            TokenTree::Ident(_) => shape.push("name".to_owned()),
            TokenTree::Literal(_) => shape.push("literal".to_owned()),
            TokenTree::Punct(punct) => shape.push(punct.to_string()),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                shape.push(open.to_owned());
                blank(group.stream(), shape);
                shape.pop_if(|last| last == ",");
                shape.push(close.to_owned());
            }
        }
    }
}

/// Items by kind, with their attributes, and a function's signature; imports are as many as the registry names.
fn outline(items: &[syn::Item], shape: &mut Vec<String>) {
    for item in items {
        match item {
            syn::Item::Use(_) => {}
            syn::Item::Const(_) => shape.push("const".to_owned()),
            syn::Item::Struct(item) => {
                shape.push(format!("struct of {} fields", item.fields.len()))
            }
            syn::Item::Fn(item) => shape.push(format!(
                "fn, {} attributes, {} arguments",
                item.attrs.len(),
                item.sig.inputs.len()
            )),
            syn::Item::Impl(item) => {
                shape.push("impl".to_owned());
                shape.extend(item.items.iter().map(|item| {
                    match item {
                        syn::ImplItem::Const(_) => "  const",
                        syn::ImplItem::Fn(_) => "  fn",
                        syn::ImplItem::Type(_) => "  type",
                        _ => "  something else",
                    }
                    .to_owned()
                }));
            }
            syn::Item::Mod(item) => {
                shape.push("mod {".to_owned());
                outline(item.content.as_ref().map_or(&[], |(_, items)| items), shape);
                shape.push("}".to_owned());
            }
            _ => shape.push("something else".to_owned()),
        }
    }
}
