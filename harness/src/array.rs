//! Values that belong to no backend: numbers, their shape, and the names of their axes.

use std::{collections::BTreeMap, ops::Range};

use thiserror::Error;

/// The elements of an [`Array`], row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// What models compute in.
    F32(Vec<f32>),
    /// What the truth is recorded in.
    F64(Vec<f64>),
    /// Token ids and masks.
    I64(Vec<i64>),
}

impl Data {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the elements' type.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::I64(_) => "i64",
        }
    }

    fn pick(&self, indices: &[usize]) -> Self {
        fn each<T: Copy>(values: &[T], indices: &[usize]) -> Vec<T> {
            indices.iter().map(|&index| values[index]).collect()
        }
        match self {
            Self::F32(values) => Self::F32(each(values, indices)),
            Self::F64(values) => Self::F64(each(values, indices)),
            Self::I64(values) => Self::I64(each(values, indices)),
        }
    }
}

/// Why elements, shape and axes do not make an array.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// Elements do not fill the shape.
    #[error("{found} elements do not fill the shape {shape:?}")]
    Count { shape: Vec<usize>, found: usize },
    /// A shape of another rank than the axes named for it.
    #[error("shape {shape:?} does not have the axes [{}]", axes.join(", "))]
    Rank {
        shape: Vec<usize>,
        axes: Vec<String>,
    },
}

/// Numbers with a shape whose axes have names.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    axes: Vec<String>,
    shape: Vec<usize>,
    data: Data,
}

impl Array {
    /// An array with named axes.
    pub fn new(axes: Vec<String>, shape: Vec<usize>, data: Data) -> Result<Self, ShapeError> {
        Self::unnamed(shape, data)?.with_axes(axes)
    }

    /// An array as a backend gives it: axes are called by their number until somebody names them.
    pub fn unnamed(shape: Vec<usize>, data: Data) -> Result<Self, ShapeError> {
        if shape.iter().product::<usize>() != data.len() {
            return Err(ShapeError::Count {
                shape,
                found: data.len(),
            });
        }
        let axes = (0..shape.len())
            .map(|axis| format!("axis {axis}"))
            .collect();
        Ok(Self { axes, shape, data })
    }

    /// The same numbers with their axes named.
    pub fn with_axes(mut self, axes: Vec<String>) -> Result<Self, ShapeError> {
        if axes.len() != self.shape.len() {
            return Err(ShapeError::Rank {
                shape: self.shape,
                axes,
            });
        }
        self.axes = axes;
        Ok(self)
    }

    /// The same numbers in another shape, axes unnamed.
    pub fn reshaped(self, shape: Vec<usize>) -> Result<Self, ShapeError> {
        Self::unnamed(shape, self.data)
    }

    /// Names of the axes.
    pub fn axes(&self) -> &[String] {
        &self.axes
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Whether an axis has this name.
    pub fn has(&self, axis: &str) -> bool {
        self.axes.iter().any(|name| name == axis)
    }

    /// The length of the first axis of this name.
    pub fn size(&self, axis: &str) -> Option<usize> {
        let index = self.axes.iter().position(|name| name == axis)?;
        Some(self.shape[index])
    }

    /// The part within a range of *every* axis of this name; the whole where there is none.
    ///
    /// A matrix of texts by images, `[batch, batch]`, is so cut to its own diagonal block, which is
    /// what the model gives for those rows alone.
    pub fn slice(&self, axis: &str, range: Range<usize>) -> Self {
        let within =
            |index: usize| range.start.min(self.shape[index])..range.end.min(self.shape[index]);
        let ranges: Vec<Range<usize>> = (0..self.shape.len())
            .map(|index| {
                if self.axes[index] == axis {
                    within(index)
                } else {
                    0..self.shape[index]
                }
            })
            .collect();
        let indices = flat_indices(&self.shape, &ranges);
        let shape = ranges.iter().map(ExactSizeIterator::len).collect();
        Self {
            axes: self.axes.clone(),
            shape,
            data: self.data.pick(&indices),
        }
    }

    /// The elements as f64, which holds every f32 exactly.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Data::F64(values) => values.clone(),
            Data::I64(values) => values.iter().map(|&value| value as f64).collect(),
        }
    }
}

/// The flat, row-major indices of a block within a shape.
pub(crate) fn flat_indices(shape: &[usize], ranges: &[Range<usize>]) -> Vec<usize> {
    let mut indices = vec![0];
    for (&length, range) in shape.iter().zip(ranges) {
        indices = indices
            .iter()
            .flat_map(|&index| range.clone().map(move |step| index * length + step))
            .collect();
    }
    indices
}

/// The index along each axis that a flat index stands for.
pub(crate) fn position(shape: &[usize], flat: usize) -> Vec<usize> {
    let mut rest = flat;
    let mut position: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&length| {
            let index = rest % length.max(1);
            rest /= length.max(1);
            index
        })
        .collect();
    position.reverse();
    position
}

/// Arrays by name: what goes into a model and what comes out.
pub type Tensors = BTreeMap<String, Array>;

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Array {
        let data = Data::I64((0..6).collect());
        Array::new(vec!["batch".into(), "sequence".into()], vec![2, 3], data).expect("six elements")
    }

    #[test]
    fn slices_the_named_axis() {
        let cut = grid().slice("sequence", 1..3);
        assert_eq!(
            (cut.shape(), cut.data()),
            (&[2, 2][..], &Data::I64(vec![1, 2, 4, 5]))
        );
    }

    #[test]
    fn slices_every_axis_of_the_name() {
        let data = Data::I64((0..9).collect());
        let square =
            Array::new(vec!["batch".into(), "batch".into()], vec![3, 3], data).expect("nine");
        assert_eq!(square.slice("batch", 1..2).data(), &Data::I64(vec![4]));
    }

    #[test]
    fn leaves_an_array_without_the_axis_whole() {
        assert_eq!(grid().slice("target", 0..1), grid());
    }

    #[test]
    fn refuses_elements_that_do_not_fill_the_shape() {
        let error =
            Array::unnamed(vec![2, 3], Data::F32(vec![0.0; 5])).expect_err("one is missing");
        assert_eq!(error.to_string(), "5 elements do not fill the shape [2, 3]");
    }

    #[test]
    fn refuses_axes_of_another_rank() {
        let error = grid()
            .with_axes(vec!["batch".into()])
            .expect_err("two axes, one name");
        assert_eq!(
            error.to_string(),
            "shape [2, 3] does not have the axes [batch]"
        );
    }

    #[test]
    fn tells_the_position_of_a_flat_index() {
        assert_eq!(position(&[2, 3, 4], 23), [1, 2, 3]);
        assert_eq!(position(&[], 0), Vec::<usize>::new());
    }
}
