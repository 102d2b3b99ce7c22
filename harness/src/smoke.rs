//! Before any family: does the harness tell right from wrong, and does each backend compute at all?
//!
//! Each emitted smoke test calls one of these. They leave no evidence: what they find concerns no
//! family, and a run does not start where one fails.

use std::collections::BTreeMap;

use candle_core::{Device as CandleDevice, Tensor};
use evidence::Outcome;
use ort::{session::Session as OrtSession, value::Tensor as OrtTensor};

use crate::{
    Case,
    array::{Array, Data, Tensors},
    backend::{Backend, Capabilities, Device, Failure, Session},
    bounds, candle,
    check::forward_matches_reference,
    judge,
    reference::Reference,
    site::Site,
    trial::Trial,
    verdict::Verdict,
};

/// How far one element is moved, in bounds.
const FAR: f64 = 10.0;

/// A recorded answer passes, and the same answer spoiled in any of three ways does not.
#[track_caller]
pub fn harness_tells_right_from_wrong(case: &Case) {
    let told = Site::from_env()
        .and_then(|site| tells_right_from_wrong(&site, case, forward_matches_reference::examine));
    if let Err(said) = told {
        panic!("the harness is broken, not the backends: {said} [cargo test -p harness]");
    }
}

/// Candle multiplies two matrices of small integers and makes no error.
#[track_caller]
pub fn candle_computes() {
    if let Err(said) = Site::from_env().and_then(|site| multiplied(site.device)) {
        panic!(
            "candle is broken here, not the families: {said} [try another device, or the pinned \
             version of candle-core on its own]"
        );
    }
}

/// candle runs a graph that adds two numbers to themselves.
#[track_caller]
pub fn candle_graph_computes() {
    let ran = Site::from_env().and_then(|site| doubled_by_candle(site.device));
    if let Err(said) = ran {
        panic!(
            "running graphs on candle is broken here, not the families: {said} [cargo test -p candle-graph]"
        );
    }
}

/// ONNX Runtime loads and adds two numbers to themselves.
#[track_caller]
pub fn ort_computes() {
    if let Err(said) = Site::from_env().and_then(|site| doubled(&site)) {
        panic!(
            "ONNX Runtime is broken here, not the families: {said} [cargo xtask setup ort, or \
             ORT_DYLIB_PATH for a library of your own]"
        );
    }
}

/// Whether `examine` passes what PyTorch gave, and nothing that differs from it; if not, what it got
/// wrong.
pub fn tells_right_from_wrong(
    site: &Site,
    case: &Case,
    examine: impl Fn(&mut Trial<Echo>) -> Result<Verdict, Failure>,
) -> Result<(), String> {
    let site = Site {
        evidence: None,
        saboteurs: None,
        ..site.clone()
    };
    for (answer, what, due) in [
        (Answer::Truth, "PyTorch's own answer", Outcome::Pass),
        (
            Answer::OneElementOff,
            "an answer with one element ten bounds off",
            Outcome::Mismatch,
        ),
        (
            Answer::OneElementNan,
            "an answer with one element that is no number",
            Outcome::Nonfinite,
        ),
        (Answer::Nothing, "no answer at all", Outcome::RunFailed),
    ] {
        let record = judge::record(&site, "smoke", case, &answer, &examine)?;
        if record.outcome != due {
            let (outcome, detail) = (record.outcome, record.detail);
            return Err(format!(
                "{what} is judged {outcome}, and {due} is due: {detail}"
            ));
        }
    }
    Ok(())
}

/// A backend that computes nothing and gives what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Truth,
    OneElementOff,
    OneElementNan,
    Nothing,
}

/// What [`tells_right_from_wrong`] examines: an answer that is known beforehand.
#[derive(Debug)]
pub struct Echo(Tensors);

impl Backend for Answer {
    type Session = Echo;

    fn name(&self) -> &'static str {
        "echo"
    }

    fn versions(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn capabilities(&self, reference: &Reference) -> Capabilities {
        let manifest = reference.manifest();
        let inputs = manifest.inputs.iter().map(|input| input.name.clone());
        Capabilities {
            inputs: inputs.collect(),
            outputs: whole(reference).map(|(name, _)| name.clone()).collect(),
            ..Capabilities::default()
        }
    }

    fn load(&self, reference: &Reference, _: Device) -> Result<Echo, Failure> {
        if *self == Self::Nothing {
            return Ok(Echo(Tensors::new()));
        }
        let mut tensors = Tensors::new();
        for (name, values) in whole(reference) {
            let mut values = values.clone();
            if let (Some(value), true) = (values.first_mut(), tensors.is_empty()) {
                *value = self.spoilt(reference, name, *value)?;
            }
            let shape = reference.truths()[name].shape.clone();
            let array = Array::unnamed(shape, Data::F32(values))
                .map_err(|error| Failure::load(error.to_string()))?;
            tensors.insert(name.clone(), array);
        }
        Ok(Echo(tensors))
    }
}

impl Answer {
    fn spoilt(self, reference: &Reference, name: &str, value: f32) -> Result<f32, Failure> {
        match self {
            Self::OneElementOff => {
                let manifest = reference.manifest();
                let output = manifest
                    .output(name)
                    .ok_or_else(|| Failure::load(format!("`{name}` is not in the manifest")))?;
                let bound = bounds::forward(output, &reference.truths()[name]);
                Ok(value + (FAR * bound.max_abs) as f32)
            }
            Self::OneElementNan => Ok(f32::NAN),
            Self::Truth | Self::Nothing => Ok(value),
        }
    }
}

/// The outputs of which every element is recorded, rounded as a backend would have to round them.
fn whole(reference: &Reference) -> impl Iterator<Item = (&String, Vec<f32>)> {
    let truths = reference.truths().iter();
    truths
        .filter(|(_, truth)| truth.sums.is_empty())
        .map(|(name, truth)| {
            let values = truth.elements.iter().map(|(_, value)| *value as f32);
            (name, values.collect())
        })
}

impl Session for Echo {
    fn run(&mut self, _: &Tensors, _: usize) -> Result<Tensors, Failure> {
        Ok(self.0.clone())
    }

    fn reset(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

fn multiplied(device: Device) -> Result<(), String> {
    let product = || -> candle_core::Result<Vec<Vec<f32>>> {
        let device = match device {
            Device::Cpu => CandleDevice::Cpu,
            Device::Cuda => CandleDevice::new_cuda(0)?,
            Device::Metal => CandleDevice::new_metal(0)?,
        };
        let left = Tensor::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &device)?;
        let right = Tensor::new(&[[7f32, 8.0], [9.0, 10.0], [11.0, 12.0]], &device)?;
        left.matmul(&right)?.to_vec2()
    };
    let found = product().map_err(|error| error.to_string())?;
    let due = [[58.0, 64.0], [139.0, 154.0]];
    if found == due {
        return Ok(());
    }
    Err(format!(
        "a product of two matrices is {found:?}, and {due:?} is due"
    ))
}

/// `y = x + x` over one axis of any length, as ONNX: ir 8, opset 13.
const DOUBLE: &[u8] = b"\x08\x08\x3a\x3c\
    \x0a\x0e\x0a\x01x\x0a\x01x\x12\x01y\x22\x03Add\
    \x12\x06double\
    \x5a\x10\x0a\x01x\x12\x0b\x0a\x09\x08\x01\x12\x05\x0a\x03\x12\x01n\
    \x62\x10\x0a\x01y\x12\x0b\x0a\x09\x08\x01\x12\x05\x0a\x03\x12\x01n\
    \x42\x04\x0a\x00\x10\x0d";

fn doubled_by_candle(device: Device) -> Result<(), String> {
    let device = candle::open(device).map_err(|failure| failure.to_string())?;
    let run = || -> Result<Vec<f32>, Box<dyn std::error::Error>> {
        let graph = candle_graph::Graph::load(&onnx_model::Model::read(DOUBLE)?, &device)?;
        let x = Tensor::new(&[1.5_f32, -2.0], &CandleDevice::Cpu)?;
        let outputs = graph.run(&BTreeMap::from([("x".to_owned(), x)]))?;
        Ok(outputs["y"].to_vec1()?)
    };
    is_doubled(run().map_err(|error| error.to_string())?)
}

fn is_doubled(found: Vec<f32>) -> Result<(), String> {
    let due = [3.0, -4.0];
    if found == due {
        return Ok(());
    }
    Err(format!(
        "twice [1.5, -2.0] is {found:?}, and {due:?} is due"
    ))
}

fn doubled(site: &Site) -> Result<(), String> {
    let library = onnxruntime_library::ensure(&site.root).map_err(|error| error.to_string())?;
    let run = || -> Result<Vec<f32>, Box<dyn std::error::Error>> {
        let environment = ort::init_from(&library)?.with_telemetry(false).build()?;
        let mut session = OrtSession::builder(&environment)?.commit_from_memory(DOUBLE)?;
        let x = OrtTensor::from_array(([2_usize], vec![1.5_f32, -2.0]))?;
        let outputs = session.run(ort::inputs!["x" => x])?;
        Ok(outputs["y"].try_extract_tensor::<f32>()?.1.to_vec())
    };
    let found = run().map_err(|error| error.to_string());
    found
        .and_then(is_doubled)
        .map_err(|said| format!("{library}: {said}"))
}
