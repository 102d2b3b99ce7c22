//! Snippets call candle and never repair its answers.

use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::{
    BinOp, Block, Expr, Lit, Stmt, UnOp, UseTree,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::nesting;
use crate::{Source, error::Fault, outline::Path, words::list};

/// What a snippet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What `use` takes.
    Use,
    /// A type.
    Type,
    /// An expression that makes a config or a cache, where numbers may be reckoned.
    Setup,
    /// An expression that handles weights or outputs.
    Expression,
    /// Statements that handle inputs or outputs.
    Statements,
}

/// Crates that snippets may import from.
const CRATES: [&str; 5] = [
    "candle_core",
    "candle_nn",
    "candle_transformers",
    "harness",
    "std",
];

/// Modules of the standard library that hold values and do nothing: no process, file or network.
const STD: [&str; 4] = ["cell", "collections", "rc", "sync"];

/// Functions that compute; whatever a model leaves to them would be repaired here.
const ARITHMETIC: &[&str] = &[
    "abs",
    "add",
    "affine",
    "broadcast_add",
    "broadcast_div",
    "broadcast_matmul",
    "broadcast_maximum",
    "broadcast_minimum",
    "broadcast_mul",
    "broadcast_pow",
    "broadcast_sub",
    "ceil",
    "clamp",
    "cos",
    "cumsum",
    "div",
    "elu",
    "erf",
    "exp",
    "floor",
    "gelu",
    "gelu_erf",
    "layer_norm",
    "log",
    "log_softmax",
    "log_sum_exp",
    "matmul",
    "maximum",
    "mean",
    "mean_all",
    "mean_keepdim",
    "minimum",
    "mul",
    "neg",
    "normalize",
    "pow",
    "powf",
    "recip",
    "relu",
    "rem",
    "rms_norm",
    "round",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "softmax_last_dim",
    "sqr",
    "sqrt",
    "sub",
    "sum",
    "sum_all",
    "sum_keepdim",
    "tanh",
    "var",
    "var_keepdim",
    "where_cond",
];

pub(super) fn check(kind: Kind, source: &Source, key: Path, faults: &mut Vec<Fault>) {
    let text = source.as_str();
    let mut checker = Checker {
        source,
        key,
        faults,
        refuses_arithmetic: kind != Kind::Setup,
    };
    let is_code = |c: char| c.is_ascii_graphic() || matches!(c, ' ' | '\n' | '\t');
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_code(*c)) {
        let message = format!("{c:?} in a snippet, which could look like what it is not");
        let part = at..at + c.len_utf8();
        let help = "letters, digits and signs of ASCII";
        let fault = Fault::snippet(checker.key, source, part, message, help);
        checker.faults.push(fault);
        return;
    }
    if let Some(span) = nesting::too_deep(text) {
        let help = "shorter statements, their values bound with `let`";
        checker.refuse(span, "nests too deep to be read", help);
        return;
    }
    let parsed = match kind {
        Kind::Use => syn::parse_str::<UseTree>(text).map(|tree| checker.check_use(&tree, &[])),
        Kind::Type => syn::parse_str::<syn::Type>(text).map(|ty| checker.visit_type(&ty)),
        Kind::Setup | Kind::Expression => {
            syn::parse_str::<Expr>(text).map(|expression| checker.visit_expr(&expression))
        }
        // Braces make a block of it; on the same line they would move its columns.
        Kind::Statements => syn::parse::Parser::parse_str(Block::parse_within, text)
            .map(|statements| checker.check_statements(&statements)),
    };
    if let Err(error) = parsed {
        let cut_off = error.to_string().starts_with("unexpected end of input");
        let part = if cut_off {
            text.trim_end().len()..text.len()
        } else {
            bytes(text, error.span())
        };
        let reason = match error.to_string() {
            lexer if lexer.starts_with("cannot parse string") => {
                "a bracket or a quote has no partner".to_owned()
            }
            reason => reason,
        };
        let message = format!("this is no Rust {}: {reason}", name(kind));
        checker.faults.push(Fault::snippet(
            checker.key,
            source,
            part,
            message,
            example(kind),
        ));
    }
}

/// Whether a snippet names an identifier.
pub(super) fn mentions(source: &Source, name: &str) -> bool {
    fn any(tokens: proc_macro2::TokenStream, name: &str) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => ident == name,
            proc_macro2::TokenTree::Group(group) => any(group.stream(), name),
            _ => false,
        })
    }
    source
        .as_str()
        .parse()
        .is_ok_and(|tokens| any(tokens, name))
}

struct Checker<'a> {
    source: &'a Source,
    key: Path,
    faults: &'a mut Vec<Fault>,
    refuses_arithmetic: bool,
}

impl Checker<'_> {
    fn refuse(&mut self, span: Span, message: impl Into<String>, help: &str) {
        let part = bytes(self.source.as_str(), span);
        let fault = Fault::snippet(self.key.clone(), self.source, part, message, help);
        self.faults.push(fault);
    }

    fn check_arithmetic(&mut self, span: Span, what: &str) {
        if self.refuses_arithmetic {
            let message = format!("`{what}` computes; a binding calls and never repairs answers");
            self.refuse(span, message, "rename, reshape, select, split, join, cast or call; a defect belongs to the expectations");
        }
    }

    fn check_name(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        if ARITHMETIC.contains(&text.as_str()) {
            self.check_arithmetic(name.span(), &text);
        }
    }

    fn check_statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.visit_stmt(statement);
        }
        if let Some(Stmt::Expr(last, None)) = statements.last()
            && !matches!(
                last,
                Expr::If(_) | Expr::ForLoop(_) | Expr::While(_) | Expr::Match(_) | Expr::Block(_)
            )
        {
            self.refuse(
                last.span(),
                "a value that nothing takes",
                "end the statement with `;`, or bind it with `let`",
            );
        }
    }

    fn check_use(&mut self, tree: &UseTree, above: &[String]) {
        let valid = format!("what is named, from {}", from());
        match tree {
            UseTree::Path(path) => {
                let mut whole = above.to_vec();
                whole.push(path.ident.to_string());
                if !CRATES.contains(&whole[0].as_str()) || is_closed(&whole) {
                    let message = format!("imports from `{}`", whole.join("::"));
                    self.refuse(path.ident.span(), message, &valid);
                } else {
                    self.check_use(&path.tree, &whole);
                }
            }
            UseTree::Group(group) => {
                if group.items.is_empty() {
                    let span = group.brace_token.span.open();
                    self.refuse(span, "imports nothing".to_owned(), &valid);
                }
                for tree in &group.items {
                    self.check_use(tree, above);
                }
            }
            UseTree::Name(name) => self.check_import(&name.ident, above, &valid),
            UseTree::Rename(rename) => self.check_import(&rename.ident, above, &valid),
            UseTree::Glob(glob) => self.refuse(glob.span(), "imports everything with `*`", &valid),
        }
    }

    fn check_import(&mut self, name: &syn::Ident, above: &[String], valid: &str) {
        let mut whole = above.to_vec();
        whole.push(name.to_string());
        if above.is_empty() || is_closed(&whole) {
            self.refuse(name.span(), format!("imports `{name}`"), valid);
        }
        self.check_name(name);
    }
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let sign = match binary.op {
            BinOp::Add(_) => "+",
            BinOp::Sub(_) => "-",
            BinOp::Mul(_) => "*",
            BinOp::Div(_) => "/",
            BinOp::Rem(_) => "%",
            BinOp::AddAssign(_) => "+=",
            BinOp::SubAssign(_) => "-=",
            BinOp::MulAssign(_) => "*=",
            BinOp::DivAssign(_) => "/=",
            BinOp::RemAssign(_) => "%=",
            _ => "",
        };
        if !sign.is_empty() {
            self.check_arithmetic(binary.op.span(), sign);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let number = |expression: &Expr| matches!(expression, Expr::Lit(literal) if matches!(literal.lit, Lit::Int(_) | Lit::Float(_)));
        if matches!(unary.op, UnOp::Neg(_)) && !number(&unary.expr) {
            self.check_arithmetic(unary.op.span(), "-");
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.check_name(&call.method);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.check_name(name);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        // `Tensor::neg`, called or handed on; a lone name may be a variable.
        if path.path.segments.len() > 1
            && let Some(last) = path.path.segments.last()
        {
            self.check_name(&last.ident);
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        let leaves = names.len() > 1
            && (is_closed(&names)
                || ["alloc", "core", "crate", "super"].contains(&names[0].as_str()));
        if path.leading_colon.is_some() || leaves {
            let message = format!("reaches for `{}`", names.join("::"));
            let help = format!("what is imported, or what is in {}", from());
            self.refuse(path.span(), message, &help);
        }
        visit::visit_path(self, path);
    }

    fn visit_token_stream(&mut self, tokens: &'ast proc_macro2::TokenStream) {
        // What syn hands on unparsed, nobody has looked at; a lone `;` is nothing at all.
        if !tokens.is_empty() {
            let help = "plain statements and expressions";
            self.refuse(
                tokens.span(),
                "Rust that the parser does not look into",
                help,
            );
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let span = call.path.span();
        self.refuse(
            span,
            "a macro, which could hide anything",
            "write the call out",
        );
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.refuse(
            block.unsafe_token.span(),
            "an `unsafe` block",
            "safe calls only",
        );
    }

    fn visit_expr_return(&mut self, expression: &'ast syn::ExprReturn) {
        let help = "an expression or `?`; the emitted function goes on after the snippet";
        self.refuse(expression.return_token.span(), "a `return`", help);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let help = "put imports into `use`; helpers belong to the harness";
        self.refuse(item.span(), "an item within a snippet", help);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.refuse(
            attribute.span(),
            "an attribute",
            "plain statements and expressions",
        );
    }
}

/// Whether a path leads into a part of a known crate that is not for snippets.
fn is_closed(names: &[String]) -> bool {
    match names {
        [krate, module, ..] if krate == "harness" => module != "candle",
        [krate, module, ..] if krate == "std" => !STD.contains(&module.as_str()),
        _ => false,
    }
}

/// What snippets may name, in words.
fn from() -> String {
    let std = format!("std::{{{}}}", STD.join(", "));
    list(CRATES)
        .replace("harness", "harness::candle")
        .replace("std", &std)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Use => "use-tree",
        Kind::Type => "type",
        Kind::Setup | Kind::Expression => "expression",
        Kind::Statements => "statement",
    }
}

fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Use => {
            "`candle_transformers::models::bert::{BertModel, Config}`, without `use` and `;`"
        }
        Kind::Type => "`BertModel`",
        Kind::Setup => "`config.into_config(false)`, without `;`",
        Kind::Expression => "`model.forward(&input_ids)?`, without `;`",
        Kind::Statements => "`let encoded = model.encode(&input_ids)?;`",
    }
}

/// The bytes of the text that a span names.
fn bytes(text: &str, span: Span) -> Range<usize> {
    let offset = |place: LineColumn| {
        let line: usize = text
            .split_inclusive('\n')
            .take(place.line.saturating_sub(1))
            .map(str::len)
            .sum();
        let column = text[line..]
            .char_indices()
            .nth(place.column)
            .map(|(at, _)| at);
        column.map_or(text.len(), |column| line + column)
    };
    let start = offset(span.start());
    start..offset(span.end()).max(start)
}
