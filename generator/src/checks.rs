//! Which architecture gets which check, and what a check needs of a backend: the one list of it.

use model_registry::Architecture;

use Architecture::{
    AnyToAny, AudioCodec, AudioLanguage, AudioText, Decision, DecoderOnly, DensePrediction,
    Detection, DualEncoder, EncoderDecoder, EncoderOnly, FusionEncoder, SpeechEncoder,
    SpeechEncoderDecoder, StateSpace, TimeSeries, Video, VideoText, Vision, VisionEncoderDecoder,
    VisionLanguage,
};

/// A check of the harness, with where it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) architectures: &'static [Architecture],
    /// What a backend and a case must have, or the check has nothing to look at.
    pub(crate) needs: &'static [Need],
    /// Whether variants get it as well as the base case.
    pub(crate) on_variants: bool,
    /// Whether it is made at every setting of a backend and not at the usual one alone.
    pub(crate) at_every_setting: bool,
    /// Whether it is told the axis that positions lie along.
    pub(crate) takes_axis: bool,
}

/// What a check may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// An output with one row for each of the batch.
    Rows,
    /// A mask that tells tokens from padding, among what is read.
    Mask,
    /// An output along the axis that the check looks along.
    Along,
    /// Keys and values kept from one call to the next.
    Cache,
    /// Logits over the vocabulary for each position along the axis.
    Logits,
    /// Inputs along the axis that can all grow by a token: one of ids, and masks.
    Growth,
    /// Weights that can be loaded at half precision.
    HalfPrecision,
    /// A config that is read from JSON.
    JsonConfig,
}

impl Need {
    /// Why the check is not made where this is missing.
    pub fn unmet(self) -> &'static str {
        match self {
            Self::Rows => "no output has one row for each of the batch",
            Self::Mask => "no mask is read",
            Self::Along => "nothing is given along the axis that the check looks along",
            Self::Cache => "no cache is kept between calls",
            Self::Logits => "no logits are given along the axis that grows",
            Self::Growth => "an input along the axis has no rule to grow by",
            Self::HalfPrecision => "the recorded graph is float32",
            Self::JsonConfig => "no config is read from JSON",
        }
    }
}

/// Architectures whose decoder writes token by token.
const DECODERS: &[Architecture] = &[
    DecoderOnly,
    StateSpace,
    EncoderDecoder,
    SpeechEncoderDecoder,
    VisionEncoderDecoder,
    VisionLanguage,
    AudioLanguage,
    AnyToAny,
];
/// Those of them whose prompt can be padded on the left.
const PROMPTED: &[Architecture] = &[
    DecoderOnly,
    StateSpace,
    VisionLanguage,
    AudioLanguage,
    AnyToAny,
];
const CROSS_ATTENDING: &[Architecture] =
    &[EncoderDecoder, SpeechEncoderDecoder, VisionEncoderDecoder];
const READERS_OF_POSITIONS: &[Architecture] = &[
    EncoderOnly,
    DecoderOnly,
    StateSpace,
    EncoderDecoder,
    SpeechEncoderDecoder,
    VisionEncoderDecoder,
    VisionLanguage,
    AudioLanguage,
    AnyToAny,
];
const SEEING: &[Architecture] = &[
    Detection,
    DensePrediction,
    Video,
    Vision,
    VisionEncoderDecoder,
];
/// Those whose only floats are sound; a series over time is one too.
const HEARING: &[Architecture] = &[
    AudioCodec,
    AudioLanguage,
    AudioText,
    SpeechEncoder,
    SpeechEncoderDecoder,
    TimeSeries,
];
const OF_MANY_STREAMS: &[Architecture] = &[
    AnyToAny,
    AudioLanguage,
    AudioText,
    Decision,
    DualEncoder,
    FusionEncoder,
    TimeSeries,
    VideoText,
    VisionEncoderDecoder,
    VisionLanguage,
];

/// Every check, in the order in which they are emitted.
pub(crate) const CHECKS: &[Check] = &[
    Check::of("forward_matches_reference", Architecture::ALL)
        .on_variants()
        .at_every_setting(),
    Check::of("reads_every_weight", Architecture::ALL).on_variants(),
    Check::of("runs_twice_the_same", Architecture::ALL),
    Check::of("batch_equals_singles", Architecture::ALL).needs(&[Need::Rows]),
    Check::of("padding_changes_nothing", Architecture::ALL).needs(&[Need::Mask]),
    Check::along("left_padding_changes_nothing", PROMPTED, &[Need::Mask]),
    Check::along("every_length_agrees", READERS_OF_POSITIONS, &[]),
    Check::of("later_tokens_do_matter", &[EncoderOnly, FusionEncoder]).needs(&[Need::Along]),
    Check::along("later_tokens_do_not_matter", DECODERS, &[]),
    Check::along("encoder_reaches_decoder", CROSS_ATTENDING, &[]),
    Check::along("cached_decode_matches_full", DECODERS, &[Need::Cache]).on_variants(),
    Check::along("chunked_prefill_matches_full", DECODERS, &[Need::Cache]),
    Check::along(
        "greedy_tokens_match",
        DECODERS,
        &[Need::Logits, Need::Growth],
    )
    .on_variants(),
    Check::of("every_patch_matters", SEEING),
    Check::of("resolution_follows_config", &[Vision]),
    Check::of("every_frame_matters", HEARING),
    Check::of("silence_stays_finite", HEARING),
    Check::of("each_stream_matters", OF_MANY_STREAMS),
    Check::of("half_precision_within_bound", Architecture::ALL).needs(&[Need::HalfPrecision]),
    Check::of("reads_config_of_transformers_5", Architecture::ALL).needs(&[Need::JsonConfig]),
    Check::of("reads_config_of_transformers_4", Architecture::ALL).needs(&[Need::JsonConfig]),
    Check::of("refuses_bad_input", Architecture::ALL),
];

impl Check {
    const fn of(name: &'static str, architectures: &'static [Architecture]) -> Self {
        Self {
            name,
            architectures,
            needs: &[],
            on_variants: false,
            at_every_setting: false,
            takes_axis: false,
        }
    }

    /// A check along the axis of positions, which needs an output along it besides the rest.
    const fn along(
        name: &'static str,
        architectures: &'static [Architecture],
        needs: &'static [Need],
    ) -> Self {
        Self {
            takes_axis: true,
            needs,
            ..Self::of(name, architectures)
        }
    }

    const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    const fn on_variants(mut self) -> Self {
        self.on_variants = true;
        self
    }

    const fn at_every_setting(mut self) -> Self {
        self.at_every_setting = true;
        self
    }
}
