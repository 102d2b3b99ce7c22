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
        /// Images in: vit, detr.
        Vision = "vision",
        /// Sound in: whisper, wav2vec2, clap.
        Audio = "audio",
        /// Several modalities in: clip, llava.
        Multimodal = "multimodal",
        /// Frames in: xclip.
        Video = "video",
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
        /// Image encoder or classifier.
        Vision = "vision",
        /// Boxes and classes from an image.
        Detection = "detection",
        /// Text and image encoders that meet in one space.
        DualEncoder = "dual-encoder",
        /// Text and video encoders that meet in one space.
        VideoText = "video-text",
        /// A causal decoder that reads image features among its tokens.
        VisionLanguage = "vision-language",
        /// Sound encoder with a causal text decoder.
        SpeechEncoderDecoder = "speech-encoder-decoder",
        /// Sound encoder.
        SpeechEncoder = "speech-encoder",
        /// Text and sound encoders that meet in one space.
        AudioText = "audio-text",
    }
}

impl Architecture {
    /// The axis that grows while decoding; none where nothing decodes.
    pub fn decodes_along(self) -> Option<&'static str> {
        match self {
            Self::DecoderOnly | Self::VisionLanguage => Some("sequence"),
            Self::EncoderDecoder | Self::SpeechEncoderDecoder => Some("target"),
            Self::EncoderOnly
            | Self::Vision
            | Self::Detection
            | Self::DualEncoder
            | Self::VideoText
            | Self::SpeechEncoder
            | Self::AudioText => None,
        }
    }

    /// The axis of the positions that a text model is about: the one that decodes, or an encoder's.
    pub fn positions_along(self) -> Option<&'static str> {
        match self {
            Self::EncoderOnly => Some("sequence"),
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
