//! A run as JUnit, for the systems that show test results: one suite a family and backend.

use std::{collections::BTreeMap, time::Duration};

use evidence::{Outcome, Record};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::report;

/// The file's text. What is known not to pass is skipped with its cause, so that a pass is a pass.
pub(super) fn render(id: &str, records: &[Record]) -> Result<String, SerializeError> {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for record in records {
        let name = format!("{}.{}", record.test.family, record.test.backend);
        let suite = suites
            .entry(name.clone())
            .or_insert_with(|| TestSuite::new(&*name));
        suite.add_test_case(case(&name, record));
    }
    let mut report = Report::new(format!("touchstone {id}"));
    report.add_test_suites(suites.into_values());
    report.to_string()
}

fn case(suite: &str, record: &Record) -> TestCase {
    let status = match (record.is_as_expected(), record.outcome) {
        (true, Outcome::Pass) => TestCaseStatus::success(),
        (true, outcome) => {
            let mut status = TestCaseStatus::skipped();
            let cause = record.cause.as_deref().unwrap_or_default();
            status.set_message(format!("known {outcome}: {cause}"));
            status
        }
        (false, outcome) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("{outcome}, expected {}", record.expected));
            status.set_type(outcome.name());
            status.set_description(report::unexpected(record));
            status
        }
    };
    let mut case = TestCase::new(record.test.rust_path(), status);
    case.set_classname(suite);
    case.set_time(Duration::try_from_secs_f64(record.seconds).unwrap_or_default());
    case
}
