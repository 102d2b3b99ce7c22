//! Graphs within nodes: what they read from around them, what they hand on, and what they say when they fail.

use candle_graph::Kind;
use onnx_model::{Dtype, proto::NodeProto};

use crate::make::{Maker, given, graph, is, longs, run, says, tensor};

/// A branch that gives one node's output.
fn branch(op_type: &str, inputs: &[&str], output: &str) -> Maker {
    graph()
        .op(op_type, inputs, &[output])
        .output(output, Dtype::F32, "n")
}

fn choice(condition: &str, yes: Maker, no: Maker, output: &str) -> NodeProto {
    NodeProto::new("If", &[condition], &[output])
        .with(yes.within("then_branch"))
        .with(no.within("else_branch"))
}

#[test]
fn branches_read_what_is_around_them() {
    // Twice as deep: the inner branches read the input, a weight and what the outer branch computed.
    let inner = choice(
        "second",
        branch("Add", &["negative", "w"], "sum"),
        branch("Mul", &["x", "negative"], "product"),
        "chosen",
    );
    let yes =
        graph()
            .op("Neg", &["x"], &["negative"])
            .node(inner)
            .output("chosen", Dtype::F32, "n");
    let no = branch("Identity", &["w"], "same");
    let graph = graph()
        .input("x", Dtype::F32, "n")
        .input("first", Dtype::Bool, "")
        .input("second", Dtype::Bool, "")
        .floats("w", &[1], &[10.0])
        .node(choice("first", yes, no, "y"))
        .output("y", Dtype::F32, "n")
        .load();
    let x = tensor(&[2], &[1.0, 2.0]);
    for (first, second, dims, values) in [
        (1, 1, 2, &[9.0, 8.0][..]),
        (1, 0, 2, &[-1.0, -4.0]),
        (0, 1, 1, &[10.0]),
    ] {
        let (first, second) = (longs(&[], &[first]), longs(&[], &[second]));
        let outputs = run(&graph, &[("x", &x), ("first", &first), ("second", &second)]);
        is(&outputs["y"], &[dims], values);
    }
}

/// `total` grows by `step` as long as it is below `limit`, both from outside; every total is collected.
fn growing() -> Maker {
    let body = graph()
        .input("turn", Dtype::I64, "")
        .input("before", Dtype::Bool, "")
        .input("total", Dtype::I64, "")
        .op("Add", &["total", "step"], &["more"])
        .op("Less", &["more", "limit"], &["goes_on"])
        .op("Identity", &["more"], &["seen"])
        .output("goes_on", Dtype::Bool, "")
        .output("more", Dtype::I64, "")
        .output("seen", Dtype::I64, "");
    graph()
        .input("most", Dtype::I64, "")
        .input("limit", Dtype::I64, "")
        .input("step", Dtype::I64, "")
        .ints("start", &[], &[100])
        .node(
            NodeProto::new("Loop", &["most", "", "start"], &["last", "all"])
                .with(body.within("body")),
        )
        .output("last", Dtype::I64, "")
        .output("all", Dtype::I64, "n")
}

#[test]
fn a_loop_ends_at_its_count_or_its_condition() {
    let graph = growing().load();
    for (most, limit, all) in [
        (2, 1000, &[105.0, 110.0][..]),
        (9, 111, &[105.0, 110.0, 115.0]),
        (1, 0, &[105.0]),
    ] {
        let (most, limit, step) = (longs(&[], &[most]), longs(&[], &[limit]), longs(&[], &[5]));
        let outputs = run(
            &graph,
            &[("most", &most), ("limit", &limit), ("step", &step)],
        );
        is(&outputs["all"], &[all.len()], all);
        is(&outputs["last"], &[], &all[all.len() - 1..]);
    }
}

/// What a loop without a turn collects would have a shape that nothing tells.
#[test]
fn a_loop_that_collects_nothing_is_refused() {
    let (none, some) = (longs(&[], &[0]), longs(&[], &[5]));
    says(
        growing().load().run(&given(&[
            ("most", &none),
            ("limit", &some),
            ("step", &some),
        ])),
        Kind::Run,
        "node 0 (Loop): collects the outputs of no steps",
    );
}

#[test]
fn a_scan_carries_a_state_and_reads_what_is_around_it() {
    let body = graph()
        .input("state", Dtype::F32, "2")
        .input("row", Dtype::F32, "2")
        .op("Mul", &["state", "factor"], &["scaled"])
        .op("Add", &["scaled", "row"], &["next"])
        .op("Identity", &["next"], &["copy"])
        .output("next", Dtype::F32, "2")
        .output("copy", Dtype::F32, "2");
    let scan = NodeProto::new("Scan", &["start", "rows"], &["last", "all"])
        .with_int("num_scan_inputs", 1)
        .with(body.within("body"));
    let graph = graph()
        .input("rows", Dtype::F32, "n 2")
        .input("factor", Dtype::F32, "")
        .floats("start", &[2], &[1.0, 0.0])
        .node(scan)
        .output("last", Dtype::F32, "2")
        .output("all", Dtype::F32, "n 2")
        .load();
    let rows = tensor(&[3, 2], &[1.0, 1.0, 0.0, 2.0, 5.0, 0.0]);
    let outputs = run(
        &graph,
        &[("rows", &rows), ("factor", &tensor(&[], &[10.0]))],
    );
    let all = [11.0, 1.0, 110.0, 12.0, 1105.0, 120.0];
    is(&outputs["all"], &[3, 2], &all);
    is(&outputs["last"], &[2], &all[4..]);
}

#[test]
fn what_fails_within_a_node_is_named_with_it() {
    let graph = graph()
        .input("x", Dtype::F32, "n")
        .input("places", Dtype::I64, "m")
        .input("truth", Dtype::Bool, "")
        .op("Abs", &["x"], &["size"])
        .node(choice(
            "truth",
            branch("Gather", &["size", "places"], "some"),
            branch("Identity", &["size"], "same"),
            "y",
        ))
        .output("y", Dtype::F32, "n")
        .load();
    let (x, places) = (tensor(&[1], &[-4.0]), longs(&[1], &[-2]));
    let with = |truth| {
        given(&[
            ("x", &x),
            ("places", &places),
            ("truth", &longs(&[], &[truth])),
        ])
    };
    says(
        graph.run(&with(1)),
        Kind::Run,
        "node 1 (If): node 0 (Gather): index -2 is out of range for an axis of length 1",
    );
    is(&graph.run(&with(0)).expect("it runs")["y"], &[1], &[4.0]);
}

/// A branch whose condition and values are constants is chosen once.
#[test]
fn a_constant_choice_is_made_while_loading() {
    let graph = graph()
        .ints("seven", &[], &[7])
        .floats("a", &[1], &[1.0])
        .op("Equal", &["seven", "seven"], &["truth"])
        .node(choice(
            "truth",
            branch("Neg", &["a"], "negative"),
            branch("Frob", &["a"], "other")
                .edit(|graph| graph.node[0].op_type = Some("Abs".into())),
            "y",
        ))
        .output("y", Dtype::F32, "1")
        .load();
    assert_eq!(graph.steps(), 0);
    is(&run(&graph, &[])["y"], &[1], &[-1.0]);
}
