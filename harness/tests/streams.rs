//! The checks on who hears what: each passes on a model that is right and fails on one that is deaf in
//! the way it looks for.

mod common;

use std::iter::once;

use common::{
    drawn::{judged, output, sketch, sums, weighed},
    sketch::{Answer, Sketch},
};
use evidence::Outcome;
use harness::{array::Tensors, backend::Failure, check};
use serde_json::json;

// Sounds: rows of 16 and 12 samples under a mask.

fn sound(answer: Answer) -> Sketch {
    let inputs = json!([
        {"name": "attention_mask", "axes": ["batch", "samples"], "shape": [2, 16], "dtype": "i64",
         "lengths": {"axis": "samples", "of": [16, 12]}},
        {"name": "input_values", "axes": ["batch", "samples"], "shape": [2, 16], "dtype": "f32"},
    ]);
    sketch(inputs, &[("pooled", &["batch", "1"])], answer)
}

/// The weighed sums of the samples that are valid and heard.
fn heard(inputs: &Tensors, is_heard: fn(usize, usize) -> bool) -> Result<Tensors, Failure> {
    let mask = inputs["attention_mask"].to_f64();
    let mut rows = weighed(&inputs["input_values"]);
    for (row, values) in rows.iter_mut().enumerate() {
        for (at, value) in values.iter_mut().enumerate() {
            if mask[row * 16 + at] == 0.0 || !is_heard(row, at) {
                *value = 0.0;
            }
        }
    }
    Ok(once(output("pooled", vec![2, 1], sums(&rows))).collect())
}

#[test]
fn a_stretch_of_sound_that_is_not_heard_is_named() {
    let frames = |of: &Sketch, right: &Sketch| {
        of.examine(right, "every_frame_matters", |trial, _| {
            check::every_frame_matters::examine(trial)
        })
    };
    let right = sound(|inputs| heard(inputs, |_, _| true));
    let said = "changing eighth 7 of row 1 of `input_values` leaves every output as it was";
    let late: Answer = |inputs| heard(inputs, |row, at| row == 0 || at < 10);
    let first = "changing eighth 0 of row 0 of `input_values` leaves every output as it was";
    let deaf: Answer = |inputs| heard(inputs, |_, _| false);
    let wrong = [
        (late, Outcome::Mismatch, said),
        (deaf, Outcome::Mismatch, first),
    ];
    judged(&right, frames, &wrong);
}

#[test]
fn silence_that_is_divided_by_is_not_finite() {
    let silence = |of: &Sketch, right: &Sketch| {
        of.examine(right, "silence_stays_finite", |trial, _| {
            check::silence_stays_finite::examine(trial)
        })
    };
    let right = sound(|inputs| heard(inputs, |_, _| true));
    let normalised: Answer = |inputs| {
        let rows = weighed(&inputs["input_values"]);
        let energy = |row: &Vec<f32>| row.iter().map(|value| value * value).sum::<f32>();
        let values = sums(&rows).into_iter().zip(&rows);
        let values = values.map(|(sum, row)| sum / energy(row)).collect();
        Ok(once(output("pooled", vec![2, 1], values)).collect())
    };
    let said = "given silence, `pooled` is NaN at [0, 0]";
    let record = judged(&right, silence, &[(normalised, Outcome::Nonfinite, said)]);
    assert_eq!((record.asserted, record.compared()), (2, 0));
}

// An encoder of three tokens and a decoder of two.

fn seq2seq(answer: Answer) -> Sketch {
    let inputs = json!([
        {"name": "decoder_input_ids", "axes": ["batch", "target"], "shape": [2, 2], "dtype": "i64", "below": 11},
        {"name": "input_ids", "axes": ["batch", "sequence"], "shape": [2, 3], "dtype": "i64", "below": 11},
    ]);
    sketch(inputs, &[("hidden", &["batch", "target", "1"])], answer)
}

fn listening(inputs: &Tensors, listens: fn(usize, usize) -> bool) -> Result<Tensors, Failure> {
    let encoded = sums(&weighed(&inputs["input_ids"]));
    let decoder = weighed(&inputs["decoder_input_ids"]);
    let mut values = Vec::new();
    for (row, ids) in decoder.iter().enumerate() {
        let encoded = encoded[row];
        let ids = ids.iter().enumerate();
        values.extend(ids.map(|(at, id)| id + if listens(row, at) { encoded } else { 0.0 }));
    }
    Ok(once(output("hidden", vec![decoder.len(), 2, 1], values)).collect())
}

#[test]
fn a_position_that_does_not_listen_to_the_encoder_is_named() {
    let reaches = |of: &Sketch, right: &Sketch| {
        of.examine(right, "encoder_reaches_decoder", |trial, _| {
            check::encoder_reaches_decoder::examine(trial, "target")
        })
    };
    let wrong: Answer = |inputs| listening(inputs, |row, at| (row, at) != (1, 0));
    let said = "changing the encoder's input, row 1, position 0, leaves `hidden` as it was";
    let right = seq2seq(|inputs| listening(inputs, |_, _| true));
    judged(&right, reaches, &[(wrong, Outcome::Mismatch, said)]);
}

// Text and image, each embedded alone and both compared.

fn pair(answer: Answer) -> Sketch {
    let inputs = json!([
        {"name": "input_ids", "axes": ["batch", "sequence"], "shape": [2, 3], "dtype": "i64", "below": 11},
        {"name": "pixel_values", "axes": ["batch", 1, 2, 2], "shape": [2, 1, 2, 2], "dtype": "f32"},
    ]);
    let outputs: &[(&str, &[&str])] = &[
        ("image_embeds", &["batch", "1"]),
        ("logits", &["batch", "batch"]),
        ("text_embeds", &["batch", "1"]),
    ];
    Sketch {
        // The text's part takes the batch's size from the image, as an exported graph may.
        flow: &[
            ("image_embeds", &["pixel_values", "image.weight"]),
            (
                "text_embeds",
                &["input_ids", "shape of pixel_values", "text.weight"],
            ),
            (
                "logits",
                &[
                    "input_ids",
                    "pixel_values",
                    "image.weight",
                    "text.weight",
                    "scale",
                ],
            ),
        ],
        weights: &["image.weight", "scale", "steps", "text.weight"],
        leaves: &["steps"],
        read: &["image.weight", "scale", "text.weight"],
        ..sketch(inputs, outputs, answer)
    }
}

/// Both streams' sums, mixed with these shares of each other.
fn embedded(
    inputs: &Tensors,
    text_in_image: f32,
    image_in_logits: f32,
) -> Result<Tensors, Failure> {
    let text = sums(&weighed(&inputs["input_ids"]));
    let image = sums(&weighed(&inputs["pixel_values"]));
    let mixed = image
        .iter()
        .zip(&text)
        .map(|(image, text)| image + text_in_image * text);
    let mixed: Vec<f32> = mixed.collect();
    let logits = image
        .iter()
        .flat_map(|image| text.iter().map(move |text| (image, text)));
    let logits = logits
        .map(|(image, text)| text + image_in_logits * image)
        .collect();
    Ok(Tensors::from([
        output("image_embeds", vec![2, 1], mixed),
        output("logits", vec![2, 2], logits),
        output("text_embeds", vec![2, 1], text.clone()),
    ]))
}

#[test]
fn each_stream_is_heard_where_it_belongs_and_nowhere_else() {
    let streams = |of: &Sketch, right: &Sketch| {
        of.examine(right, "each_stream_matters", |trial, _| {
            check::each_stream_matters::examine(trial)
        })
    };
    let leaks: Answer = |inputs| embedded(inputs, 0.5, 1.0);
    let deaf: Answer = |inputs| embedded(inputs, 0.0, 0.0);
    judged(
        &pair(|inputs| embedded(inputs, 0.0, 1.0)),
        streams,
        &[
            (leaks, Outcome::Mismatch, "outside the bound: image_embeds"),
            (
                deaf,
                Outcome::Mismatch,
                "changing `pixel_values` leaves `logits` as it was",
            ),
        ],
    );
}

#[test]
fn weights_that_are_not_read_are_named() {
    let weights = |of: &Sketch| {
        let right = pair(|inputs| embedded(inputs, 0.0, 1.0));
        of.examine(&right, "reads_every_weight", |trial, backend| {
            check::reads_every_weight::examine(trial, backend)
        })
    };
    let right = pair(|inputs| embedded(inputs, 0.0, 1.0));
    let record = weights(&right);
    assert_eq!(
        (record.outcome, record.asserted),
        (Outcome::Pass, 3),
        "{record:#?}"
    );

    let text_alone = Sketch {
        gives: Some(&["text_embeds"]),
        read: &["text.weight"],
        ..right.clone()
    };
    let record = weights(&text_alone);
    assert_eq!(
        (record.outcome, record.asserted),
        (Outcome::Pass, 1),
        "{record:#?}"
    );

    let forgetful = Sketch {
        read: &["scale"],
        ..right.clone()
    };
    let record = weights(&forgetful);
    assert_eq!((record.outcome, record.asserted), (Outcome::Mismatch, 1));
    assert_eq!(
        record.detail,
        "2 of 3 weights are not read: `image.weight`, `text.weight`"
    );
}

#[test]
fn without_a_sound_there_is_nothing_to_hear() {
    let right = seq2seq(|inputs| listening(inputs, |_, _| true));
    let record = right.examine(&right, "every_frame_matters", |trial, _| {
        check::every_frame_matters::examine(trial)
    });
    let found = (record.outcome, record.detail.as_str());
    assert_eq!(found, (Outcome::Refused, "reads no sound"));
}
