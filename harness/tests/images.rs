//! The checks on images: each passes on a model that is right and fails on one that is blind in the way
//! it looks for.

mod common;

use std::iter::once;

use common::{
    drawn::{judged, output, sketch, sums, weighed},
    sketch::{Answer, Sketch},
};
use evidence::{Outcome, Record};
use harness::{array::Tensors, backend::Failure, check};
use serde_json::json;

// Images: 6×9 pixels, six patches of 3×3, of which a model gives one weighed sum an image.

fn image(axes: serde_json::Value, answer: Answer) -> Sketch {
    let inputs =
        json!([{"name": "pixel_values", "axes": axes, "shape": [2, 1, 6, 9], "dtype": "f32"}]);
    sketch(inputs, &[("pooled", &["batch", "1"])], answer)
}

fn square() -> Sketch {
    image(json!(["batch", 1, 6, 9]), |inputs| {
        let image = &inputs["pixel_values"];
        if image.shape()[2..] != [6, 9] {
            return Err(Failure::run("the image is not 6×9"));
        }
        Ok(once(output("pooled", vec![2, 1], sums(&weighed(image)))).collect())
    })
}

/// The weighed sums of the pixels that are seen.
fn seen(inputs: &Tensors, is_seen: fn(usize, usize) -> bool) -> Result<Tensors, Failure> {
    let image = &inputs["pixel_values"];
    let wide = image.shape()[3];
    let mut rows = weighed(image);
    for row in &mut rows {
        let pixels = row.iter_mut().enumerate();
        pixels.for_each(|(at, pixel)| {
            if !is_seen(at / wide, at % wide) {
                *pixel = 0.0;
            }
        });
    }
    Ok(once(output("pooled", vec![2, 1], sums(&rows))).collect())
}

fn patches(of: &Sketch, right: &Sketch) -> Record {
    of.examine(right, "every_patch_matters", |trial, _| {
        check::every_patch_matters::examine(trial)
    })
}

fn resolution(of: &Sketch, right: &Sketch) -> Record {
    of.examine(right, "resolution_follows_config", |trial, _| {
        check::resolution_follows_config::examine(trial)
    })
}

#[test]
fn a_patch_that_is_not_seen_is_named() {
    let record = judged(
        &square(),
        patches,
        &[
            (
                |inputs| seen(inputs, |y, x| y < 3 || x < 6),
                Outcome::Mismatch,
                "changing patch [1, 2] of `pixel_values` leaves every output as it was: the largest max|Δ|, 0.000e0 in `pooled`",
            ),
            (
                |inputs| seen(inputs, |_, _| false),
                Outcome::Mismatch,
                "changing patch [0, 0] of `pixel_values` leaves",
            ),
        ],
    );
    assert_eq!(record.compared(), 6 * 2);
}

#[test]
fn an_image_of_another_size_is_refused() {
    let record = judged(
        &square(),
        resolution,
        &[
            (
                |inputs| seen(inputs, |_, _| true),
                Outcome::Mismatch,
                "`pixel_values` a patch larger each way, 9×12 for 6×9: answered `pooled` [2, 1]; \
                 `pixel_values` a pixel larger each way, 7×10 for 6×9: answered `pooled` [2, 1]; \
                 `pixel_values` of as many patches in one row, 3×18 for 6×9: answered `pooled` [2, 1]",
            ),
            (
                |inputs| {
                    let image = &inputs["pixel_values"];
                    assert!(image.shape()[2] == 6, "odd height");
                    seen(inputs, |_, _| true)
                },
                Outcome::RunFailed,
                "`pixel_values` a patch larger each way, 9×12 for 6×9: panicked: odd height (at ",
            ),
            (
                |_| Err(Failure::run("refuses everything")),
                Outcome::RunFailed,
                "refuses everything",
            ),
        ],
    );
    assert_eq!((record.asserted, record.compared()), (3, 0));
}

#[test]
fn where_the_size_is_free_all_of_a_larger_image_is_seen() {
    let free = image(json!(["batch", 1, "height", "width"]), |inputs| {
        seen(inputs, |_, _| true)
    });
    let cropped: Answer = |inputs| seen(inputs, |y, x| y < 6 && x < 9);
    let said = "changing `pixel_values` past 6×9 in a larger image leaves every output as it was";
    judged(&free, resolution, &[(cropped, Outcome::Mismatch, said)]);
    let fixed = Sketch {
        fixed: &["height"],
        ..free.clone()
    };
    let record = resolution(&fixed, &free);
    assert_eq!(record.outcome, Outcome::Refused);
    assert_eq!(record.detail, "the axis `height` is fixed: it is drawn so");
}

#[test]
fn without_an_image_there_is_nothing_to_see() {
    let inputs = json!([{"name": "input_values", "axes": ["batch", "samples"], "shape": [2, 4], "dtype": "f32"}]);
    let deaf = sketch(inputs, &[("pooled", &["batch", "1"])], |inputs| {
        let values = sums(&weighed(&inputs["input_values"]));
        Ok(once(output("pooled", vec![2, 1], values)).collect())
    });
    for record in [patches(&deaf, &deaf), resolution(&deaf, &deaf)] {
        let found = (record.outcome, record.detail.as_str());
        assert_eq!(found, (Outcome::Refused, "reads no image"));
    }
}
