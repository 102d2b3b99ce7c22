//! The checkpoint as a binding names it, with a note of every weight that a model asks for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{D, DType, Device, Shape, Tensor, safetensors::MmapedSafetensors};
use candle_nn::{Init, var_builder::SimpleBackend};

use super::{
    Result,
    names::{Derived, Match, Names, Piece},
};

/// The names asked for so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<BTreeSet<String>>>);

impl Asked {
    /// The names so far, as the checkpoint has them.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.clone()
    }

    fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned());
    }
}

/// A checkpoint that notes what is asked of it. To be asked whether it has a tensor is not noted.
pub(super) struct Checkpoint {
    tensors: MmapedSafetensors,
    names: Names,
    asked: Asked,
}

impl Checkpoint {
    pub(super) fn new(tensors: MmapedSafetensors, names: Names, asked: Asked) -> Self {
        Self {
            tensors,
            names,
            asked,
        }
    }

    /// A weight by its name in the checkpoint.
    fn read(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = self.tensors.get_unchecked(name, dtype, device)?;
        self.asked.note(name);
        Ok(tensor)
    }

    fn derive(
        &self,
        how: Derived,
        found: &Match,
        shape: Option<&Shape>,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let read = |source: &str| self.read(&found.fill(source), dtype, device);
        match how {
            Derived::Join(pieces) => {
                let parts = pieces.iter().map(|piece| match piece {
                    Piece::Of(source) => read(source),
                    Piece::Zeros(like) => read(like)?.zeros_like(),
                });
                Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
            }
            Derived::Part { of, at, count } => {
                let whole = read(of)?;
                let length = whole.dim(0)? / count;
                whole.narrow(0, at * length, length)?.contiguous()
            }
            Derived::Norm(source) => {
                let whole = read(source)?;
                let norms = whole.flatten_from(1)?.sqr()?.sum(1)?.sqrt()?;
                let ones = vec![1; whole.rank() - 1];
                norms.reshape([&[whole.dim(0)?], ones.as_slice()].concat())
            }
            Derived::Reshape(source) => match shape {
                Some(shape) => read(source)?.reshape(shape),
                None => read(source),
            },
            Derived::Transpose(source) => {
                read(source)?.transpose(D::Minus2, D::Minus1)?.contiguous()
            }
        }
    }
}

impl SimpleBackend for Checkpoint {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let Some((how, found)) = self.names.derived(name) else {
            let saved = self.names.rename(name);
            let tensor = SimpleBackend::get(&self.tensors, shape, &saved, init, dtype, device)?;
            self.asked.note(&saved);
            return Ok(tensor);
        };
        let tensor = self.derive(how, &found, Some(&shape), dtype, device)?;
        if tensor.shape() != &shape {
            let got = tensor.shape().clone();
            return Err(candle_core::Error::UnexpectedShape {
                msg: format!("shape mismatch for {name}"),
                expected: shape,
                got,
            });
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        match self.names.derived(name) {
            None => self.read(&self.names.rename(name), dtype, device),
            Some((how, found)) => self.derive(how, &found, None, dtype, device),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        let has = |name: &str| self.tensors.contains_tensor(name);
        match self.names.derived(name) {
            None => has(&self.names.rename(name)),
            Some((Derived::Join(pieces), found)) => pieces.iter().all(|piece| {
                let (Piece::Of(name) | Piece::Zeros(name)) = piece;
                has(&found.fill(name))
            }),
            Some((
                Derived::Part { of: source, .. }
                | Derived::Norm(source)
                | Derived::Reshape(source)
                | Derived::Transpose(source),
                found,
            )) => has(&found.fill(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names {
        renames: &[("stem.", "embed.")],
        derives: &[
            (
                "*.joined",
                Derived::Join(&[Piece::Of("*.a"), Piece::Zeros("*.b"), Piece::Of("*.b")]),
            ),
            (
                "*.second",
                Derived::Part {
                    of: "*.a",
                    at: 1,
                    count: 2,
                },
            ),
            ("*.norm", Derived::Norm("*.a")),
            ("*.flat", Derived::Reshape("*.a")),
            ("*.turned", Derived::Transpose("*.a")),
            (
                "*.without",
                Derived::Join(&[Piece::Of("*.a"), Piece::Of("*.c")]),
            ),
        ],
    };

    /// `embed.a` is `[[3, 4], [6, 8]]`, `embed.b` is `[[0, 1]]`.
    fn checkpoint(asked: &Asked) -> Result<Checkpoint> {
        let cpu = Device::Cpu;
        let file = tempfile::NamedTempFile::new()?;
        let tensors = [
            ("0.a", Tensor::new(&[[3f32, 4.], [6., 8.]], &cpu)?),
            ("0.b", Tensor::new(&[[0f32, 1.]], &cpu)?),
            ("embed.weight", Tensor::new(&[5f32], &cpu)?),
        ];
        let tensors = tensors.into_iter().collect();
        candle_core::safetensors::save::<&str, _>(&tensors, file.path())?;
        // SAFETY: nothing writes to the file while the test has it open.
        let tensors = unsafe { MmapedSafetensors::multi(&[file.path()])? };
        Ok(Checkpoint::new(tensors, NAMES, asked.clone()))
    }

    fn get(checkpoint: &Checkpoint, shape: &[usize], name: &str) -> Result<Vec<f32>> {
        let (shape, init) = (Shape::from(shape), Init::Const(0.));
        let tensor = checkpoint.get(shape, name, init, DType::F32, &Device::Cpu)?;
        tensor.flatten_all()?.to_vec1()
    }

    #[test]
    fn weights_are_made_of_the_checkpoints() -> Result<()> {
        let checkpoint = checkpoint(&Asked::default())?;
        let table: &[(&str, &[usize], &[f32])] = &[
            ("stem.weight", &[1], &[5.]),
            ("0.b", &[1, 2], &[0., 1.]),
            ("0.joined", &[4, 2], &[3., 4., 6., 8., 0., 0., 0., 1.]),
            ("0.second", &[1, 2], &[6., 8.]),
            ("0.norm", &[2, 1], &[5., 10.]),
            ("0.flat", &[4], &[3., 4., 6., 8.]),
            ("0.turned", &[2, 2], &[3., 6., 4., 8.]),
        ];
        for (name, shape, expected) in table {
            assert!(checkpoint.contains_tensor(name), "{name}");
            assert_eq!(get(&checkpoint, shape, name)?, *expected, "{name}");
        }
        Ok(())
    }

    #[test]
    fn what_was_read_is_noted_by_the_checkpoints_names() -> Result<()> {
        let asked = Asked::default();
        let checkpoint = checkpoint(&asked)?;
        get(&checkpoint, &[4, 2], "0.joined")?;
        get(&checkpoint, &[1], "stem.weight")?;
        let names: Vec<_> = asked.names().into_iter().collect();
        assert_eq!(names, ["0.a", "0.b", "embed.weight"]);
        Ok(())
    }

    #[test]
    fn what_cannot_be_made_is_an_error_that_names_it() -> Result<()> {
        let checkpoint = checkpoint(&Asked::default())?;
        let table: &[(&str, &[usize], &str)] = &[
            ("0.without", &[4, 2], "cannot find tensor 0.c"),
            ("0.turned", &[4, 1], "shape mismatch for 0.turned"),
            ("0.absent", &[1], "cannot find tensor 0.absent"),
        ];
        for (name, shape, expected) in table {
            let error = get(&checkpoint, shape, name).expect_err(name);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(!checkpoint.contains_tensor("0.without"));
        Ok(())
    }
}
