//! The same graphs on this workspace's runtime, on candle's own, on ONNX Runtime, and the same models in
//! candle-transformers: how long, how much memory, and whether the answers are right.

mod measurement;
mod prepare;

use std::num::NonZeroUsize;

use clap::builder::PossibleValuesParser;

use crate::{
    exit::{Exit, Result},
    interrupt, list, output,
    progress::Progress,
    workspace::Workspace,
};
use measurement::{Measured, Measurement};

/// Compare the runtimes of graphs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Graphs; all if none is named.
    #[arg(value_parser = PossibleValuesParser::new(GRAPHS))]
    graphs: Vec<String>,
    /// How often each graph runs after one run to warm up; tiny ones run for half a second at least.
    #[arg(long, value_name = "N", default_value = "20")]
    runs: NonZeroUsize,
    /// Numbers of threads.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<NonZeroUsize>,
    /// Leave candle-onnx out, and with it protoc, which is fetched from PyPI to build it.
    #[arg(long)]
    without_candle_onnx: bool,
}

/// The graphs that `touchstone.bench_graphs` writes, from tiny to real size; `plain` are those that candle-onnx
/// can run.
const GRAPHS: [&str; 8] = [
    "bert",
    "vit",
    "llama",
    "bert-base",
    "vit-base",
    "llama-134m",
    "bert-base.plain",
    "vit-base.plain",
];

/// That it refuses a graph is a finding and no failure.
const CANDLE_ONNX: &str = "candle-onnx";
const SIDES: [&str; 4] = ["candle-graph", "candle", CANDLE_ONNX, "onnxruntime"];

/// A measurement with what came of it.
type Taken = (Measurement, Result<Measured, String>);

/// Prepares, measures and prints.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result {
    let mut graphs: Vec<&str> = args.graphs.iter().map(String::as_str).collect();
    if graphs.is_empty() {
        graphs = GRAPHS.to_vec();
    }
    let mut sides = SIDES.to_vec();
    sides.retain(|side| *side != CANDLE_ONNX || !args.without_candle_onnx);
    let folder = prepare::graphs(workspace, &graphs)?;
    let program = prepare::program(workspace, sides.contains(&CANDLE_ONNX))?;

    let mut progress = Progress::new(graphs.len() * sides.len(), "graphs and sides");
    let mut all = Vec::new();
    for graph in graphs {
        for &side in &sides {
            for &threads in &args.threads {
                if interrupt::requested() {
                    return Ok(Exit::Interrupted);
                }
                let measurement = Measurement {
                    graph: graph.to_owned(),
                    side,
                    threads,
                };
                progress.doing(&measurement);
                let result = measurement.take(workspace, &program, &folder, args.runs)?;
                let failed = result.is_err();
                all.push((measurement, result));
                // With other threads it would say the same.
                if failed {
                    break;
                }
            }
            progress.done(format_args!("{graph} on {side}"));
        }
    }
    drop(progress);
    print(&all);
    Ok(if all.iter().all(is_sound) {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}

fn is_sound((measurement, result): &Taken) -> bool {
    match result {
        Ok(measured) => measured.is_right(),
        Err(_) => measurement.side == CANDLE_ONNX,
    }
}

fn print(all: &[Taken]) {
    let mut table = list::table(&[
        "graph",
        "side",
        "threads",
        "load",
        "median",
        "min",
        "runs",
        "peak",
        "max |Δ|",
        "of largest",
    ]);
    for (measurement, result) in all {
        let mut row = measurement.cells().to_vec();
        match result {
            Ok(measured) => row.extend(measured.cells()),
            Err(_) => row.push("failed".to_owned()),
        }
        table.add_row(row);
    }
    output::say(table.trim_fmt());
    for (measurement, result) in all {
        let Measurement { graph, side, .. } = measurement;
        match result {
            Err(error) => output::say(format_args!("{graph} on {side}: {error}")),
            Ok(measured) if !measured.is_right() => {
                let message = "the answer is wrong, so its time means nothing";
                output::say(format_args!("{graph} on {side}: {message}"));
            }
            Ok(_) => {}
        }
    }
}
