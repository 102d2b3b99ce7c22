//! Any bytes as an ONNX model: refused with a place, or a model that can be followed and written back, within a second.
#![no_main]

use std::{collections::BTreeSet, hint::black_box, time::Duration};

use cpu_time::ProcessTime;
use libfuzzer_sys::fuzz_target;
use onnx_model::Model;

fuzz_target!(|bytes: &[u8]| {
    let begun = ProcessTime::now();
    match Model::read(bytes) {
        Ok(model) => {
            follow(&model);
            write_back(&model);
        }
        Err(error) => assert!(!error.place.is_empty() && !error.to_string().is_empty()),
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
});

/// Every value leads somewhere, and every way back ends.
fn follow(model: &Model) {
    let (graph, links) = (model.graph(), model.links());
    let outputs: Vec<&str> = graph.output.iter().map(|output| output.name()).collect();
    let reached = links.upstream(&outputs);
    for (number, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            let (found, _) = links.producer(name).expect("a node gives it");
            assert_eq!(found, number, "{name}");
            assert!(
                links.uses(name).iter().all(|one| one.node > number),
                "{name} is used before it is given"
            );
            black_box(
                links
                    .constant(name)
                    .map(|tensor| (tensor.floats(), tensor.ints())),
            );
        }
    }
    for tensor in &graph.initializer {
        black_box((
            tensor.dtype(),
            tensor.count(),
            tensor.floats(),
            tensor.ints(),
        ));
    }
    let names: BTreeSet<&str> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name())
        .collect();
    assert!(
        links
            .reachable_initializers(&outputs)
            .iter()
            .all(|name| names.contains(name))
    );
    let inputs: Vec<&str> = graph.input.iter().map(|input| input.name()).collect();
    black_box((reached, links.downstream(&inputs)));
}

/// What was read is what is written: compared as bytes, since a NaN equals nothing.
fn write_back(model: &Model) {
    let written = model.write();
    let again =
        Model::read(&written).unwrap_or_else(|error| panic!("what is written is refused: {error}"));
    assert_eq!(again.write(), written);
    let edited = model
        .edit(|_| {})
        .unwrap_or_else(|error| panic!("an edit of nothing is refused: {error}"));
    assert_eq!(edited.write(), written);
}
