//! The ONNX standard's node cases, at the standard's tolerances.
//!
//! `cargo xtask operators` makes the cases, runs this test, and writes what came of them. Every case
//! that runs must pass unless `standard.yaml` says why it cannot, and what that lists must fail;
//! cases that are refused are counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use candle_graph::{Graph, Kind};
use onnx_model::{Model, proto::TensorProto};
use prost::Message;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is known to fail.
const KNOWN: &str = "harness/graph/tests/standard.yaml";

#[derive(Debug)]
enum Outcome {
    Passed,
    Refused(String),
    Failed(String),
}

/// A case that is known to fail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    case: String,
    cause: String,
}

/// The causes of the failures that are known, by case.
fn known(yaml: &str) -> BTreeMap<String, String> {
    let entries: Vec<Known> = serde_saphyr::from_str(yaml).expect(KNOWN);
    let mut known = BTreeMap::new();
    for Known { case, cause } in entries {
        let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!cause.is_empty(), "{KNOWN} gives no cause for {case}");
        assert!(
            known.insert(case.clone(), cause).is_none(),
            "{KNOWN} lists {case} twice"
        );
    }
    known
}

/// What came of one case and is not as `standard.yaml` says.
fn surprise(name: &str, outcome: &Outcome, cause: Option<&String>) -> Option<String> {
    match (outcome, cause) {
        (Outcome::Failed(why), None) => Some(format!(
            "{name} fails: {why} [mend it, or list it with its cause in {KNOWN}]"
        )),
        (Outcome::Passed, Some(_)) => Some(format!(
            "{name} passes, but is listed as failing [delete its entry from {KNOWN}]"
        )),
        (Outcome::Refused(why), Some(_)) => Some(format!(
            "{name} is refused, but is listed as failing: {why} [delete its entry from {KNOWN}]"
        )),
        (Outcome::Failed(_), Some(_)) | (Outcome::Passed | Outcome::Refused(_), None) => None,
    }
}

#[test]
#[ignore = "needs the standard's cases: `cargo xtask operators` makes them"]
fn every_case_is_as_expected() {
    let folder = env::var_os("ONNX_NODE_CASES")
        .map(PathBuf::from)
        .expect("ONNX_NODE_CASES names their folder");
    let index = fs::read(folder.join("index.json")).expect("the index of the cases");
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    let entries = index["cases"].as_array().expect("a list of cases");
    assert!(!entries.is_empty(), "there are no cases");
    let only = env::var("ONNX_NODE_CASE").ok();
    let mut known = known(include_str!("standard.yaml"));
    let (mut cases, mut surprises) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry["name"].as_str().expect("a name");
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&folder.join(name), entry)));
        let outcome = outcome.unwrap_or_else(|_| Outcome::Failed("it panics".to_owned()));
        let cause = known.remove(name);
        surprises.extend(surprise(name, &outcome, cause.as_ref()));
        let (word, detail) = match outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Refused(why) => ("refused", why),
            Outcome::Failed(why) => ("failed", why),
        };
        cases.push(json!({
            "name": name,
            "operators": entry["operators"],
            "outcome": word,
            "detail": detail,
            "cause": cause,
        }));
    }
    match only {
        Some(only) => assert!(!cases.is_empty(), "the standard has no case `{only}`"),
        None => surprises.extend(known.keys().map(|name| {
            format!("the standard has no case {name} [delete its entry from {KNOWN}]")
        })),
    }
    if let Some(path) = env::var_os("ONNX_NODE_RESULTS") {
        let results = json!({
            "onnx": index["onnx"],
            "standard": index["operators"],
            "known": candle_graph::operators().collect::<BTreeMap<_, _>>(),
            "cases": cases,
            "surprises": surprises,
        });
        let results = serde_json::to_vec(&results).expect("JSON");
        fs::write(path, results).expect("the results can be written");
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn operators_are_listed_once() {
    let names: Vec<&str> = candle_graph::operators().map(|(name, _)| name).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn what_is_known_to_fail_cuts_both_ways() {
    let listed = "is listed".to_owned();
    let rows = [
        (Outcome::Passed, None, None),
        (Outcome::Refused("unknown".into()), None, None),
        (Outcome::Failed("3 is not 4".into()), Some(&listed), None),
        (
            Outcome::Failed("3 is not 4".into()),
            None,
            Some(
                "c fails: 3 is not 4 [mend it, or list it with its cause in harness/graph/tests/standard.yaml]",
            ),
        ),
        (
            Outcome::Passed,
            Some(&listed),
            Some(
                "c passes, but is listed as failing [delete its entry from harness/graph/tests/standard.yaml]",
            ),
        ),
        (
            Outcome::Refused("unknown".into()),
            Some(&listed),
            Some(
                "c is refused, but is listed as failing: unknown [delete its entry from harness/graph/tests/standard.yaml]",
            ),
        ),
    ];
    for (outcome, cause, wanted) in rows {
        assert_eq!(
            surprise("c", &outcome, cause).as_deref(),
            wanted,
            "{outcome:?}"
        );
    }
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
            "has {:?} at {place}, the standard has {:?}",
            got[place], wanted[place]
        )),
    }
}
