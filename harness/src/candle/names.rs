//! What the checkpoint calls the weights that candle asks for.

/// A weight that candle wants in another form than the checkpoint has it in, by the checkpoint's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    /// Several weights, one after the other along the first axis.
    Join(&'static [Piece]),
    /// One of several equal parts of a weight along the first axis.
    Part {
        /// The weight that is cut.
        of: &'static str,
        /// Which part, from 0.
        at: usize,
        /// How many there are.
        count: usize,
    },
    /// The norm of each slice of a weight along the first axis; the other axes have length 1.
    Norm(&'static str),
    /// The same elements in the shape that candle asks for.
    Reshape(&'static str),
    /// A weight with its last two axes swapped.
    Transpose(&'static str),
}

/// One of several weights that are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A weight.
    Of(&'static str),
    /// As many zeros as a weight has elements, which the checkpoint leaves out.
    Zeros(&'static str),
}

/// The rules of a binding, candle's name first; a name that ends in `.` is a prefix, and `*` stands
/// for one part of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) renames: &'static [(&'static str, &'static str)],
    pub(super) derives: &'static [(&'static str, Derived)],
}

impl Names {
    /// The name in the checkpoint of what candle asks for; the longest rule that fits decides, and
    /// of two as long the one with fewer `*`.
    pub(super) fn rename(&self, name: &str) -> String {
        let rules = self.renames.iter();
        let fits = rules.filter_map(|(from, to)| Some((from, to, Match::of(from, name)?)));
        fits.max_by_key(|(from, _, _)| (parts(from).count(), literals(from)))
            .map_or_else(|| name.to_owned(), |(_, to, found)| found.fill(to))
    }

    /// What makes the weight that candle asks for, if it is not the checkpoint's as it is.
    pub(super) fn derived(&self, name: &str) -> Option<(Derived, Match)> {
        let rules = self.derives.iter();
        let fits = rules.filter_map(|(from, how)| Some((from, how, Match::of(from, name)?)));
        fits.max_by_key(|(from, _, _)| literals(from))
            .map(|(_, how, found)| (*how, found))
    }
}

/// A name that a pattern fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// What each `*` stands for.
    stars: Vec<String>,
    /// What follows a prefix.
    rest: Vec<String>,
}

impl Match {
    fn of(pattern: &str, name: &str) -> Option<Self> {
        let mut left = name.split('.');
        let mut stars = Vec::new();
        for part in parts(pattern) {
            match (part, left.next()?) {
                ("*", found) => stars.push(found.to_owned()),
                (part, found) if part == found => {}
                _ => return None,
            }
        }
        let rest: Vec<_> = left.map(str::to_owned).collect();
        (rest.is_empty() != is_prefix(pattern)).then_some(Self { stars, rest })
    }

    /// The pattern with what was found in place of its `*`, and what follows the prefix.
    pub(super) fn fill(&self, pattern: &str) -> String {
        let mut stars = self.stars.iter().map(String::as_str);
        let filled = parts(pattern).map(|part| match part {
            "*" => stars.next().unwrap_or("*"),
            part => part,
        });
        let rest = self.rest.iter().map(String::as_str);
        filled.chain(rest).collect::<Vec<_>>().join(".")
    }
}

fn is_prefix(pattern: &str) -> bool {
    pattern.is_empty() || pattern.ends_with('.')
}

fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split_terminator('.')
}

fn literals(pattern: &str) -> usize {
    parts(pattern).filter(|part| *part != "*").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names {
        renames: &[
            ("model.", ""),
            ("model.layers.", "decoder.layers."),
            ("lm_head.weight", "wte.weight"),
            ("blocks.*.norm1.", "encoder.layer.*.norm_before."),
            ("blocks.*.*.bias", "encoder.*.biases.*"),
            ("blocks.0.norm1.", "first_norm."),
        ],
        derives: &[(
            "blocks.*.qkv",
            Derived::Join(&[Piece::Of("layer.*.q"), Piece::Zeros("layer.*.q")]),
        )],
    };

    #[test]
    fn the_longest_rule_decides() {
        for (asked, saved) in [
            ("model.norm.weight", "norm.weight"),
            ("model.layers.0.mlp", "decoder.layers.0.mlp"),
            ("lm_head.weight", "wte.weight"),
            ("lm_head.bias", "lm_head.bias"),
            ("models.norm", "models.norm"),
            ("model", "model"),
            (
                "blocks.11.norm1.weight",
                "encoder.layer.11.norm_before.weight",
            ),
            ("blocks.0.norm1.weight", "first_norm.weight"),
            ("blocks.11.fc.bias", "encoder.11.biases.fc"),
            ("blocks.11.fc.weight", "blocks.11.fc.weight"),
        ] {
            assert_eq!(NAMES.rename(asked), saved);
        }
    }

    #[test]
    fn an_empty_prefix_fits_every_name() {
        let names = Names {
            renames: &[("", "bert.")],
            derives: &[],
        };
        assert_eq!(names.rename("pooler.weight"), "bert.pooler.weight");
    }

    #[test]
    fn what_makes_a_weight_gets_its_stars() {
        let (how, found) = NAMES.derived("blocks.7.qkv").expect("a rule");
        assert_eq!(how, NAMES.derives[0].1);
        assert_eq!(found.fill("layer.*.q"), "layer.7.q");
        assert_eq!(NAMES.derived("blocks.7.qkv.weight"), None);
    }
}
