//! From a check that passes to what it says of every mutant.

use std::sync::Arc;

use evidence::{Event, Outcome, Sabotage, TestId};

use super::{Call, Mutant, Plant, keep::Keeper, mutants::mutants};
use crate::{
    backend::{Backend, Failure, Precision},
    judge::append,
    panics,
    reference::{Planted, Reference},
    site::{Saboteurs, Site},
    trial::Trial,
    verdict::Verdict,
};

/// Examines every mutant that the site asks for and appends what the check says of each.
pub(crate) fn play<B: Backend>(
    site: &Site,
    test: &TestId,
    reference: &Arc<Reference>,
    backend: &B,
    examine: &impl Fn(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
) -> Result<(), String> {
    let Some(saboteurs) = &site.saboteurs else {
        return Ok(());
    };
    // A backend's other settings run the same model: what one lets through, so does the other.
    if backend.setting().is_some() {
        return Ok(());
    }
    let capabilities = backend.capabilities(reference);
    let mut mutants = mutants(reference, &capabilities, backend.built_from())?;
    mutants.retain(|mutant| saboteurs.ask_for(&mutant.to_string()));
    if mutants.is_empty() {
        return Ok(());
    }
    let stage = Stage {
        site,
        reference,
        backend,
        examine,
    };
    let keeper = match saboteurs {
        Saboteurs::All => None,
        Saboteurs::Listed(_) => Some(Keeper::new(reference)?),
    };
    let without = stage.seen(Arc::clone(reference), None);
    for mutant in mutants {
        let mutant = stage.settled(mutant);
        if let Some(keeper) = &keeper {
            keeper.keep(reference, &mutant)?;
        }
        let (outcome, detail, margin, seen) = stage.seen_with(&mutant);
        let sabotage = Sabotage {
            test: test.clone(),
            fault: mutant.fault.name().to_owned(),
            site: mutant.site.clone(),
            outcome,
            detail,
            margin,
            unchanged: outcome == Outcome::Pass && seen == without.3,
        };
        append(site, &Event::Sabotage(Box::new(sabotage)))?;
    }
    Ok(())
}

/// What a check says: outcome, detail, margin, and a digest of all answers that the model gave.
type Seen = (Outcome, String, Option<f64>, Option<String>);

struct Stage<'s, B: Backend, E> {
    site: &'s Site,
    reference: &'s Arc<Reference>,
    backend: &'s B,
    examine: &'s E,
}

impl<B, E> Stage<'_, B, E>
where
    B: Backend,
    E: Fn(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
{
    /// Of several wrong values the first that the backend knows; where it knows none, the first.
    fn settled(&self, mut mutant: Mutant) -> Mutant {
        if let Plant::Config(configs) = &mut mutant.plant {
            let known = configs.iter().position(|config| {
                let reference = self.reference.sabotaged(Planted::Config(config.clone()));
                reference.is_ok_and(|reference| self.load(Arc::new(reference)).is_ok())
            });
            configs.swap(0, known.unwrap_or(0));
        }
        mutant
    }

    fn load(&self, reference: Arc<Reference>) -> Result<Trial<B::Session>, Failure> {
        Trial::load(self.backend, reference, self.site.device, Precision::F32)
    }

    fn seen_with(&self, mutant: &Mutant) -> Seen {
        match &mutant.plant {
            Plant::Graph(Ok(model)) => self.planted(Planted::Graph(model.write())),
            Plant::Graph(Err(error)) => failed(Failure::load(error.clone())),
            Plant::Weight(name, change) => match self.reference.weights() {
                Ok(weights) => match weights.bytes(name) {
                    Some(bytes) => self.planted(Planted::Weight(name.clone(), change.made(bytes))),
                    None => failed(Failure::load(format!("there is no weight `{name}`"))),
                },
                Err(failure) => failed(failure),
            },
            Plant::Config(configs) => match configs.first() {
                Some(config) => self.planted(Planted::Config(config.clone())),
                None => failed(Failure::load("there is no other value")),
            },
            Plant::Call(call) => self.seen(Arc::clone(self.reference), Some(call.clone())),
        }
    }

    fn planted(&self, planted: Planted) -> Seen {
        match self.reference.sabotaged(planted) {
            Ok(reference) => self.seen(Arc::new(reference), None),
            Err(failure) => failed(failure),
        }
    }

    fn seen(&self, reference: Arc<Reference>, call: Option<Call>) -> Seen {
        let mut trial = match self.load(reference) {
            Ok(trial) => trial.with_calls(call),
            Err(failure) => return failed(failure),
        };
        let verdict = panics::catch(|| (self.examine)(&mut trial))
            .unwrap_or_else(|said| Err(Failure::run(format!("the check panicked: {said}"))))
            .unwrap_or_else(Verdict::from);
        let margins = verdict.outputs().values().map(|metrics| metrics.margin);
        // JSON has no number for what is beyond all bounds.
        let margin = margins.reduce(f64::max).filter(|margin| margin.is_finite());
        (
            verdict.outcome(),
            verdict.detail().to_owned(),
            margin,
            Some(trial.seen()),
        )
    }
}

fn failed(failure: Failure) -> Seen {
    (failure.outcome(), failure.detail().to_owned(), None, None)
}
