//! The closed lists of backends and devices that a command line can name.

use clap::ValueEnum;

/// Who computes; the order is that of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Backend {
    /// candle-transformers, in Rust.
    Candle,
    /// ONNX Runtime, from Rust.
    Ort,
    /// ONNX Runtime, from Python.
    PythonOrt,
    /// Live PyTorch.
    PythonTorch,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Candle, Self::Ort, Self::PythonOrt, Self::PythonTorch];

    /// The name in evidence, expectations and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Candle => "candle",
            Self::Ort => "ort",
            Self::PythonOrt => "python-ort",
            Self::PythonTorch => "python-torch",
        }
    }

    /// Whether its tests are the emitted Rust ones.
    pub fn is_rust(self) -> bool {
        matches!(self, Self::Candle | Self::Ort)
    }

    /// The ways in which it is tried; `None` is its own default.
    pub fn settings(self) -> &'static [Option<&'static str>] {
        match self {
            Self::Ort => &[None, Some("unoptimised")],
            Self::Candle | Self::PythonOrt | Self::PythonTorch => &[None],
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
