//! Where the time of a graph goes, operator by operator.
//!
//! `cargo run --release -p candle-graph --example profile -- graph.onnx weights.safetensors inputs.safetensors`

use std::{collections::BTreeMap, error::Error, fs, time::Duration};

use candle_core::{Device, safetensors};
use candle_graph::Graph;
use onnx_model::Model;

const RUNS: u32 = 5;

#[expect(
    clippy::print_stdout,
    reason = "an example that is run from a terminal"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [model, weights, inputs] = &paths[..] else {
        return Err("asks for a model, its weights and its inputs".into());
    };
    let device = Device::Cpu;
    let weights = safetensors::load(weights, &device)?;
    let model = Model::read(&fs::read(model)?)?;
    let graph = Graph::with_weights(&model, &device, |name| weights.get(name).cloned())?;
    let inputs: BTreeMap<_, _> = safetensors::load(inputs, &device)?.into_iter().collect();
    graph.run(&inputs)?;
    let mut costs = BTreeMap::<String, (usize, Duration)>::new();
    for _ in 0..RUNS {
        for (operator, (calls, time)) in graph.profile(&inputs)? {
            let cost = costs.entry(operator).or_default();
            *cost = (calls, cost.1 + time);
        }
    }
    let mut costs: Vec<_> = costs.into_iter().collect();
    costs.sort_by_key(|(_, (_, time))| std::cmp::Reverse(*time));
    for (operator, (calls, time)) in costs {
        println!(
            "{operator:24} {calls:5} {:9.3} ms",
            (time / RUNS).as_secs_f64() * 1e3
        );
    }
    Ok(())
}
