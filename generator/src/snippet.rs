//! Rust snippets of the registry: parsed, asked which names they read, and turned back into text.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Block, Expr, ExprPath, Macro, Stmt, Type, UseTree,
    parse::{Parse, Parser},
    visit::{self, Visit},
};

/// What a snippet must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Expression,
    Statements,
    Type,
    Use,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Expression => "an expression",
            Self::Statements => "statements",
            Self::Type => "a type",
            Self::Use => "what follows `use`",
        }
    }

    /// Parses the snippet and gives its tokens as text: no comment, no stray delimiter survives.
    pub(crate) fn tokens(self, text: &str) -> Result<String, String> {
        let tokens = match self {
            Self::Expression => parse::<Expr>(self, text)?.into_token_stream(),
            Self::Type => parse::<Type>(self, text)?.into_token_stream(),
            Self::Use => {
                let mut tree = parse(self, text)?;
                sort(&mut tree);
                tree.into_token_stream()
            }
            Self::Statements => {
                let mut statements = parse_statements(text)?;
                close(&mut statements);
                quote!(#(#statements)*)
            }
        };
        Ok(tokens.to_string())
    }
}

/// The names that an expression or statements read: single identifiers that stand for a value.
pub(crate) fn reads(kind: Kind, text: &str) -> Result<BTreeSet<String>, String> {
    let mut reads = Reads::default();
    match kind {
        Kind::Expression => reads.visit_expr(&parse(kind, text)?),
        Kind::Statements => {
            parse_statements(text)?
                .iter()
                .for_each(|statement| reads.visit_stmt(statement));
        }
        Kind::Type | Kind::Use => {}
    }
    Ok(reads.0)
}

/// Whether the snippet is a single name.
pub(crate) fn is_identifier(text: &str) -> bool {
    syn::parse_str::<syn::Ident>(text).is_ok()
}

/// Every identifier in a snippet, in whatever role: tells which crates it may name.
pub(crate) fn identifiers(text: &str) -> Result<BTreeSet<String>, String> {
    fn collect(tokens: TokenStream, into: &mut BTreeSet<String>) {
        for tree in tokens {
            match tree {
                TokenTree::Ident(ident) => {
                    into.insert(ident.to_string());
                }
                TokenTree::Group(group) => collect(group.stream(), into),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let mut into = BTreeSet::new();
    collect(text.parse().map_err(|error| format!("{error}"))?, &mut into);
    Ok(into)
}

/// The trees of a `use`: a group at the root is several declarations, as one would write by hand.
pub(crate) fn use_trees(text: &str) -> Result<Vec<String>, String> {
    let mut tree = parse(Kind::Use, text)?;
    sort(&mut tree);
    let trees = match tree {
        UseTree::Group(group) => group.items.into_iter().collect(),
        tree => vec![tree],
    };
    Ok(trees
        .into_iter()
        .map(|tree| tree.into_token_stream().to_string())
        .collect())
}

/// Orders what a group imports, as rustfmt does.
fn sort(tree: &mut UseTree) {
    match tree {
        UseTree::Path(path) => sort(&mut path.tree),
        UseTree::Group(group) => {
            let mut items: Vec<_> = std::mem::take(&mut group.items).into_iter().collect();
            items.iter_mut().for_each(sort);
            items.sort_by_cached_key(|item| {
                let text = item.to_token_stream().to_string();
                (text != "self", text)
            });
            group.items = items.into_iter().collect();
        }
        UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => {}
    }
}

fn parse<T: Parse>(kind: Kind, text: &str) -> Result<T, String> {
    syn::parse_str(text).map_err(|error| not(kind, text, &error))
}

fn parse_statements(text: &str) -> Result<Vec<Stmt>, String> {
    Block::parse_within
        .parse_str(text)
        .map_err(|error| not(Kind::Statements, text, &error))
}

/// Ends the last statement, so that another may follow it.
fn close(statements: &mut [Stmt]) {
    if let Some(Stmt::Expr(_, semicolon @ None)) = statements.last_mut() {
        *semicolon = Some(<syn::Token![;]>::default());
    }
}

fn not(kind: Kind, text: &str, error: &syn::Error) -> String {
    let at = error.span().start();
    format!(
        "{text:?} is not {}: {error} (at {}:{})",
        kind.name(),
        at.line,
        at.column + 1
    )
}

#[derive(Default)]
struct Reads(BTreeSet<String>);

impl<'ast> Visit<'ast> for Reads {
    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        if let (None, Some(ident)) = (&path.qself, path.path.get_ident()) {
            self.0.insert(ident.to_string());
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        // A macro's tokens mean what it likes; whatever is named there may be read.
        self.0
            .extend(identifiers(&mac.tokens.to_string()).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_reads(kind: Kind, text: &str, expected: &[&str]) {
        let reads = reads(kind, text).expect("the snippet parses");
        assert_eq!(
            reads.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn a_value_is_read_and_a_member_or_path_is_not() {
        check_reads(
            Kind::Expression,
            "model.forward(&ids, Some(&mask))?",
            &["Some", "ids", "mask", "model"],
        );
        check_reads(Kind::Expression, "out.ids", &["out"]);
        check_reads(Kind::Expression, "ids::new(Config { mask: x })", &["x"]);
        check_reads(Kind::Expression, "Config { mask }", &["mask"]);
        check_reads(Kind::Statements, "let y = x.t()?; y.ids()", &["x", "y"]);
    }

    #[test]
    fn statements_are_closed() {
        assert_eq!(
            Kind::Statements.tokens("model.clear()").as_deref(),
            Ok("model . clear () ;")
        );
        assert_eq!(
            Kind::Statements.tokens("model.clear();").as_deref(),
            Ok("model . clear () ;")
        );
    }

    #[test]
    fn what_is_more_than_a_snippet_is_refused() {
        for (kind, text) in [
            (Kind::Expression, "a) ; evil("),
            (Kind::Expression, "a; b"),
            (Kind::Expression, ""),
            (Kind::Type, "Config; struct Evil"),
            (Kind::Use, "a::b; fn evil() {}"),
            (Kind::Statements, "} fn evil() {"),
        ] {
            let error = kind.tokens(text).expect_err(text);
            assert!(error.contains("is not"), "{error}");
        }
    }
}
