//! No weight is left behind: all that PyTorch computes the outputs from is read.

use std::collections::BTreeSet;

use crate::{
    Case,
    backend::{Backend, Failure},
    findings::Findings,
    judge::judge,
    reference::Flow,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "reads_every_weight";

/// How many unread weights are named.
const NAMED: usize = 3;

/// Every weight of the checkpoint that reaches an output which the backend gives is read.
#[track_caller]
pub fn reads_every_weight(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, |trial| examine(trial, &backend));
}

/// Looks without judging; each weight that is read is a fact.
///
/// A backend that gives every output must read everything but what the recorder found to reach none.
/// From one that gives some of them, only what reaches those in PyTorch's graph is due.
pub fn examine<B: Backend>(trial: &mut Trial<B::Session>, backend: &B) -> Result<Verdict, Failure> {
    let reference = trial.reference();
    let manifest = reference.manifest();
    let graph = manifest.graph.as_ref();
    let graph = graph.ok_or_else(|| {
        Failure::not_run("the reference has no graph to say which weights reach an output")
    })?;
    let given = &trial.capabilities().outputs;
    let gives_all = manifest
        .outputs
        .iter()
        .all(|output| given.contains(&output.name));
    let flow = (!gives_all).then(|| Flow::of(reference)).transpose()?;
    let is_due = |name: &str| {
        let is_leaf = graph.leaves.iter().any(|leaf| leaf == name);
        let reaches = |flow: &Flow| given.iter().any(|output| flow.reaches(name, output));
        !is_leaf && flow.as_ref().is_none_or(reaches)
    };
    let names = manifest.weights.iter().map(|weight| weight.name.as_str());
    let due: BTreeSet<&str> = names.filter(|name| is_due(name)).collect();
    let read = backend.weights_read(reference, trial.session())?;

    let unread: Vec<&str> = due
        .iter()
        .copied()
        .filter(|&name| !read.contains(name))
        .collect();
    let mut findings = Findings::default();
    findings.assert(due.len() - unread.len());
    if let Some(complaint) = complaint(&unread, due.len()) {
        findings.complain(complaint);
    }
    Ok(findings.verdict())
}

fn complaint(unread: &[&str], due: usize) -> Option<String> {
    if unread.is_empty() {
        return None;
    }
    let named: Vec<String> = unread
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if unread.len() > NAMED { ", …" } else { "" };
    let (count, named) = (unread.len(), named.join(", "));
    Some(format!(
        "{count} of {due} weights are not read: {named}{more}"
    ))
}
