//! `diff`: what differs between two runs, in verdicts and in numbers.

use std::{collections::BTreeMap, fmt};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Outcome, Record, Run, TestId};
use serde_json::{Value, json};

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    output,
    verify::run_file,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask diff 20260131T120000Z latest
  cargo xtask diff before.ndjson after.ndjson --json | jq .margins

Margins are told if one is more than twice the other, unless both are below a thousandth of the bound.
The exit code is 0 if every verdict is in both runs with the same outcome, and 1 otherwise.";

/// How far a margin may move without a word.
const FACTOR: f64 = 2.0;

/// Margins below this are rounding, however they compare.
const NOISE: f64 = 1e-3;

/// Show what differs between two runs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The run to start from: its name, a file, or `latest`.
    #[arg(value_name = "RUN")]
    old: String,
    /// The run to compare with it.
    #[arg(value_name = "RUN")]
    new: String,
    /// For programs: one object.
    #[arg(long)]
    json: bool,
}

/// Compares.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let read = |name: &str| {
        let file = find(workspace, name)?;
        // The reader's refusal is the answer: what is no run cannot be compared.
        let run = Run::read(&file).or_exit(Exit::Usage)?;
        Ok((file, run))
    };
    let [(old_file, old), (new_file, new)] = match [read(&args.old), read(&args.new)] {
        [Ok(old), Ok(new)] => [old, new],
        [Err(old), Err(new)] => return Err(Failure::new(Exit::Usage, format!("{old}\n{new}"))),
        [Err(failure), _] | [_, Err(failure)] => return Err(failure),
    };
    let difference = compare(&old.records, &new.records);
    let sides = [(old_file, old), (new_file, new)].map(|(file, run)| Side { file, run });
    if args.json {
        let [old, new] = sides.map(|side| side.facts(workspace));
        let mut facts = difference.facts();
        facts["old"] = old;
        facts["new"] = new;
        output::say(format_args!("{facts:#}"));
    } else {
        for (which, side) in ["old", "new"].iter().zip(&sides) {
            output::say(format_args!("{which}  {}", side.line(workspace)));
        }
        output::say(&difference);
    }
    Ok(if difference.is_of_verdicts() {
        Exit::Unexpected
    } else {
        Exit::Ok
    })
}

/// The file of a run that is named on the command line.
fn find(workspace: &Workspace, name: &str) -> Result<Utf8PathBuf> {
    if name == "latest" {
        return Ok(workspace.latest_run());
    }
    let named = run_file::path(workspace, name);
    let candidates = [named, Utf8PathBuf::from(name)];
    candidates
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| {
            let runs = workspace.relative(&workspace.runs()).to_owned();
            let message = format!("`{name}` is neither a file nor the name of a run in {runs}");
            Failure::new(Exit::Usage, message)
        })
}

struct Side {
    file: Utf8PathBuf,
    run: Run,
}

impl Side {
    fn line(&self, workspace: &Workspace) -> String {
        let Run {
            header,
            footer,
            records,
        } = &self.run;
        let revision = header
            .revisions
            .get("git")
            .map(|git| format!(", revision {git}"));
        format!(
            "{}: {} on {}{}{}",
            workspace.relative(&self.file),
            output::count(records.len(), "verdict"),
            header.device,
            revision.unwrap_or_default(),
            if footer.interrupted {
                ", stopped by the user"
            } else {
                ""
            },
        )
    }

    fn facts(&self, workspace: &Workspace) -> Value {
        let Run {
            header,
            footer,
            records,
        } = &self.run;
        let file: &Utf8Path = workspace.relative(&self.file);
        json!({
            "run": file,
            "device": header.device,
            "machine": header.machine,
            "revisions": header.revisions,
            "verdicts": records.len(),
            "interrupted": footer.interrupted,
        })
    }
}

/// What differs, the worst first.
#[derive(Debug, Default, PartialEq)]
pub struct Difference {
    /// Verdicts that only the new run has.
    pub added: Vec<(TestId, Outcome)>,
    /// Verdicts that only the old run has.
    pub deleted: Vec<(TestId, Outcome)>,
    /// Tests with another outcome.
    pub changed: Vec<Change>,
    /// Outputs with another margin.
    pub margins: Vec<Move>,
}

/// One test's outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The test.
    pub test: TestId,
    /// Then and now.
    pub outcomes: [Outcome; 2],
    /// What is expected now.
    pub expected: Outcome,
}

/// One output's margins.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The test.
    pub test: TestId,
    /// The output.
    pub output: String,
    /// Then and now.
    pub margins: [f64; 2],
}

/// Compares the verdicts of two runs.
pub fn compare(old: &[Record], new: &[Record]) -> Difference {
    let index = |records| -> BTreeMap<_, &Record> {
        <[Record]>::iter(records)
            .map(|record| (&record.test, record))
            .collect()
    };
    let (before, after) = (index(old), index(new));
    let only = |these: &BTreeMap<&TestId, &Record>, those: &BTreeMap<&TestId, &Record>| {
        let lone = these.iter().filter(|(test, _)| !those.contains_key(*test));
        let mut lone: Vec<_> = lone
            .map(|(test, record)| ((*test).clone(), record.outcome))
            .collect();
        lone.sort_by(|(a, bad), (b, worse)| worse.cmp(bad).then(a.cmp(b)));
        lone
    };
    let mut difference = Difference {
        added: only(&after, &before),
        deleted: only(&before, &after),
        ..Difference::default()
    };
    for (test, new) in &after {
        let Some(old) = before.get(test) else {
            continue;
        };
        if old.outcome != new.outcome {
            difference.changed.push(Change {
                test: (*test).clone(),
                outcomes: [old.outcome, new.outcome],
                expected: new.expected,
            });
        }
        for (name, metrics) in &new.outputs {
            let Some(before) = old.outputs.get(name) else {
                continue;
            };
            let margins = [before.margin, metrics.margin];
            if has_moved(margins) {
                difference.margins.push(Move {
                    test: (*test).clone(),
                    output: name.clone(),
                    margins,
                });
            }
        }
    }
    // What was expected to come is never worse than what was not.
    let surprise = |change: &Change| change.outcomes[1] != change.expected;
    difference.changed.sort_by(|a, b| {
        (surprise(b), b.outcomes[1])
            .cmp(&(surprise(a), a.outcomes[1]))
            .then(a.test.cmp(&b.test))
    });
    difference.margins.sort_by(|a, b| {
        let order = b.rise().total_cmp(&a.rise());
        order.then_with(|| (&a.test, &a.output).cmp(&(&b.test, &b.output)))
    });
    difference
}

/// Whether one is more than [`FACTOR`] times the other; what is no number is larger than any.
fn has_moved(margins: [f64; 2]) -> bool {
    let [old, new] = margins.map(sized);
    if old == new || (old < NOISE && new < NOISE) {
        return false;
    }
    old.max(new) > FACTOR * old.min(new)
}

fn sized(margin: f64) -> f64 {
    if margin.is_nan() {
        f64::INFINITY
    } else {
        margin
    }
}

impl Move {
    /// How much nearer to the bound, or further past it.
    fn rise(&self) -> f64 {
        let [old, new] = self.margins.map(sized);
        new - old
    }

    fn factor(&self) -> String {
        let [old, new] = self.margins.map(sized);
        if new >= old {
            format!("×{:.1}", new / old)
        } else {
            format!("÷{:.1}", old / new)
        }
    }
}

impl Difference {
    /// Whether a verdict differs, and not only its numbers.
    pub fn is_of_verdicts(&self) -> bool {
        !(self.added.is_empty() && self.deleted.is_empty() && self.changed.is_empty())
    }

    fn facts(&self) -> Value {
        let lone = |verdicts: &[(TestId, Outcome)]| -> Vec<_> {
            let fact = |(test, outcome): &_| json!({"test": test, "outcome": outcome});
            verdicts.iter().map(fact).collect()
        };
        let changed: Vec<_> = self
            .changed
            .iter()
            .map(|change| {
                let [old, new] = change.outcomes;
                json!({"test": change.test, "old": old, "new": new, "expected": change.expected})
            })
            .collect();
        let margins: Vec<_> = self
            .margins
            .iter()
            .map(|moved| {
                let [old, new] = moved.margins.map(number);
                json!({"test": moved.test, "output": moved.output, "old": old, "new": new})
            })
            .collect();
        json!({
            "added": lone(&self.added),
            "deleted": lone(&self.deleted),
            "changed": changed,
            "margins": margins,
        })
    }
}

/// As in a run file: JSON lacks what is not finite.
fn number(number: f64) -> Value {
    if number.is_finite() {
        json!(number)
    } else {
        json!(number.to_string())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changed {
            let [old, new] = change.outcomes;
            let surprise = if new == change.expected {
                ""
            } else {
                " (unexpected)"
            };
            writeln!(f, "changed  {}: {old} → {new}{surprise}", change.test)?;
        }
        for (test, outcome) in &self.added {
            writeln!(f, "added    {test}: {outcome}")?;
        }
        for (test, outcome) in &self.deleted {
            writeln!(f, "deleted  {test}: {outcome}")?;
        }
        for moved in &self.margins {
            let [old, new] = moved.margins;
            let Move { test, output, .. } = moved;
            writeln!(
                f,
                "margin   {test}: {output}: {old:.4} → {new:.4} ({})",
                moved.factor()
            )?;
        }
        write!(
            f,
            "{} added, {} deleted, {} changed; {} moved",
            self.added.len(),
            self.deleted.len(),
            self.changed.len(),
            output::count(self.margins.len(), "margin"),
        )
    }
}
