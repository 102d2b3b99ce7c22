//! candle through the whole way: config, renamed weights from the written file, forward, verdict.

mod common;

use candle_core::{D, Tensor};
use common::{ENCODER, Fixture, HIDDEN, VOCABULARY};
use evidence::{Outcome, Record};
use harness::{
    backend::Device,
    candle::{self, Field, Json},
    check,
};

/// The toy as a candle user would write it.
struct Toy<const FLAW: u8> {
    table: Tensor,
}

const RIGHT: u8 = 0;
const WRONG_NAME: u8 = 1;
const WRONG_SHAPE: u8 = 2;
const PANICS: u8 = 3;

impl<const FLAW: u8> candle::Model for Toy<FLAW> {
    type Config = Json;
    const INPUTS: &[&str] = &["attention_mask", "input_ids"];
    const OUTPUTS: &[&str] = &["hidden"];
    const RENAMES: &[(&str, &str)] = &[("tokens.", "embed.")];
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
    ];
    for record in records {
        assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
        assert_eq!(record.versions["candle"], "0.11.1");
    }
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
    let fixture = Fixture::with(&ENCODER, |manifest| {
        manifest["config"]["sizes"] = serde_json::json!({})
    });
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
