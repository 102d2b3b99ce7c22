//! One measurement: a graph on a runtime, in a process of its own, so that its peak of memory is nobody else's.
//!
//! `graph-bench SIDE FOLDER RUNS`, with the number of threads in `RAYON_NUM_THREADS`, prints one line of JSON;
//! `cargo xtask bench graphs` calls it. What goes wrong is said on standard error.

mod candle_graph;
mod candle_onnx;
mod case;
mod compare;
mod measure;
mod native;
mod onnxruntime;
mod store;

use std::{collections::BTreeMap, env, process::ExitCode};

use anyhow::{Result, bail};
use candle_core::Tensor;
use case::Case;

/// A loaded model, with its inputs.
trait Side {
    /// One pass.
    fn run(&mut self) -> Result<BTreeMap<String, Tensor>>;
}

/// What is measured, by its name.
fn load(side: &str, case: &Case) -> Result<Box<dyn Side>> {
    match side {
        "candle" => native::load(case),
        "candle-graph" => candle_graph::load(case),
        "candle-onnx" => candle_onnx::load(case),
        "onnxruntime" => onnxruntime::load(case),
        other => bail!(
            "no side is called `{other}` (known: candle, candle-graph, candle-onnx, onnxruntime)"
        ),
    }
}

fn measure_as_asked() -> Result<String> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [side, folder, runs] = arguments.as_slice() else {
        bail!("{} arguments (valid: SIDE FOLDER RUNS)", arguments.len());
    };
    let case = Case::open(folder.into())?;
    let measured = measure::measure(|| load(side, &case), runs.parse()?)?;
    let deviation = compare::deviation(&measured.outputs, &case.outputs)?;
    Ok(measured.report(deviation).to_string())
}

fn main() -> ExitCode {
    match measure_as_asked() {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
