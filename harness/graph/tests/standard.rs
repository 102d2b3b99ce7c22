//! The ONNX standard's node cases, at the standard's tolerances.
//!
//! `cargo xtask operators` makes the cases, runs this test, and writes what came of them. Here every
//! case that runs must pass; those that are refused are counted.

use std::{
    collections::BTreeMap,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use candle_graph::{Graph, Kind};
use onnx_model::{Model, proto::TensorProto};
use prost::Message;
use serde_json::{Value, json};

#[derive(Debug)]
enum Outcome {
    Passed,
    Refused(String),
    Failed(String),
}

#[test]
#[ignore = "needs the standard's cases: `cargo xtask operators` makes them"]
fn every_case_that_runs_passes() {
    let folder = env::var_os("ONNX_NODE_CASES")
        .map(PathBuf::from)
        .expect("ONNX_NODE_CASES names their folder");
    let index = fs::read(folder.join("index.json")).expect("the index of the cases");
    let index: Vec<Value> = serde_json::from_slice(&index).expect("JSON");
    assert!(!index.is_empty(), "there are no cases");
    let only = env::var("ONNX_NODE_CASE").ok();
    let mut lines = Vec::new();
    let mut failed = 0;
    for entry in &index {
        let name = entry["name"].as_str().expect("a name");
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&folder.join(name), entry)));
        let outcome = outcome.unwrap_or_else(|_| Outcome::Failed("panicked".to_owned()));
        let (what, detail) = match outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Refused(why) => ("refused", why),
            Outcome::Failed(why) => ("failed", why),
        };
        failed += usize::from(what == "failed");
        lines.push(json!({"name": name, "operators": entry["operators"], "outcome": what, "detail": detail}));
    }
    if let Some(path) = env::var_os("ONNX_NODE_RESULTS") {
        fs::write(path, serde_json::to_vec(&lines).expect("JSON"))
            .expect("the results can be written");
    }
    let failures: Vec<&Value> = lines
        .iter()
        .filter(|line| line["outcome"] == "failed")
        .collect();
    assert!(
        failed == 0,
        "{failed} of {} cases failed: {failures:#?}",
        lines.len()
    );
}

fn run(folder: &Path, entry: &Value) -> Outcome {
    let bytes = fs::read(folder.join("model.onnx")).expect("the case's model");
    let model = match Model::read(&bytes) {
        Ok(model) => model,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let graph = match Graph::load(&model, &Device::Cpu) {
        Ok(graph) => graph,
        Err(error) if error.kind() == Kind::Unsupported => {
            return Outcome::Refused(error.to_string());
        }
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let mut inputs = BTreeMap::new();
    for (number, port) in graph.inputs().iter().enumerate() {
        match read(&folder.join(format!("input_{number}.pb"))) {
            Ok(tensor) => inputs.insert(port.name.clone(), tensor),
            Err(error) => return Outcome::Failed(error),
        };
    }
    let outputs = match graph.run(&inputs) {
        Ok(outputs) => outputs,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let tolerance = |key: &str| entry[key].as_f64().expect("a tolerance");
    for (number, port) in graph.outputs().iter().enumerate() {
        let wanted = match read(&folder.join(format!("output_{number}.pb"))) {
            Ok(tensor) => tensor,
            Err(error) => return Outcome::Failed(error),
        };
        if let Err(error) = compare(
            &outputs[&port.name],
            &wanted,
            tolerance("rtol"),
            tolerance("atol"),
        ) {
            return Outcome::Failed(format!("output `{}` {error}", port.name));
        }
    }
    Outcome::Passed
}

fn read(path: &Path) -> Result<Tensor, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let proto = TensorProto::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
    candle_graph::tensor(&proto, &Device::Cpu).map_err(|error| error.to_string())
}

fn compare(got: &Tensor, wanted: &Tensor, rtol: f64, atol: f64) -> Result<(), String> {
    if (got.dims(), got.dtype()) != (wanted.dims(), wanted.dtype()) {
        return Err(format!(
            "is {:?} {:?}, the standard has {:?} {:?}",
            got.dtype(),
            got.dims(),
            wanted.dtype(),
            wanted.dims()
        ));
    }
    let values = |tensor: &Tensor| -> Vec<f64> {
        let wide = tensor
            .to_dtype(DType::F64)
            .and_then(|wide| wide.flatten_all());
        wide.and_then(|wide| wide.to_vec1()).expect("numbers")
    };
    let got_type = got.dtype();
    let (got, wanted) = (values(got), values(wanted));
    // Two units in the last place, as the standard's own runner allows.
    let rtol = if got_type == DType::BF16 {
        rtol.max(2f64.powi(-6))
    } else {
        rtol
    };
    let close = |got: f64, wanted: f64| {
        got == wanted
            || (got.is_nan() && wanted.is_nan())
            || (got - wanted).abs() <= atol + rtol * wanted.abs()
    };
    match got
        .iter()
        .zip(&wanted)
        .position(|(&got, &wanted)| !close(got, wanted))
    {
        None => Ok(()),
        Some(place) => Err(format!(
            "has {} at {place}, the standard has {}",
            got[place], wanted[place]
        )),
    }
}
