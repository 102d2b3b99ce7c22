//! candle through the whole way: config, renamed weights from the written file, forward, verdict.

mod common;

use candle_core::{D, DType, Tensor};
use common::{ENCODER, Fixture, HIDDEN, VOCABULARY};
use evidence::{Outcome, Record};
use harness::{
    backend::Device,
    candle::{self, Field, Json},
    check,
};
use serde_json::json;

/// The toy as a candle user would write it.
struct Toy<const FLAW: u8> {
    table: Tensor,
}

const RIGHT: u8 = 0;
const WRONG_NAME: u8 = 1;
const WRONG_SHAPE: u8 = 2;
const PANICS: u8 = 3;
const STAYS_IN_F32: u8 = 4;
const LOSES_IN_HALF: u8 = 5;
const FORGETS_A_WEIGHT: u8 = 6;

impl<const FLAW: u8> candle::Model for Toy<FLAW> {
    type Config = Json;
    const INPUTS: &[&str] = &["attention_mask", "input_ids"];
    const OUTPUTS: &[&str] = &["hidden"];
    const RENAMES: &[(&str, &str)] = &[("tokens.", "embed."), ("steps", "table")];
    const TRANSLATES: &[(&str, Field)] = &[
        ("vocab_size", Field::From("sizes.vocab")),
        ("window", Field::Value("4096")),
    ];

    fn load(config: Json, weights: candle::VarBuilder) -> candle::Result<Self> {
        let vocabulary: usize = config.get("vocab_size")?;
        assert_eq!(
            (vocabulary, config.get::<usize>("window")?),
            (VOCABULARY, 4096)
        );
        let hidden: usize = config.get("hidden_size")?;
        let hidden = if FLAW == WRONG_SHAPE {
            hidden + 1
        } else {
            hidden
        };
        let name = if FLAW == WRONG_NAME {
            "heads"
        } else {
            "tokens"
        };
        // A checkpoint is asked for what it has before it is asked for it: that is not reading.
        if weights.contains_tensor("steps") && FLAW != FORGETS_A_WEIGHT {
            weights.get(3, "steps")?;
        }
        Ok(Self {
            table: weights.pp(name).get((vocabulary, hidden), "weight")?,
        })
    }

    fn forward(
        &mut self,
        inputs: &candle::Tensors,
        _position: usize,
    ) -> candle::Result<candle::Tensors> {
        assert!(FLAW != PANICS, "a shape is odd");
        let input_ids = inputs.get("input_ids")?;
        let (rows, length) = input_ids.dims2()?;
        let mask = inputs.get("attention_mask")?.to_dtype(self.table.dtype())?;
        let near: Vec<f32> = (0..length * length)
            .map(|flat| 1.0 / (1.0 + (flat / length).abs_diff(flat % length) as f32))
            .collect();
        let near = Tensor::from_vec(near, (1, length, length), input_ids.device())?;
        let near = match FLAW {
            STAYS_IN_F32 => near,
            _ => near.to_dtype(self.table.dtype())?,
        };
        let near = match (FLAW, self.table.dtype()) {
            (LOSES_IN_HALF, DType::F16 | DType::BF16) => (near * 1.01)?,
            _ => near,
        };
        let seen = near.broadcast_mul(&mask.unsqueeze(1)?)?;
        let embedded = self
            .table
            .index_select(&input_ids.flatten_all()?, 0)?
            .reshape((rows, length, HIDDEN))?;
        assert_eq!(embedded.dim(D::Minus1)?, HIDDEN);
        Ok(candle::Tensors::from([("hidden", seen.matmul(&embedded)?)]))
    }
}

fn forward<const FLAW: u8>(fixture: &Fixture) -> Record {
    let backend = candle::native::<Toy<FLAW>>();
    fixture.examine(
        "forward_matches_reference",
        &backend,
        check::forward_matches_reference::examine,
    )
}

#[test]
fn a_right_model_passes_every_check_of_an_encoder() {
    let fixture = Fixture::new(&ENCODER);
    let backend = candle::native::<Toy<RIGHT>>();
    let records = [
        forward::<RIGHT>(&fixture),
        fixture.examine(
            "batch_equals_singles",
            &backend,
            check::batch_equals_singles::examine,
        ),
        fixture.examine(
            "padding_changes_nothing",
            &backend,
            check::padding_changes_nothing::examine,
        ),
        fixture.examine(
            "later_tokens_do_matter",
            &backend,
            check::later_tokens_do_matter::examine,
        ),
        fixture.examine(
            "refuses_bad_input",
            &backend,
            check::refuses_bad_input::examine,
        ),
        fixture.examine("runs_twice_the_same", &backend, |trial| {
            check::runs_twice_the_same::examine(trial, &backend)
        }),
        fixture.examine("every_length_agrees", &backend, |trial| {
            check::every_length_agrees::examine(trial, "sequence")
        }),
    ];
    for record in records {
        assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
        assert_eq!(record.versions["candle"], "0.11.1");
    }
}

/// A fixture that knows what PyTorch loses in float16, and in bfloat16 if asked.
fn half<const FLAW: u8>(with_bfloat16: bool) -> Record {
    let fixture = Fixture::with(&ENCODER, |manifest| {
        let loss = json!({"rmse": 2e-4, "max_abs": 6e-4});
        manifest["outputs"][0]["float16"] = loss;
        if with_bfloat16 {
            let loss = json!({"rmse": 1.6e-3, "max_abs": 5e-3});
            manifest["outputs"][0]["bfloat16"] = loss;
        }
    });
    let backend = candle::native::<Toy<FLAW>>();
    fixture.examine("half_precision_within_bound", &backend, |trial| {
        check::half_precision_within_bound::examine(trial, &backend)
    })
}

#[test]
fn half_precision_is_held_against_what_pytorch_loses_in_it() {
    let record = half::<RIGHT>(true);
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    assert_eq!(record.dtype, "f16, bf16");
    let names: Vec<&str> = record.outputs.keys().map(String::as_str).collect();
    assert_eq!(names, ["hidden (bf16)", "hidden (f16)"]);
    assert_eq!(
        record.outputs["hidden (f16)"].bound.rule,
        "rmse ≤ 4·rmse(torch f16) + 2^-10·rms(truth); max|Δ| ≤ 4·max|Δ|(torch f16) + 2^-8·max|truth|"
    );
    assert!(record.outputs["hidden (bf16)"].rmse > record.outputs["hidden (f16)"].rmse);

    let alone = half::<RIGHT>(false);
    assert_eq!(
        (alone.outcome, alone.dtype.as_str()),
        (Outcome::Pass, "f16")
    );
}

#[test]
fn what_half_precision_breaks_is_told_by_precision() {
    let table = [
        (
            half::<LOSES_IN_HALF>(false),
            Outcome::Mismatch,
            "outside the bound: hidden (f16)",
        ),
        (
            half::<STAYS_IN_F32>(true),
            Outcome::RunFailed,
            "f16: dtype mismatch in mul, lhs: F32, rhs: F16; bf16: dtype mismatch in mul, lhs: F32, rhs: BF16",
        ),
    ];
    for (record, outcome, said) in table {
        assert_eq!((record.outcome, record.detail.as_str()), (outcome, said));
    }
}

#[test]
fn without_a_recorded_loss_half_precision_is_not_run() {
    let fixture = Fixture::with(&ENCODER, |manifest| {
        manifest["without"] = json!({"float16": "no kernel for Half", "greedy": "no logits"});
    });
    let backend = candle::native::<Toy<RIGHT>>();
    let record = fixture.examine("half_precision_within_bound", &backend, |trial| {
        check::half_precision_within_bound::examine(trial, &backend)
    });
    assert_eq!(record.outcome, Outcome::NotRun);
    assert_eq!(
        record.detail,
        "PyTorch's loss in half precision is not recorded: no kernel for Half"
    );
}

fn weights<const FLAW: u8>(leaves: &[&str]) -> Record {
    let fixture = Fixture::with(&ENCODER, |manifest| {
        manifest["graph"] = json!({"inputs": [], "outputs": ["hidden"], "leaves": leaves});
    });
    let backend = candle::native::<Toy<FLAW>>();
    fixture.examine("reads_every_weight", &backend, |trial| {
        check::reads_every_weight::examine(trial, &backend)
    })
}

#[test]
fn weights_are_known_by_the_checkpoints_names() {
    let record = weights::<RIGHT>(&[]);
    assert_eq!(
        (record.outcome, record.asserted),
        (Outcome::Pass, 2),
        "{record:#?}"
    );
    let record = weights::<FORGETS_A_WEIGHT>(&["table"]);
    assert_eq!(
        (record.outcome, record.asserted),
        (Outcome::Pass, 1),
        "{record:#?}"
    );
    let record = weights::<FORGETS_A_WEIGHT>(&[]);
    assert_eq!((record.outcome, record.asserted), (Outcome::Mismatch, 1));
    assert_eq!(record.detail, "1 of 2 weights are not read: `table`");
}

#[test]
fn a_weight_that_is_not_there_fails_to_load() {
    let record = forward::<WRONG_NAME>(&Fixture::new(&ENCODER));
    assert_eq!(record.outcome, Outcome::LoadFailed);
    assert!(
        record.detail.contains("cannot find tensor heads.weight"),
        "{}",
        record.detail
    );
}

#[test]
fn a_weight_of_another_shape_fails_to_load() {
    let record = forward::<WRONG_SHAPE>(&Fixture::new(&ENCODER));
    assert_eq!(record.outcome, Outcome::LoadFailed);
    assert!(
        record.detail.contains("shape mismatch"),
        "{}",
        record.detail
    );
}

#[test]
fn a_panic_is_an_outcome() {
    let record = forward::<PANICS>(&Fixture::new(&ENCODER));
    assert_eq!(record.outcome, Outcome::RunFailed);
    assert!(
        record
            .detail
            .starts_with("panicked: a shape is odd (at harness/tests/native.rs:"),
        "{}",
        record.detail
    );
}

#[test]
fn a_config_without_what_is_translated_fails_to_load() {
    let fixture = Fixture::with(&ENCODER, |manifest| manifest["config"]["sizes"] = json!({}));
    let record = forward::<RIGHT>(&fixture);
    assert_eq!(record.outcome, Outcome::LoadFailed);
    assert_eq!(
        record.detail,
        "the config has no field `sizes.vocab`, which `vocab_size` is translated from"
    );
}

#[cfg(not(any(feature = "cuda", feature = "metal")))]
#[test]
fn an_absent_device_is_not_run() {
    let mut fixture = Fixture::new(&ENCODER);
    fixture.site.device = Device::Cuda;
    let record = forward::<RIGHT>(&fixture);
    assert_eq!(
        (record.outcome, record.device.as_str()),
        (Outcome::NotRun, "cuda")
    );
    assert_eq!(
        record.detail,
        "this build has no cuda (build with `--features harness/cuda`)"
    );
}

/// What came of the check of the config that transformers 4 wrote; `older` is that config.
fn with_older_config(older: Option<&str>) -> Record {
    let fixture = Fixture::new(&ENCODER);
    if let Some(older) = older {
        let folder = fixture.site.root.join("snapshots/older-configs");
        std::fs::create_dir_all(&folder).expect("writable");
        std::fs::write(folder.join("toy.json"), older).expect("writable");
    }
    let backend = candle::native::<Toy<RIGHT>>();
    fixture.examine("reads_config_of_transformers_4", &backend, |trial| {
        check::reads_config_of_transformers_4::examine(trial, &backend)
    })
}

#[test]
fn a_config_as_it_is_written_is_read_or_not() {
    let fixture = Fixture::new(&ENCODER);
    let backend = candle::native::<Toy<RIGHT>>();
    let newer = fixture.examine("reads_config_of_transformers_5", &backend, |trial| {
        check::reads_config_of_transformers_5::examine(trial, &backend)
    });
    let right =
        format!(r#"{{"vocab_size": {VOCABULARY}, "window": 4096, "hidden_size": {HIDDEN}}}"#);
    let table = [
        (
            newer,
            Outcome::LoadFailed,
            "the config has no field `vocab_size`",
        ),
        (with_older_config(Some(&right)), Outcome::Pass, ""),
        (
            with_older_config(Some("{}")),
            Outcome::LoadFailed,
            "the config has no field `vocab_size`",
        ),
        (
            with_older_config(Some("{")),
            Outcome::LoadFailed,
            "snapshots/older-configs/toy.json: EOF while parsing an object at line 1 column 1",
        ),
    ];
    for (record, outcome, said) in table {
        assert_eq!((record.outcome, record.detail.as_str()), (outcome, said));
    }
    let absent = with_older_config(None);
    assert_eq!(absent.outcome, Outcome::NotRun);
    assert!(
        absent
            .detail
            .ends_with("[cargo xtask record --older-configs]"),
        "{absent:#?}"
    );
}
