//! Blank lines between items, which the printer leaves out.

use std::collections::BTreeSet;

use syn::{
    File, ImplItem, Item,
    spanned::Spanned,
    visit::{self, Visit},
};

/// Sets items apart by a blank line; runs of imports, of modules without a body, and of constants stay together.
pub(super) fn set_apart(printed: &str) -> syn::Result<String> {
    let file = syn::parse_file(printed)?;
    let mut lines = Lines::default();
    if let (Some(_), Some(first)) = (file.attrs.last(), file.items.first()) {
        lines.0.insert(first_line(first));
    }
    lines.visit_file(&file);

    let mut text = String::with_capacity(printed.len() + lines.0.len());
    for (number, line) in (1..).zip(printed.lines()) {
        if lines.0.contains(&number) {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// The lines that a blank line goes before.
#[derive(Default)]
struct Lines(BTreeSet<usize>);

impl Lines {
    fn between<T: Spanned>(&mut self, items: &[T], is_close: impl Fn(&T, &T) -> bool) {
        for pair in items.windows(2) {
            if !is_close(&pair[0], &pair[1]) {
                self.0.insert(first_line(&pair[1]));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Lines {
    fn visit_file(&mut self, file: &'ast File) {
        self.between(&file.items, are_close);
        visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if let Some((_, items)) = &module.content {
            self.between(items, are_close);
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        self.between(&block.items, |one, other| {
            let is_short = |item: &ImplItem| matches!(item, ImplItem::Const(_) | ImplItem::Type(_));
            is_short(one) && is_short(other)
        });
        visit::visit_item_impl(self, block);
    }
}

fn are_close(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Use(_), Item::Use(_)) => true,
        (Item::Mod(one), Item::Mod(other)) => one.content.is_none() && other.content.is_none(),
        _ => false,
    }
}

/// An item's span starts at its first attribute, doc comments included.
fn first_line(item: &impl Spanned) -> usize {
    item.span().start().line
}
