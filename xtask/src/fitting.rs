//! What has to be done to config and checkpoint before candle reads them, in words.

use model_registry::{Binding, Derived, Part, Piece, Translation};

/// A line of Markdown a change: what candle asks for, and what of transformers' it is.
pub(crate) fn lines(binding: &Binding) -> Vec<String> {
    let config = binding.translate.iter().map(|(field, translation)| {
        let value = match translation {
            Translation::From(path) => format!("is transformers' `{path}`"),
            Translation::Value(value) => format!("is to be set, here to `{value}`"),
        };
        format!("config: `{field}` {value}")
    });
    let renamed = binding.rename.iter().map(|(to, from)| {
        let (to, from) = (prefix(to), prefix(from));
        format!("weights: {to} is the checkpoint's {from}")
    });
    let derived = binding.derive.iter().map(|(to, derived)| {
        let made = made(derived);
        format!("weights: `{to}` is {made}")
    });
    config.chain(renamed).chain(derived).collect()
}

fn prefix(name: &str) -> String {
    if name.is_empty() {
        "(no prefix)".to_owned()
    } else {
        format!("`{name}`")
    }
}

fn made(derived: &Derived) -> String {
    match derived {
        Derived::Join(pieces) => {
            let pieces: Vec<_> = pieces.iter().map(piece).collect();
            format!("the checkpoint's {}, joined", pieces.join(", "))
        }
        Derived::Part(Part { of, at, count }) => {
            format!("part {} of {count} of the checkpoint's `{of}`", at + 1)
        }
        Derived::Norm(of) => format!("the norm of each slice of the checkpoint's `{of}`"),
        Derived::Reshape(of) => format!("the checkpoint's `{of}` in another shape"),
        Derived::Transpose(of) => format!("the checkpoint's `{of}`, transposed"),
    }
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Of(name) => format!("`{name}`"),
        Piece::Zeros(zeros) => format!("zeros like `{}`", zeros.like),
    }
}
