//! Blank lines between items, which the printer leaves out.

use std::mem;

use syn::{File, ImplItem, Item, parse_quote};

/// What is printed where a blank line goes: an item, since the printer prints nothing else.
const GAP: &str = "const __BLANK_LINE: () = ();";

/// Sets items apart; runs of imports, of modules without a body, and of constants stay together.
/// [`blank_lines`] makes the gaps blank once the file is printed.
pub(super) fn set_apart(file: &mut File) {
    let has_head = !file.attrs.is_empty() && !file.items.is_empty();
    apart(&mut file.items);
    if has_head {
        file.items.insert(0, gap());
    }
}

/// The printed file with its gaps blank.
pub(super) fn blank_lines(printed: &str) -> String {
    let mut text = String::with_capacity(printed.len());
    for line in printed.lines() {
        if line.trim_start() != GAP {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}

fn apart(items: &mut Vec<Item>) {
    for item in &mut *items {
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    apart(items);
                }
            }
            Item::Impl(block) => {
                let is_short =
                    |item: &ImplItem| matches!(item, ImplItem::Const(_) | ImplItem::Type(_));
                let are_close = |one: &_, other: &_| is_short(one) && is_short(other);
                let gap = || {
                    parse_quote!(
                        const __BLANK_LINE: () = ();
                    )
                };
                between(&mut block.items, are_close, gap);
            }
            _ => {}
        }
    }
    between(items, are_close, gap);
}

/// Puts a gap between each two neighbours that are not close.
fn between<T>(items: &mut Vec<T>, are_close: impl Fn(&T, &T) -> bool, gap: impl Fn() -> T) {
    for item in mem::take(items) {
        if items.last().is_some_and(|last| !are_close(last, &item)) {
            items.push(gap());
        }
        items.push(item);
    }
}

fn are_close(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Use(_), Item::Use(_)) => true,
        (Item::Mod(one), Item::Mod(other)) => one.content.is_none() && other.content.is_none(),
        _ => false,
    }
}

fn gap() -> Item {
    parse_quote! {
        const __BLANK_LINE: () = ();
    }
}
