//! What it says is what PyTorch says: greedy decoding picks the recorded tokens.

use crate::{
    Case,
    array::{Array, Data, Tensors},
    backend::{Backend, Failure, Session},
    check::steps::{is_mask, step},
    findings::Findings,
    judge::judge,
    reference::Greedy,
    trial::{BATCH, Trial, View},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "greedy_tokens_match";

/// Fed its own likeliest token again and again, it picks the tokens that PyTorch picks in float64.
#[track_caller]
pub fn greedy_tokens_match(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging: through the cache where one is kept, else over the growing sequence. A row
/// that has gone another way is not followed further.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    let manifest = trial.reference().manifest();
    let Some(greedy) = manifest
        .greedy
        .clone()
        .filter(|greedy| greedy.along == axis)
    else {
        let why = manifest.without.get("greedy").cloned();
        return Err(Failure::not_run(why.map_or_else(
            || format!("the reference holds no tokens generated along `{axis}`"),
            |why| format!("the reference holds no generated tokens: {why}"),
        )));
    };
    if !trial.capabilities().outputs.contains(&greedy.output) {
        return Err(Failure::refused(format!("gives no `{}`", greedy.output)));
    }
    trial.require_free(axis)?;
    let mut findings = Findings::default();
    for view in trial.views()? {
        generate(trial, &mut findings, &greedy, &view)?;
    }
    Ok(findings.verdict())
}

fn generate<S: Session>(
    trial: &mut Trial<S>,
    findings: &mut Findings,
    greedy: &Greedy,
    view: &View,
) -> Result<(), Failure> {
    let first = view.row.unwrap_or(0);
    let mut rows = prompts(view, greedy)?;
    let count = greedy.tokens.iter().map(Vec::len).min().unwrap_or(0);
    let mut lost = vec![false; rows.len()];
    trial.reset()?;
    for number in 0..count {
        let inputs = around(trial, view, greedy, &rows)?;
        let length = greedy.prompt + number;
        let outputs = if number > 0 && trial.capabilities().caches {
            let new = step(trial, &inputs, &greedy.along, length - 1, length);
            trial.run(&new, length - 1)?
        } else if trial.capabilities().caches {
            trial.run(&inputs, 0)?
        } else {
            trial.fresh(&inputs)?
        };
        let output = outputs.get(&greedy.output);
        let picked = output.map(|array| likeliest(array, &greedy.along));
        let picked = picked.ok_or_else(|| Failure::run(format!("gives no `{}`", greedy.output)))?;
        for (row, ids) in rows.iter_mut().enumerate() {
            let due = greedy
                .tokens
                .get(first + row)
                .and_then(|row| row.get(number));
            let (Some(&due), Some(&(picked, logit))) = (due, picked.get(row)) else {
                let complaint = format!("no token was picked for row {}", first + row);
                return Err(Failure::mismatch(complaint));
            };
            if !logit.is_finite() {
                findings.not_finite(format!(
                    "row {}, step {number}: the largest of `{}` is {logit}",
                    first + row,
                    greedy.output
                ));
                return Ok(());
            }
            ids.push(picked);
            if lost[row] {
                continue;
            }
            if picked == due {
                findings.assert(1);
                continue;
            }
            lost[row] = true;
            findings.complain(format!(
                "row {}, step {number}: picks {picked}, PyTorch picks {due}, \
                 whose lead is nowhere below {:.1e} of the size of `{}`",
                first + row,
                greedy.gap,
                greedy.output
            ));
        }
    }
    Ok(())
}

/// The first tokens of each of the view's rows.
fn prompts(view: &View, greedy: &Greedy) -> Result<Vec<Vec<i64>>, Failure> {
    let name = &greedy.input;
    let array = view.inputs.get(name);
    let array = array.ok_or_else(|| Failure::refused(format!("reads no `{name}`")))?;
    let prompt = array.slice(&greedy.along, 0..greedy.prompt);
    match prompt.data() {
        Data::I64(ids) if prompt.size(&greedy.along) == Some(greedy.prompt) => Ok(ids
            .chunks(greedy.prompt.max(1))
            .map(<[i64]>::to_vec)
            .collect()),
        _ => Err(Failure::not_run(format!(
            "`{name}` does not hold {} ids a row",
            greedy.prompt
        ))),
    }
}

/// The view's inputs around the rows so far.
fn around<S: Session>(
    trial: &Trial<S>,
    view: &View,
    greedy: &Greedy,
    rows: &[Vec<i64>],
) -> Result<Tensors, Failure> {
    let length = rows.first().map_or(0, Vec::len);
    let fill = |(name, array): (&String, &Array)| {
        let data = if *name == greedy.input {
            rows.concat()
        } else if is_mask(trial, name, &greedy.along) {
            vec![1; rows.len() * length]
        } else {
            return Ok((name.clone(), array.clone()));
        };
        let axes = vec![BATCH.to_owned(), greedy.along.clone()];
        let array = Array::new(axes, vec![rows.len(), length], Data::I64(data));
        let array = array.map_err(|error| Failure::run(error.to_string()))?;
        Ok((name.clone(), array))
    };
    view.inputs.iter().map(fill).collect()
}

/// The index of the largest number at each row's last position, the first of equals, and the number.
/// NaN is larger than any number here, so that it is never passed over.
fn likeliest(output: &Array, axis: &str) -> Vec<(i64, f64)> {
    let last = output
        .size(axis)
        .map_or(0, |length| length.saturating_sub(1));
    let output = output.slice(axis, last..last + 1);
    let width = output.shape().last().copied().unwrap_or(1).max(1);
    let order = |a: f64, b: f64| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(&b));
    let largest = |row: &[f64]| {
        let indices = (0..row.len()).rev();
        let index = indices.max_by(|&a, &b| order(row[a], row[b])).unwrap_or(0);
        (i64::try_from(index).unwrap_or(i64::MAX), row[index])
    };
    output.to_f64().chunks(width).map(largest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_is_the_first_of_the_largest_at_the_last_position() {
        let numbers = vec![9.0, 1.0, 9.0, 2.0, 0.0, 2.0, 3.0, -1.0, f32::NAN];
        let axes = ["batch", "sequence", "vocab"].map(str::to_owned).to_vec();
        let one = Array::new(axes.clone(), vec![1, 3, 3], Data::F32(numbers.clone()));
        let picked = |array| likeliest(&array, "sequence");
        assert!(picked(one.expect("nine"))[0].1.is_nan());
        let three = Array::new(axes, vec![3, 1, 3], Data::F32(numbers));
        let picked = picked(three.expect("nine"));
        assert_eq!((picked[0], picked[1]), ((0, 9.0), (0, 2.0)));
    }
}
