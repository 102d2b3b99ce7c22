//! What saboteurs show: tables by architecture, family and fault, and a line on everything that was not detected.

use std::collections::BTreeMap;

use anyhow::Context;
use evidence::Header;
use serde::Serialize;

use super::{
    Found, GOAL,
    double::State,
    faults,
    mutants::{Mutant, Mutants, Status},
    tally::Tally,
    unmeasured::Unmeasured,
};
use crate::{exit::Result, list, output};

/// The whole result, as the file holds it.
#[derive(Serialize)]
pub struct Report<'f> {
    /// The name of its file.
    pub id: String,
    device: &'f str,
    machine: &'f str,
    revisions: &'f BTreeMap<String, String>,
    started: u64,
    seconds: f64,
    goal: f64,
    total: Tally,
    by_architecture: BTreeMap<&'static str, Tally>,
    by_family: BTreeMap<&'f str, Tally>,
    by_fault: BTreeMap<&'f str, Tally>,
    mutants: Vec<&'f Mutant>,
    not_measured: &'f [Unmeasured],
    problems: &'f [String],
    #[serde(skip)]
    found: &'f Mutants,
}

impl<'f> Report<'f> {
    /// The result of what was found; the header says where and from what.
    pub fn new(id: String, header: &'f Header, found: &'f Found) -> Self {
        let mutants = &found.mutants;
        Self {
            id,
            device: &header.device,
            machine: &header.machine,
            revisions: &header.revisions,
            started: header.started,
            seconds: found.seconds,
            goal: GOAL,
            total: Tally::of(mutants.iter()),
            by_architecture: Tally::by(mutants.iter(), |m| m.architecture),
            by_family: Tally::by(mutants.iter(), |m| m.family.as_str()),
            by_fault: Tally::by(mutants.iter(), |m| m.fault.as_str()),
            mutants: mutants.iter().collect(),
            not_measured: &found.unmeasured,
            problems: &found.problems,
            found: mutants,
        }
    }

    /// Whether enough was detected, nothing was broken, and all that was not measured is known.
    pub fn is_green(&self) -> bool {
        let enough = self.total.score.is_some_and(|score| score >= GOAL);
        let measured = self.not_measured.iter().all(|unmeasured| unmeasured.known);
        enough && self.total.stillborn == 0 && measured && self.problems.is_empty()
    }

    /// The file's text.
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).context("a report is plain data")?;
        Ok(format!("{text}\n"))
    }

    /// The tables, the lists and the score.
    pub fn text(&self) -> String {
        let of = |status| self.found.of(status);
        let sections = [
            (
                "survived",
                lines(of(Status::Survived).map(|mutant| self.survivor(mutant))),
            ),
            ("stillborn", lines(of(Status::Stillborn).map(stillborn))),
            (
                "equivalent in float64",
                folded(of(Status::Equivalent), movement),
            ),
            (
                "fields of the config that the backend does not read, and what they do in float64",
                folded(of(Status::Unread), movement),
            ),
            (
                "not measured",
                lines(self.not_measured.iter().map(not_measured)),
            ),
            (
                "problems",
                lines(self.problems.iter().map(|problem| format!("  {problem}"))),
            ),
        ];
        let mut parts = vec![
            table("architecture", &self.by_architecture, &self.total),
            table("family", &self.by_family, &self.total),
            table("fault", &self.by_fault, &self.total),
        ];
        let told = sections.iter().filter(|(_, lines)| !lines.is_empty());
        parts.extend(told.map(|(title, lines)| format!("{title}:\n{}", lines.join("\n"))));
        let Tally {
            applicable,
            detected,
            survived,
            ..
        } = self.total;
        let mutants = output::count(applicable, "mutant");
        let (score, seconds) = (percent(self.total.score), self.seconds);
        parts.push(format!(
            "{mutants}: {detected} of {} detected, score {score} (goal {}); {seconds:.1} s",
            detected + survived,
            percent(Some(GOAL)),
        ));
        parts.join("\n\n")
    }

    /// A survivor with what came nearest to noticing it, where it is noticed, and what would have to change.
    fn survivor(&self, mutant: &Mutant) -> String {
        let checks = output::count(mutant.checks.len(), "check");
        let nearest = mutant.nearest().map_or(
            "none of which compared numbers".into(),
            |(check, margin)| format!("nearest {} with margin {margin:.3}", check.check),
        );
        let mut text = format!("{}: not noticed by {checks}, {nearest}", named(mutant));
        let mut line =
            |label: &str, words: &str| text.push_str(&format!("\n    {label:8} {words}"));
        if let Some(answer) = &mutant.float64 {
            let doubt = match answer.state {
                State::Unknown => "unknown: ",
                State::Moved | State::Equivalent => "",
            };
            line("float64", &format!("{doubt}{}", answer.detail));
        }
        if mutant.checks.iter().all(|check| check.unchanged) {
            line("outputs", "bit by bit the same");
        }
        let elsewhere = self.found.caught_elsewhere(mutant);
        if !elsewhere.is_empty() {
            let places = elsewhere.join(", ");
            line("caught", &format!("the same fault in {places}"));
        }
        if let Some(fault) = faults::find(&mutant.fault) {
            line("needs", fault.shows_with);
        }
        text
    }
}

/// `  bert.relu on ort: rope-pairing@add_3`.
fn named(mutant: &Mutant) -> String {
    let (case, backend, name) = (&mutant.case, &mutant.backend, mutant.name());
    format!("  {case} on {backend}: {name}")
}

fn lines(lines: impl Iterator<Item = String>) -> Vec<String> {
    lines.collect()
}

fn table(of: &str, rows: &BTreeMap<&str, Tally>, total: &Tally) -> String {
    let mut header = vec![of, "applicable"];
    header.extend(Status::ALL.map(Status::name));
    header.push("score");
    let mut table = list::table(&header);
    for (name, tally) in rows.iter().chain([(&"all", total)]) {
        let Tally {
            applicable,
            detected,
            survived,
            equivalent,
            unread,
            stillborn,
            score,
        } = *tally;
        let counts = [
            applicable, detected, survived, equivalent, unread, stillborn,
        ];
        let mut row = vec![(*name).to_owned()];
        row.extend(counts.map(|count| count.to_string()));
        row.push(percent(score));
        table.add_row(row);
    }
    table.trim_fmt()
}

/// Cut off and never rounded up: 98.96 % must not read as the goal.
fn percent(score: Option<f64>) -> String {
    score.map_or("-".into(), |score| {
        format!("{:.1} %", (score * 1000.0 + 1e-9).floor() / 10.0)
    })
}

fn stillborn(mutant: &Mutant) -> String {
    let broke = mutant.checks.iter().find(|check| !check.detail.is_empty());
    let (check, detail) = broke.map_or(("", ""), |check| (&check.check, &check.detail));
    let first = detail.lines().next().unwrap_or_default();
    format!("{}: {check}: {first}", named(mutant))
}

/// One line for all places of a fault in a case on a backend, with the largest of what `measure` gives.
fn folded<'m>(
    mutants: impl Iterator<Item = &'m Mutant>,
    measure: impl Fn(&Mutant) -> Option<f64>,
) -> Vec<String> {
    let mut groups: BTreeMap<_, (Vec<&str>, Option<f64>)> = BTreeMap::new();
    for mutant in mutants {
        let key = (&mutant.case, &mutant.backend, &mutant.fault);
        let (sites, most) = groups.entry(key).or_default();
        sites.push(&mutant.site);
        *most = measure(mutant).into_iter().chain(*most).reduce(f64::max);
    }
    let mut lines = Vec::new();
    for ((case, backend, fault), (sites, most)) in groups {
        let sites = sites.join(", ");
        let most =
            most.map(|most| format!(": moves by {most:.1e} of what PyTorch loses in float32"));
        let most = most.unwrap_or_default();
        lines.push(format!("  {case} on {backend}: {fault} at {sites}{most}"));
    }
    lines
}

fn movement(mutant: &Mutant) -> Option<f64> {
    mutant.float64.as_ref().and_then(|answer| answer.share())
}

fn not_measured(unmeasured: &Unmeasured) -> String {
    let Unmeasured {
        case,
        backend,
        outcome,
        cause,
        known,
    } = unmeasured;
    let known = if *known { "known" } else { "unexpected" };
    let first = cause.lines().next().unwrap_or_default();
    format!("  {case} on {backend}: {outcome} ({known}): {first}")
}
