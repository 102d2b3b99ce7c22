//! The same graphs on this workspace's runtime, on candle's own, on ONNX Runtime, and the same models in
//! candle-transformers: how long, how much memory, and whether the answers are right.

mod measurement;
mod prepare;

use std::num::NonZeroUsize;

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

/// What candle-onnx is called here: that it refuses a graph is a finding and no failure.
const CANDLE_ONNX: &str = "candle-onnx";
const SIDES: [&str; 4] = ["candle-graph", "candle", "onnxruntime", CANDLE_ONNX];

/// The graphs that `touchstone.bench_graphs` knows, from tiny to real size.
const GRAPHS: [&str; 6] = [
    "bert",
    "vit",
    "llama",
    "bert-base",
    "vit-base",
    "llama-134m",
];

/// Prepares, measures and prints.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result {
    let all = || GRAPHS.map(str::to_owned).to_vec();
    let graphs = if args.graphs.is_empty() {
        all()
    } else {
        args.graphs.clone()
    };
    let sides: Vec<&str> = SIDES
        .into_iter()
        .filter(|side| *side != CANDLE_ONNX || !args.without_candle_onnx)
        .collect();
    let folder = prepare::graphs(workspace, &graphs)?;
    let program = prepare::program(workspace, sides.contains(&CANDLE_ONNX))?;

    let mut progress = Progress::new(
        graphs.len() * args.threads.len() * sides.len(),
        "measurements",
    );
    let mut measurements = Vec::new();
    for graph in &graphs {
        for &threads in &args.threads {
            for side in &sides {
                if interrupt::requested() {
                    return Ok(Exit::Interrupted);
                }
                let measurement = Measurement {
                    graph: graph.clone(),
                    side,
                    threads,
                };
                progress.doing(&measurement);
                let result = measurement.take(workspace, &program, &folder, args.runs)?;
                progress.done(&measurement);
                measurements.push((measurement, result));
            }
        }
    }
    drop(progress);
    print(&measurements);
    let is_sound = |(measurement, result): &(Measurement, Result<Measured, String>)| match result {
        Ok(measured) => measured.is_right(),
        Err(_) => measurement.side == CANDLE_ONNX,
    };
    Ok(if measurements.iter().all(is_sound) {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}

fn print(measurements: &[(Measurement, Result<Measured, String>)]) {
    let header = [
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
    ];
    let mut table = list::table(&header);
    for (measurement, result) in measurements {
        let mut row = measurement.cells().to_vec();
        match result {
            Ok(measured) => row.extend(measured.cells()),
            Err(_) => row.push("failed".to_owned()),
        }
        table.add_row(row);
    }
    output::say(table.trim_fmt());
    for (measurement, result) in measurements {
        match result {
            Err(error) => output::say(format_args!("{measurement}: {error}")),
            Ok(measured) if !measured.is_right() => {
                output::say(format_args!(
                    "{measurement}: its answer is wrong, so its time means nothing"
                ));
            }
            Ok(_) => {}
        }
    }
}
