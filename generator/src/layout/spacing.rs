//! Blank lines between items, which the printer leaves out.

use std::mem;

use proc_macro2::TokenStream;
use syn::{File, ImplItem, Item};

/// Sets items apart; runs of imports, of modules without a body, and of constants stay together.
pub(super) fn set_apart(file: &mut File) {
    let has_head = !file.attrs.is_empty() && !file.items.is_empty();
    apart(&mut file.items);
    if has_head {
        file.items.insert(0, gap());
    }
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
                let gap = || ImplItem::Verbatim(TokenStream::new());
                between(&mut block.items, are_close, gap);
            }
            _ => {}
        }
    }
    between(items, are_close, gap);
}

/// Puts a gap between each two neighbours that are not close.
fn between<T>(items: &mut Vec<T>, are_close: impl Fn(&T, &T) -> bool, gap: impl Fn() -> T) {
    let mut apart = Vec::with_capacity(items.len() * 2);
    for item in mem::take(items) {
        if apart.last().is_some_and(|last| !are_close(last, &item)) {
            apart.push(gap());
        }
        apart.push(item);
    }
    *items = apart;
}

fn are_close(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Use(_), Item::Use(_)) => true,
        (Item::Mod(one), Item::Mod(other)) => one.content.is_none() && other.content.is_none(),
        _ => false,
    }
}

/// An item without tokens, of which the printer makes a blank line.
fn gap() -> Item {
    Item::Verbatim(TokenStream::new())
}
