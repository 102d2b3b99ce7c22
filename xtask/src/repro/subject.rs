//! What is reproduced: a check of a case on candle, or a finding's own program.

use evidence::TestId;
use generator::Fate;
use model_registry::{
    Family, Finding, Findings, Program, Registry, ResolvedCase, family_and_variant,
};

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    select,
};

/// What is reproduced.
#[derive(Debug)]
pub enum Subject<'a> {
    /// A check of a case, and the finding that it shows if it was asked for by that.
    Check(Box<Check<'a>>),
    /// A finding with a program of its own.
    Program(&'a Finding, &'a Program),
}

/// A check of a case on candle.
#[derive(Debug)]
pub struct Check<'a> {
    /// The case.
    pub case: ResolvedCase<'a>,
    /// The emitted test.
    pub test: TestId,
    /// The finding.
    pub finding: Option<&'a Finding>,
}

impl<'a> Subject<'a> {
    /// What a name on the command line stands for.
    pub fn find(
        registry: &'a Registry,
        findings: &'a Findings,
        name: &str,
        check: Option<&str>,
    ) -> Result<Self> {
        match (check, findings.get(name)) {
            (Some(check), _) => checked(registry, name, check, None),
            (None, Some(finding)) => Self::of(registry, finding),
            (None, None) => {
                let near = strsim_nearest(findings, name);
                let message = format!(
                    "no finding is called `{name}`{near} [a check of a case: `cargo xtask repro {name} CHECK`]"
                );
                Err(Failure::new(Exit::Usage, message))
            }
        }
    }

    /// What reproduces a finding.
    pub fn of(registry: &'a Registry, finding: &'a Finding) -> Result<Self> {
        match (&finding.program, finding.shown_by()) {
            (Some(program), _) => Ok(Self::Program(finding, program)),
            (None, Some((case, check))) => checked(registry, case, check, Some(finding)),
            (None, None) => {
                let message = format!("nothing reproduces {}", finding.path());
                Err(Failure::new(Exit::InvalidRegistry, message))
            }
        }
    }

    /// The name of the project: the finding's, or one made of case and check.
    pub fn name(&self) -> String {
        match self {
            Self::Program(finding, _) => finding.name.clone(),
            Self::Check(check) => match check.finding {
                Some(finding) => finding.name.clone(),
                None => {
                    let name = format!("{}-{}", check.case.name(), check.test.check);
                    name.replace(['.', '_'], "-")
                }
            },
        }
    }

    /// The finding, if there is one.
    pub fn finding(&self) -> Option<&'a Finding> {
        match self {
            Self::Program(finding, _) => Some(finding),
            Self::Check(check) => check.finding,
        }
    }
}

fn checked<'a>(
    registry: &'a Registry,
    name: &str,
    check: &str,
    finding: Option<&'a Finding>,
) -> Result<Subject<'a>> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let (family, case) = case_called(registry, name)?;
    if case.candle.is_none() {
        let name = case.name();
        return Err(usage(format!(
            "`{name}` is not bound to candle-transformers, so that no check of it can be repeated there"
        )));
    }
    let planned = generator::plan(family).or_exit(Exit::InvalidRegistry)?;
    let made: Vec<_> = planned
        .iter()
        .filter(|planned| {
            planned.backend == "candle"
                && planned.fate == Fate::Made
                && planned.variant.as_deref() == case.variant
        })
        .map(|planned| planned.check)
        .collect();
    if !made.contains(&check) {
        let message = format!(
            "`{}` has no check `{check}` on candle [it has: {}]",
            case.name(),
            made.join(", ")
        );
        return Err(usage(message));
    }
    let test = TestId {
        category: family.category.name().to_owned(),
        family: family.family.clone(),
        variant: case.variant.map(str::to_owned),
        backend: "candle".to_owned(),
        setting: None,
        check: check.to_owned(),
    };
    Ok(Subject::Check(Box::new(Check {
        case,
        test,
        finding,
    })))
}

fn case_called<'a>(registry: &'a Registry, name: &str) -> Result<(&'a Family, ResolvedCase<'a>)> {
    let (family, variant) = family_and_variant(name);
    let Some(family) = registry.family_called(family) else {
        return Err(Failure::new(Exit::Usage, select::unknown(registry, family)));
    };
    let mut cases = family.cases().into_iter();
    match cases.find(|case| case.variant == variant) {
        Some(case) => Ok((family, case)),
        None => {
            let variants: Vec<_> = family.variants.keys().map(String::as_str).collect();
            let message = format!(
                "`{}` has no variant `{}` [it has: {}]",
                family.family,
                variant.unwrap_or_default(),
                variants.join(", ")
            );
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn strsim_nearest(findings: &Findings, name: &str) -> String {
    let distance = |page: &&Finding| strsim::damerau_levenshtein(name, &page.name);
    match findings.pages().iter().min_by_key(distance) {
        Some(page) if distance(&page) <= 3.max(name.len() / 3) => {
            format!(", did you mean `{}`?", page.name)
        }
        _ => String::new(),
    }
}
