//! The closed lists that a family chooses from.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes an enum whose names in YAML, in paths and in tables are the same.
macro_rules! closed_list {
    ($(#[$meta:meta])* $list:ident { $($(#[$about:meta])* $value:ident = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema, Serialize)]
        pub enum $list {
            $($(#[$about])* #[serde(rename = $name)] $value,)*
        }

        impl $list {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$value),*];

            /// The name used in YAML, paths and tables.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                }
            }
        }

        impl fmt::Display for $list {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

closed_list! {
    /// Which test crate a family goes to.
    Category {
        /// Text in, hidden states out: bert.
        TextEncoder = "text-encoder",
        /// Text in, next token out: llama.
        TextDecoder = "text-decoder",
        /// Text in, text out: t5.
        TextEncoderDecoder = "text-encoder-decoder",
        /// Text in, next token out, with a recurrent state: mamba, jamba.
        StateSpace = "state-space",
        /// Images in: vit, detr.
        Vision = "vision",
        /// Sound in: whisper, wav2vec2, clap.
        Audio = "audio",
        /// Several modalities in: clip, llava.
        Multimodal = "multimodal",
        /// Frames in: xclip.
        Video = "video",
        /// Pages in, as text with places, as images, or both: layoutlm, donut-swin.
        Document = "document",
        /// Numbers over time in, forecasts out: patchtst.
        TimeSeries = "time-series",
        /// Amino acids in: esm.
        Protein = "protein",
        /// States and actions in, actions out: decision_transformer.
        Decision = "decision",
    }
}

closed_list! {
    /// How a model is built, which decides its template and its checks.
    Architecture {
        /// Bidirectional text encoder.
        EncoderOnly = "encoder-only",
        /// Causal text decoder.
        DecoderOnly = "decoder-only",
        /// Text encoder with a causal decoder.
        EncoderDecoder = "encoder-decoder",
        /// Causal text decoder that carries a recurrent state, alone or beside attention.
        StateSpace = "state-space",
        /// Image encoder or classifier.
        Vision = "vision",
        /// Boxes and classes from an image.
        Detection = "detection",
        /// An answer for every pixel of an image: segmentation, depth, super-resolution.
        DensePrediction = "dense-prediction",
        /// Text and image encoders that meet in one space.
        DualEncoder = "dual-encoder",
        /// Text and video encoders that meet in one space.
        VideoText = "video-text",
        /// One bidirectional encoder that reads text and image together.
        FusionEncoder = "fusion-encoder",
        /// A causal decoder that reads image features among its tokens.
        VisionLanguage = "vision-language",
        /// Image encoder with a causal text decoder that attends to it.
        VisionEncoderDecoder = "vision-encoder-decoder",
        /// Video encoder.
        Video = "video",
        /// Sound encoder with a causal text decoder.
        SpeechEncoderDecoder = "speech-encoder-decoder",
        /// Sound encoder.
        SpeechEncoder = "speech-encoder",
        /// Text and sound encoders that meet in one space.
        AudioText = "audio-text",
        /// A causal decoder that reads sound features among its tokens.
        AudioLanguage = "audio-language",
        /// Sound to codes and back to sound.
        AudioCodec = "audio-codec",
        /// Text to sound, or to what a vocoder makes sound of.
        SpeechSynthesis = "speech-synthesis",
        /// A causal decoder that reads features of several other modalities among its tokens.
        AnyToAny = "any-to-any",
        /// Numbers over time, and what follows them.
        TimeSeries = "time-series",
        /// Trajectories of states, actions and rewards.
        Decision = "decision",
    }
}

impl Architecture {
    /// The axis that grows while decoding; none where nothing decodes.
    pub fn decodes_along(self) -> Option<&'static str> {
        match self {
            Self::DecoderOnly
            | Self::StateSpace
            | Self::VisionLanguage
            | Self::AudioLanguage
            | Self::AnyToAny => Some("sequence"),
            Self::EncoderDecoder | Self::SpeechEncoderDecoder | Self::VisionEncoderDecoder => {
                Some("target")
            }
            Self::EncoderOnly
            | Self::Vision
            | Self::Detection
            | Self::DensePrediction
            | Self::DualEncoder
            | Self::VideoText
            | Self::FusionEncoder
            | Self::Video
            | Self::SpeechEncoder
            | Self::AudioText
            | Self::AudioCodec
            | Self::SpeechSynthesis
            | Self::TimeSeries
            | Self::Decision => None,
        }
    }

    /// The axis of the positions that a text model is about: the one that decodes, or an encoder's.
    pub fn positions_along(self) -> Option<&'static str> {
        match self {
            Self::EncoderOnly | Self::FusionEncoder => Some("sequence"),
            other => other.decodes_along(),
        }
    }
}

closed_list! {
    /// What a model takes in.
    Modality {
        /// Text.
        Text = "text",
        /// Images.
        Image = "image",
        /// Sound.
        Audio = "audio",
        /// Text and images.
        TextImage = "text-image",
        /// Text and sound.
        TextAudio = "text-audio",
        /// Text and video.
        TextVideo = "text-video",
        /// Text, images and sound.
        TextImageAudio = "text-image-audio",
        /// Frames.
        Video = "video",
        /// Numbers over time.
        TimeSeries = "time-series",
        /// Amino acids.
        Protein = "protein",
        /// States, actions and rewards.
        Trajectory = "trajectory",
    }
}

closed_list! {
    /// How much a defect in a family hurts.
    #[derive(Default)]
    Priority {
        /// Nearly everybody runs it.
        Critical = "critical",
        /// Many run it.
        High = "high",
        /// The rest.
        #[default]
        Normal = "normal",
    }
}
