//! Facts besides numbers: refusals that happened, weights that were read, tokens that are the same.

use super::Findings;
use crate::canvas::Canvas;

impl Findings {
    /// So many facts hold, as they should.
    pub fn assert(&mut self, count: usize) {
        self.asserted += count;
    }

    /// An error was given for nonsense: that is right.
    pub fn refused(&mut self) {
        self.asserted += 1;
    }

    /// It panicked instead.
    pub fn panicked(&mut self, input: &str, said: &str) {
        self.panics.push(format!("{input}: panicked: {said}"));
    }

    /// It answered instead.
    pub fn answered(&mut self, input: &str, answer: &str) {
        self.complaints.push(format!("{input}: answered {answer}"));
    }

    /// A number is not finite that should be.
    pub fn not_finite(&mut self, said: String) {
        self.nonfinite.push(said);
    }

    /// Every number of an output must be finite.
    pub fn all_finite(&mut self, name: &str, got: &Canvas, when: &str) {
        let numbers = got.values().iter().enumerate();
        let numbers = numbers.filter_map(|(index, value)| Some((index, (*value)?)));
        match numbers.clone().find(|(_, value)| !value.is_finite()) {
            None => self.asserted += numbers.count(),
            Some((index, value)) => {
                let at = crate::array::position(got.shape(), index);
                self.nonfinite
                    .push(format!("{when}, `{name}` is {value} at {at:?}"));
            }
        }
    }
}
