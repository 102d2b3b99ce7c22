//! An output put together from several runs: rows run alone, positions decoded one by one.

use std::collections::BTreeMap;

use crate::array::{Array, flat_indices};

/// Outputs by name.
pub type Canvases = BTreeMap<String, Canvas>;

/// Values over a full shape, of which some may be absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    axes: Vec<String>,
    shape: Vec<usize>,
    values: Vec<Option<f64>>,
}

impl Canvas {
    /// An empty one.
    pub fn new(axes: &[String], shape: &[usize]) -> Self {
        let values = vec![None; shape.iter().product()];
        Self {
            axes: axes.to_vec(),
            shape: shape.to_vec(),
            values,
        }
    }

    /// One that holds all of an array.
    pub fn full(array: &Array) -> Self {
        let values = array.to_f64().into_iter().map(Some).collect();
        Self {
            axes: array.axes().to_vec(),
            shape: array.shape().to_vec(),
            values,
        }
    }

    /// Names of the axes.
    pub fn axes(&self) -> &[String] {
        &self.axes
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, absent ones as `None`.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// Whether it has an axis of this name.
    pub fn has(&self, axis: &str) -> bool {
        self.axes.iter().any(|name| name == axis)
    }

    /// Puts a part where the named axes say; every other axis starts at zero, and what the part lacks
    /// stays as it is.
    pub fn paste(&mut self, part: &Self, place: &[(&str, usize)]) -> Result<(), String> {
        let start = |axis: &String| {
            let named = place.iter().find(|(name, _)| name == axis);
            named.map_or(0, |&(_, at)| at)
        };
        let ranges: Vec<_> = self
            .axes
            .iter()
            .zip(&part.shape)
            .map(|(axis, &length)| start(axis)..start(axis) + length)
            .collect();
        let fits = part.shape.len() == self.shape.len()
            && ranges
                .iter()
                .zip(&self.shape)
                .all(|(range, &length)| range.end <= length);
        if !fits {
            let (part, whole) = (&part.shape, &self.shape);
            return Err(format!("shape {part:?} does not fit into {whole:?}"));
        }
        for (index, value) in flat_indices(&self.shape, &ranges)
            .into_iter()
            .zip(&part.values)
        {
            self.values[index] = value.or(self.values[index]);
        }
        Ok(())
    }

    /// Only what lies below `end` on the axis.
    pub fn below(mut self, axis: &str, end: usize) -> Self {
        self.retain(|names, at| {
            names
                .iter()
                .zip(at)
                .all(|(name, &at)| name != axis || at < end)
        });
        self
    }

    /// Only what lies at or above `start` on the axis.
    pub fn from(mut self, axis: &str, start: usize) -> Self {
        self.retain(|names, at| {
            names
                .iter()
                .zip(at)
                .all(|(name, &at)| name != axis || at >= start)
        });
        self
    }

    /// Only what lies below each row's own end; rows are those of the axis `rows`.
    pub fn below_each(mut self, rows: &str, axis: &str, ends: &[usize]) -> Self {
        self.retain(|names, at| {
            let row = names
                .iter()
                .position(|name| name == rows)
                .map(|index| at[index]);
            let end = row
                .and_then(|row| ends.get(row).copied())
                .unwrap_or(usize::MAX);
            names
                .iter()
                .zip(at)
                .all(|(name, &at)| name != axis || at < end)
        });
        self
    }

    /// Only what lies at one place of the axis.
    pub fn at(self, axis: &str, place: usize) -> Self {
        self.from(axis, place).below(axis, place + 1)
    }

    /// Each row moved towards the start of the axis by its own number of places; what would lie before
    /// the start is lost, and what is left free at the end is absent.
    pub fn moved_each(&self, rows: &str, axis: &str, by: &[usize]) -> Self {
        let find = |name: &str| self.axes.iter().position(|other| other == name);
        let mut moved = Self::new(&self.axes, &self.shape);
        let Some(along) = find(axis) else {
            return self.clone();
        };
        for (index, value) in self.values.iter().enumerate() {
            let mut at = crate::array::position(&self.shape, index);
            let row = find(rows).map_or(0, |row| at[row]);
            let Some(place) = at[along].checked_sub(by.get(row).copied().unwrap_or(0)) else {
                continue;
            };
            at[along] = place;
            let ranges: Vec<_> = at.iter().map(|&at| at..at + 1).collect();
            for to in flat_indices(&self.shape, &ranges) {
                moved.values[to] = *value;
            }
        }
        moved
    }

    /// The part below `end` on every axis of this name, as a canvas of its own.
    pub fn cut(&self, axis: &str, end: usize) -> Self {
        let lengths = self.axes.iter().zip(&self.shape);
        let ranges: Vec<_> = lengths
            .map(|(name, &length)| {
                0..if name == axis {
                    length.min(end)
                } else {
                    length
                }
            })
            .collect();
        let values = flat_indices(&self.shape, &ranges)
            .into_iter()
            .map(|index| self.values[index])
            .collect();
        Self {
            axes: self.axes.clone(),
            shape: ranges.iter().map(ExactSizeIterator::len).collect(),
            values,
        }
    }

    /// Root mean square of what is there.
    pub fn rms(&self) -> f64 {
        let squares: Vec<f64> = self
            .values
            .iter()
            .flatten()
            .map(|value| value * value)
            .collect();
        (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
    }

    fn retain(&mut self, keep: impl Fn(&[String], &[usize]) -> bool) {
        for index in 0..self.values.len() {
            if !keep(&self.axes, &crate::array::position(&self.shape, index)) {
                self.values[index] = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Data;

    fn axes() -> Vec<String> {
        vec!["batch".into(), "sequence".into()]
    }

    fn row(values: &[f32]) -> Canvas {
        let array = Array::new(axes(), vec![1, values.len()], Data::F32(values.to_vec()));
        Canvas::full(&array.expect("one row"))
    }

    #[test]
    fn a_row_lands_in_its_place() {
        let mut canvas = Canvas::new(&axes(), &[2, 3]);
        canvas
            .paste(&row(&[1.0, 2.0]), &[("batch", 1)])
            .expect("it fits");
        assert_eq!(
            canvas.values(),
            [None, None, None, Some(1.0), Some(2.0), None]
        );
    }

    #[test]
    fn a_part_that_sticks_out_is_refused() {
        let mut canvas = Canvas::new(&axes(), &[2, 3]);
        let error = canvas.paste(&row(&[1.0; 4]), &[]).expect_err("too long");
        assert_eq!(error, "shape [1, 4] does not fit into [2, 3]");
        canvas
            .paste(&row(&[1.0]), &[("batch", 2)])
            .expect_err("no such row");
    }

    #[test]
    fn padding_is_what_lies_past_each_rows_end() {
        let array = Array::new(axes(), vec![2, 2], Data::F32(vec![1.0, 2.0, 3.0, 4.0]));
        let canvas = Canvas::full(&array.expect("four")).below_each("batch", "sequence", &[2, 1]);
        assert_eq!(canvas.values(), [Some(1.0), Some(2.0), Some(3.0), None]);
    }
}
