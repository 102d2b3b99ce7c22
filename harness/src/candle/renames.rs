//! Weights that candle asks for under another name than the checkpoint's.

/// The name in the checkpoint of what candle asks for; the longest rule that fits decides.
pub(crate) fn rename(renames: &[(&str, &str)], name: &str) -> String {
    let fits = |from: &str| {
        if from.ends_with('.') {
            name.starts_with(from)
        } else {
            name == from
        }
    };
    renames
        .iter()
        .filter(|(from, _)| fits(from))
        .max_by_key(|(from, _)| from.len())
        .map_or_else(
            || name.to_owned(),
            |(from, to)| format!("{to}{}", &name[from.len()..]),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_decides() {
        let renames = [
            ("model.", ""),
            ("model.layers.", "decoder.layers."),
            ("lm_head.weight", "wte.weight"),
        ];
        let table = [
            ("model.norm.weight", "norm.weight"),
            ("model.layers.0.mlp", "decoder.layers.0.mlp"),
            ("lm_head.weight", "wte.weight"),
            ("lm_head.bias", "lm_head.bias"),
            ("models.norm", "models.norm"),
        ];
        for (asked, saved) in table {
            assert_eq!(rename(&renames, asked), saved);
        }
    }
}
