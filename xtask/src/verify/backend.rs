//! The closed lists of backends and devices that a command line can name.

use clap::ValueEnum;
use model_registry::TOKENIZERS;

/// Who computes; the order is that of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Backend {
    /// candle-transformers, in Rust.
    Candle,
    /// candle-core on the recorded graphs, in Rust.
    CandleGraph,
    /// ONNX Runtime, from Rust.
    Ort,
    /// The crate of that name, for the tokenizers of the families.
    Tokenizers,
    /// ONNX Runtime, from Python.
    PythonOrt,
    /// Live PyTorch.
    PythonTorch,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Candle,
        Self::CandleGraph,
        Self::Ort,
        Self::Tokenizers,
        Self::PythonOrt,
        Self::PythonTorch,
    ];

    /// The name in evidence, expectations and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Candle => "candle",
            Self::CandleGraph => "candle-graph",
            Self::Ort => "ort",
            Self::Tokenizers => TOKENIZERS,
            Self::PythonOrt => "python-ort",
            Self::PythonTorch => "python-torch",
        }
    }

    /// Whether its tests are the emitted Rust ones.
    pub fn is_rust(self) -> bool {
        self.runs_models() || self == Self::Tokenizers
    }

    /// Whether the emitted Rust tests run models on it.
    pub fn runs_models(self) -> bool {
        matches!(self, Self::Candle | Self::CandleGraph | Self::Ort)
    }

    /// The ways in which it is tried; `None` is its own default.
    pub fn settings(self) -> &'static [Option<&'static str>] {
        match self {
            Self::Ort => &[None, Some("unoptimised")],
            _ => &[None],
        }
    }
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// An Apple GPU.
    Metal,
}

impl Device {
    /// The name in evidence and expectations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }

    /// The feature of the emitted tests that it needs.
    pub fn feature(self) -> Option<&'static str> {
        (self != Self::Cpu).then(|| self.name())
    }
}
