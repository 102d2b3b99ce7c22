//! Which recorded case an emitted test speaks about.

/// One recorded case: a family's base case or one of its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// The test crate it belongs to: `text-encoder`.
    pub category: &'static str,
    /// transformers' `model_type`.
    pub family: &'static str,
    /// The variant's name; `None` for the family's base case.
    pub variant: Option<&'static str>,
    /// Hash of what the reference must have been recorded from.
    pub recorded_from: &'static str,
}

impl Case {
    /// The name of its reference: `bert`, or `bert.relu` for a variant.
    pub fn name(&self) -> String {
        match self.variant {
            Some(variant) => format!("{}.{variant}", self.family),
            None => self.family.to_owned(),
        }
    }
}
