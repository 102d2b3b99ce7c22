//! Any bytes as a list of expectations: told what is wrong with them, or written back as the same list, within a second.
#![no_main]

use std::{collections::BTreeMap, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use cpu_time::ProcessTime;
use libfuzzer_sys::fuzz_target;
use model_registry::{Expectations, Registry};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let begun = ProcessTime::now();
    let file = Utf8Path::new("expectations/candle-cpu.yaml");
    match Expectations::from_source(file, text.to_owned()) {
        Ok(list) => write_back(&list),
        Err(errors) => {
            for error in errors.iter() {
                assert!(
                    !error.message.is_empty() && !error.help.is_empty(),
                    "{error}"
                );
            }
        }
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
});

fn write_back(list: &Expectations) {
    let written = Expectations::from_entries("candle", "cpu", list.entries().to_vec())
        .unwrap_or_else(|errors| panic!("what was read is not taken: {errors}"));
    assert_eq!(written.entries(), list.entries());
    let nothing = Registry::from_sources(BTreeMap::<Utf8PathBuf, String>::new());
    if let Ok(registry) = nothing {
        assert!(list.entries().is_empty() || list.check_against(&registry).is_err());
    }
}
