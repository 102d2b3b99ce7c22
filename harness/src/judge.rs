//! From a check to its record: run, look up what is expected, write the evidence, fail if they differ.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use evidence::{Event, Outcome, Record, TestId};
use model_registry::{Expectation, Expectations};

use crate::{
    Case,
    backend::{Backend, Device, Failure, Precision},
    child::{self, Ending},
    complaint, panics, peak,
    reference::Reference,
    sabotage,
    site::Site,
    trial::Trial,
    verdict::Verdict,
};

/// Runs a check and fails the test if what came of it is not what is expected.
#[track_caller]
pub(crate) fn judge<B: Backend>(
    check: &str,
    case: &Case,
    backend: &B,
    examine: impl Fn(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
) {
    let recorded = Site::from_env().and_then(|site| record(&site, check, case, backend, examine));
    fail_unless_expected(recorded);
}

/// Fails the test if what came of a check is not what is expected.
#[track_caller]
pub(crate) fn fail_unless_expected(recorded: Result<Record, String>) {
    let complaint = match recorded {
        Ok(record) if record.is_as_expected() => return,
        Ok(record) => complaint::about(&record),
        Err(error) => error,
    };
    panic!("{complaint}");
}

/// Runs a check and gives its record, which is also appended to the site's evidence.
pub fn record<B: Backend>(
    site: &Site,
    check: &str,
    case: &Case,
    backend: &B,
    examine: impl Fn(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
) -> Result<Record, String> {
    let test = TestId {
        category: case.category.to_owned(),
        family: case.family.to_owned(),
        variant: case.variant.map(str::to_owned),
        backend: backend.name().to_owned(),
        setting: backend.setting().map(str::to_owned),
        check: check.to_owned(),
    };
    let begun = Begun::new(site, test)?;
    let reference = Reference::load(&site.root, case);
    let digest = reference
        .as_ref()
        .map(|reference| reference.manifest().digest.clone())
        .ok();
    let reference = reference.map_err(|error| Failure::load(error.to_string()));
    let verdict = if child::would_die(begun.expected()) && !site.is_child {
        match child::run(&begun.test, site.child)? {
            Ending::Verdict(record) => {
                append(site, &Event::Verdict(record.clone()))?;
                return Ok(*record);
            }
            Ending::Died(failure) => Err(failure),
        }
    } else {
        let known = reference.clone();
        known.and_then(|reference| tried(site, reference, backend, &examine))
    };
    let (verdict, dtype) =
        verdict.unwrap_or_else(|failure| (failure.into(), Precision::F32.name().to_owned()));
    let digest = digest.unwrap_or_default();
    let record = begun.ended(&verdict, dtype, backend.versions(), digest);
    // Before the verdict: a fault that takes the process down must leave this check open.
    let played = match (record.outcome, &reference) {
        (Outcome::Pass, Ok(reference)) => {
            sabotage::play(site, &record.test, reference, backend, &examine)
        }
        _ => Ok(()),
    };
    append(site, &Event::Verdict(Box::new(record.clone())))?;
    played?;
    Ok(record)
}

/// A check that has begun, with what is expected of it.
pub(crate) struct Begun<'a> {
    site: &'a Site,
    test: TestId,
    expectation: Option<Expectation>,
    start: Instant,
}

impl<'a> Begun<'a> {
    /// Says so in the site's evidence, and looks up what is expected.
    pub(crate) fn new(site: &'a Site, test: TestId) -> Result<Self, String> {
        append(site, &Event::Begin(test.clone()))?;
        let registry = site.root.join("model-registry");
        let expectations = Expectations::load(&registry, &test.backend, site.device.name())
            .map_err(|error| error.to_string())?;
        Ok(Self {
            expectation: expectations.lookup(&test).cloned(),
            start: Instant::now(),
            site,
            test,
        })
    }

    fn expected(&self) -> Outcome {
        let entry = self.expectation.as_ref();
        entry.map_or(Outcome::Pass, |expectation| expectation.outcome)
    }

    /// What came of it; `reference` is the digest of what it was held against.
    pub(crate) fn ended(
        self,
        verdict: &Verdict,
        dtype: String,
        versions: BTreeMap<String, String>,
        reference: String,
    ) -> Record {
        Record {
            device: self.site.device.name().to_owned(),
            dtype,
            outcome: verdict.outcome(),
            expected: self.expected(),
            outputs: verdict.outputs().clone(),
            asserted: verdict.asserted(),
            detail: verdict.detail().to_owned(),
            cause: self.expectation.map(|expectation| expectation.cause),
            seconds: self.start.elapsed().as_secs_f64(),
            peak_bytes: peak::bytes(),
            versions,
            reference,
            reproduce: reproduce(&self.test, self.site.device),
            test: self.test,
        }
    }
}

/// Loading and checking, and what was computed in; a panic in either is an outcome like any other.
fn tried<B: Backend>(
    site: &Site,
    reference: Arc<Reference>,
    backend: &B,
    examine: &impl Fn(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
) -> Result<(Verdict, String), Failure> {
    let mut trial = Trial::load(backend, reference, site.device, Precision::F32)?;
    let verdict = panics::catch(|| examine(&mut trial))
        .unwrap_or_else(|said| Err(Failure::run(format!("the check panicked: {said}"))))
        .unwrap_or_else(Verdict::from);
    Ok((verdict, trial.dtype()))
}

/// One write a line, so that lines of parallel tests never mix.
pub(crate) fn append(site: &Site, event: &Event) -> Result<(), String> {
    let Some(path) = &site.evidence else {
        return Ok(());
    };
    evidence::append(path, event)
        .map_err(|error| format!("{path}: evidence cannot be written: {error}"))
}

fn reproduce(test: &TestId, device: Device) -> String {
    let prefix = match device {
        Device::Cpu => String::new(),
        other => format!("TOUCHSTONE_DEVICE={} ", other.name()),
    };
    let (category, path) = (&test.category, test.rust_path());
    format!("{prefix}cargo test -p generated --test {category} {path} -- --exact")
}

/// Versions as evidence holds them.
pub(crate) fn versions<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}
