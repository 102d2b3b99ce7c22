//! Several runs of verify side by side: verdicts that flip, and how far the margins of one output spread.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;
use evidence::{Outcome, Run, TestId};
use serde::Deserialize;

use super::this_program;
use crate::{
    exit::{Exit, Failure, OrExit, Result},
    interrupt, list, output,
    workspace::Workspace,
};

/// Margins below this share of the bound are rounding; their spread says nothing.
const NOISE: f64 = 1e-3;

/// How many outputs are listed.
const LISTED: usize = 10;

/// Run verify several times and compare.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How often.
    #[arg(long, value_name = "N", default_value = "20")]
    runs: NonZeroUsize,
    /// Passed on to verify.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// The part of verify's summary that matters here.
#[derive(Deserialize)]
struct Summary {
    run: String,
}

pub(super) fn run(workspace: &Workspace, args: &Args) -> Result {
    let mut seen = Seen::default();
    let mut seconds = Vec::new();
    for number in 1..=args.runs.get() {
        let start = Instant::now();
        let run = verify(workspace, &args.arguments)?;
        let took = start.elapsed();
        seen.add(&run)?;
        let unexpected = run.footer.unexpected;
        let verdicts = output::count(run.records.len(), "verdict");
        output::warn(format_args!(
            "[{number}/{}] {verdicts}, {unexpected} unexpected, {:.1} s",
            args.runs,
            took.as_secs_f64(),
        ));
        seconds.push(took);
        if interrupt::requested() {
            return Ok(Exit::Interrupted);
        }
    }
    let flips = seen.flips();
    seen.print(&flips, &mut seconds);
    Ok(if flips.is_empty() {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}

/// One complete run, read as strictly as every other.
fn verify(workspace: &Workspace, arguments: &[String]) -> Result<Run> {
    workspace.make_folder(&workspace.scratch())?;
    let summary = workspace
        .scratch()
        .join(format!("stability-{}.json", std::process::id()));
    let mut command = this_program(workspace)?;
    command
        .args(["verify", "--json", summary.as_str()])
        .args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().context("cannot start verify")?;
    let code = status.code();
    if ![Exit::Ok, Exit::Unexpected]
        .iter()
        .any(|exit| code == Some(exit.code().into()))
    {
        let message = format!("verify ended with {status}, so there is nothing to compare");
        return Err(Failure::new(Exit::Setup, message));
    }
    let text = fs::read_to_string(&summary).with_context(|| format!("cannot read {summary}"))?;
    fs::remove_file(&summary).with_context(|| format!("cannot remove {summary}"))?;
    let summary: Summary = serde_json::from_str(&text).context("verify's summary is none")?;
    Run::read(&workspace.root.join(summary.run)).or_exit(Exit::Setup)
}

/// What the runs so far have said.
#[derive(Default)]
struct Seen {
    plan: Vec<TestId>,
    outcomes: BTreeMap<TestId, Vec<Outcome>>,
    margins: BTreeMap<(TestId, String), Vec<f64>>,
}

/// One output's margins over all runs.
struct Spread<'a> {
    test: &'a TestId,
    output: &'a str,
    least: f64,
    most: f64,
}

impl Spread<'_> {
    /// The distance between the ends as a share of the larger.
    fn relative(&self) -> f64 {
        if self.most == self.least {
            0.0
        } else {
            1.0 - self.least / self.most
        }
    }
}

impl Seen {
    fn add(&mut self, run: &Run) -> Result<()> {
        if self.plan.is_empty() {
            self.plan = run.header.plan.clone();
        } else if self.plan != run.header.plan {
            let message = "the runs have different plans: something was changed meanwhile";
            return Err(Failure::new(Exit::Setup, message));
        }
        for record in &run.records {
            let outcomes = self.outcomes.entry(record.test.clone()).or_default();
            outcomes.push(record.outcome);
            for (name, metrics) in &record.outputs {
                let key = (record.test.clone(), name.clone());
                self.margins.entry(key).or_default().push(metrics.margin);
            }
        }
        Ok(())
    }

    /// The tests whose outcome is not the same in every run, or not the same twice in one.
    fn flips(&self) -> Vec<String> {
        let mut flips = Vec::new();
        for (test, outcomes) in &self.outcomes {
            let first = outcomes[0];
            if outcomes.iter().all(|outcome| *outcome == first) && first != Outcome::Flaky {
                continue;
            }
            let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
            outcomes
                .iter()
                .for_each(|outcome| *counts.entry(*outcome).or_default() += 1);
            let counts: Vec<_> = counts
                .iter()
                .map(|(outcome, n)| format!("{n} {outcome}"))
                .collect();
            flips.push(format!("{test}: {}", counts.join(", ")));
        }
        flips
    }

    fn spreads(&self) -> Vec<Spread<'_>> {
        let mut spreads = Vec::new();
        for ((test, output), margins) in &self.margins {
            // A number that is none in one run and one in another is a spread without end.
            let sized = margins
                .iter()
                .map(|m| if m.is_nan() { f64::INFINITY } else { *m });
            let [least, most] = sized.fold([f64::INFINITY, 0.0], |[least, most], margin| {
                [least.min(margin), most.max(margin)]
            });
            spreads.push(Spread {
                test,
                output,
                least,
                most,
            });
        }
        spreads.sort_by(|a, b| b.relative().total_cmp(&a.relative()));
        spreads
    }

    fn print(&self, flips: &[String], seconds: &mut [Duration]) {
        let spreads = self.spreads();
        let mut backends: Vec<_> = self
            .outcomes
            .keys()
            .map(|test| test.backend.as_str())
            .collect();
        backends.sort_unstable();
        backends.dedup();
        let mut table = list::table(&[
            "backend",
            "outputs",
            "not the same",
            "above noise",
            "largest spread",
        ]);
        for backend in backends {
            let mine = || {
                spreads
                    .iter()
                    .filter(|spread| spread.test.backend == backend)
            };
            let loud = || mine().filter(|spread| spread.most >= NOISE);
            let largest = loud().map(Spread::relative).reduce(f64::max).unwrap_or(0.0);
            table.add_row([
                backend.to_owned(),
                mine().count().to_string(),
                mine()
                    .filter(|spread| spread.most != spread.least)
                    .count()
                    .to_string(),
                loud()
                    .filter(|spread| spread.most != spread.least)
                    .count()
                    .to_string(),
                format!("{:.2} %", largest * 100.0),
            ]);
        }
        output::say(table.trim_fmt());
        let loud = spreads
            .iter()
            .filter(|spread| spread.most >= NOISE && spread.relative() > 0.0);
        for spread in loud.take(LISTED) {
            let Spread {
                test,
                output,
                least,
                most,
            } = spread;
            let relative = spread.relative() * 100.0;
            output::say(format_args!(
                "  {test}: {output}: {least:.6} … {most:.6} ({relative:.2} %)"
            ));
        }
        for flip in flips {
            output::say(format_args!("flip: {flip}"));
        }
        seconds.sort();
        let middle = seconds[seconds.len() / 2].as_secs_f64();
        output::say(format_args!(
            "{} of {}: {}; {middle:.1} s in the median",
            output::count(seconds.len(), "run"),
            output::count(self.outcomes.len(), "verdict"),
            output::count(flips.len(), "flip"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(check: &str) -> TestId {
        TestId {
            category: "vision".into(),
            family: "vit".into(),
            variant: None,
            backend: "ort".into(),
            setting: None,
            check: check.into(),
        }
    }

    #[test]
    fn flips_are_what_differs_between_runs_or_within_one() {
        use Outcome::{Flaky, Mismatch, Pass};
        let rows = [
            ("a", vec![Pass, Pass, Pass], None),
            ("b", vec![Mismatch, Mismatch, Mismatch], None),
            (
                "c",
                vec![Pass, Mismatch, Pass],
                Some("vit on ort: c: 2 pass, 1 mismatch"),
            ),
            (
                "d",
                vec![Flaky, Flaky, Flaky],
                Some("vit on ort: d: 3 flaky"),
            ),
        ];
        for (check, outcomes, flip) in rows {
            let seen = Seen {
                outcomes: BTreeMap::from([(test(check), outcomes)]),
                ..Seen::default()
            };
            assert_eq!(seen.flips(), flip.map(str::to_owned).as_slice());
        }
    }

    #[test]
    fn spreads_are_relative_and_the_largest_comes_first() {
        let margins = [
            ("a", vec![0.5, 0.5]),
            ("b", vec![0.2, 0.1]),
            ("c", vec![0.1, f64::NAN]),
        ];
        let key = |(check, margins)| ((test(check), "y".to_owned()), margins);
        let seen = Seen {
            margins: margins.into_iter().map(key).collect(),
            ..Seen::default()
        };
        let spreads: Vec<_> = seen
            .spreads()
            .iter()
            .map(|s| (s.test.check.clone(), s.most))
            .collect();
        assert_eq!(spreads[0], ("c".into(), f64::INFINITY));
        assert_eq!(spreads[1], ("b".into(), 0.2));
        assert_eq!(seen.spreads()[1].relative(), 0.5);
        assert_eq!(seen.spreads()[2].relative(), 0.0);
    }
}
