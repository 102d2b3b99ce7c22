//! From a check of a tokenizer to its record.

use std::fmt::Debug;

use evidence::{Record, TestId};
use model_registry::{TOKENIZER, TOKENIZERS};
use tokenizers::Encoding as Encoded;

use super::{Encoding, Reference, Tokenizer};
use crate::{
    backend::Failure,
    findings::Findings,
    judge::{Begun, append, fail_unless_expected, versions},
    panics,
    site::Site,
    verdict::Verdict,
};

/// The crate's version, which candle pins.
const VERSION: &str = "0.23.2";

/// Looks at a tokenizer and says what differs.
pub type Examine = fn(&Reference, &mut tokenizers::Tokenizer, &mut Findings) -> Result<(), Failure>;

/// Runs a check and fails the test if what came of it is not what is expected.
#[track_caller]
pub(super) fn judge(check: &str, tokenizer: &Tokenizer, examine: Examine) {
    fail_unless_expected(
        Site::from_env().and_then(|site| record(&site, check, tokenizer, examine)),
    );
}

/// Runs a check and gives its record, which is also appended to the site's evidence.
pub fn record(
    site: &Site,
    check: &str,
    tokenizer: &Tokenizer,
    examine: Examine,
) -> Result<Record, String> {
    let begun = Begun::new(
        site,
        TestId {
            category: TOKENIZER.to_owned(),
            family: tokenizer.name.to_owned(),
            variant: None,
            backend: TOKENIZERS.to_owned(),
            setting: None,
            check: check.to_owned(),
        },
    )?;
    let loaded = Reference::load(&site.root, tokenizer);
    let digest = loaded.as_ref().map(|(known, _)| known.digest.clone());
    let digest = digest.unwrap_or_default();
    let verdict = loaded
        .and_then(|(reference, mut built)| {
            let mut findings = Findings::default();
            panics::catch(|| examine(&reference, &mut built, &mut findings))
                .unwrap_or_else(|said| Err(Failure::run(format!("it panicked: {said}"))))?;
            Ok(findings.verdict())
        })
        .unwrap_or_else(Verdict::from);
    let record = begun.ended(
        &verdict,
        "text".to_owned(),
        versions([(TOKENIZERS, VERSION)]),
        digest,
    );
    append(site, &evidence::Event::Verdict(Box::new(record.clone())))?;
    Ok(record)
}

/// Encodes again what was encoded, and compares ids, types and special ids of those that are wanted.
pub(super) fn same_encodings(
    reference: &Reference,
    built: &mut tokenizers::Tokenizer,
    findings: &mut Findings,
    is_wanted: impl Fn(&Encoding) -> bool,
) -> Result<(), Failure> {
    for expected in reference.encodings.iter().filter(|of| is_wanted(of)) {
        let got = reference.encode(built, expected)?;
        findings.same_encoding(&got, expected);
    }
    Ok(())
}

impl Findings {
    /// Compares two lists of facts one by one; the first that differs is told.
    pub(super) fn equal<T: PartialEq + Debug>(&mut self, what: &str, got: &[T], expected: &[T]) {
        let pairs = got.iter().zip(expected);
        let same = pairs.clone().filter(|(got, expected)| got == expected);
        self.asserted += same.count();
        if got.len() == expected.len() && got == expected {
            // That both are empty is a fact as well.
            self.asserted += usize::from(got.is_empty());
            return;
        }
        let at = pairs.take_while(|(got, expected)| got == expected).count();
        let shown = |list: &[T]| {
            list.get(at)
                .map_or("nothing".to_owned(), |x| format!("{x:?}"))
        };
        self.complain(format!(
            "{what}: {} of {} differ in length or value; at {at}, {} and not {}",
            got.len(),
            expected.len(),
            shown(got),
            shown(expected)
        ));
    }

    /// Compares what an encoding holds besides offsets: ids, their types, and which are special.
    fn same_encoding(&mut self, got: &Encoded, expected: &Encoding) {
        let what = expected.what();
        self.equal(&format!("ids of {what}"), got.get_ids(), &expected.ids);
        self.equal(
            &format!("types of {what}"),
            digits(got.get_type_ids()).as_bytes(),
            expected.type_ids.as_bytes(),
        );
        self.equal(
            &format!("special ids of {what}"),
            digits(got.get_special_tokens_mask()).as_bytes(),
            expected.special_tokens_mask.as_bytes(),
        );
    }
}

/// Small numbers, a digit each.
pub(super) fn digits(numbers: &[u32]) -> String {
    numbers.iter().map(ToString::to_string).collect()
}
