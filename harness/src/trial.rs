//! A loaded model under examination: how checks run it, whatever its backend can and cannot do.
//!
//! Two things differ between backends and are settled here, once for all checks:
//!
//! - *A mask that is not read.* A binding whose `INPUTS` lack a `lengths` input cannot be told about
//!   padding. Each row is then run alone, cut to its length, and only valid positions are compared.
//! - *Outputs for the last position only.* Every prefix length is run from a fresh start and the
//!   results are put side by side, so that every position is compared nevertheless.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    array::{Array, Tensors},
    backend::{Backend, Capabilities, Device, Failure, Precision, Session},
    canvas::{Canvas, Canvases},
    panics,
    reference::{Input, Lengths, Output, Reference, Truth},
    sabotage::{Call, Watched},
};

/// The axis that rows lie along.
pub const BATCH: &str = "batch";

/// A loaded model and what it should compute.
#[derive(Debug)]
pub struct Trial<S> {
    reference: Arc<Reference>,
    capabilities: Capabilities,
    session: Watched<S>,
    device: Device,
    /// What was computed in, in the order in which it was tried.
    precisions: Vec<Precision>,
}

/// Inputs that can be run at once, and where their outputs belong.
#[derive(Clone, Debug)]
pub struct View {
    /// What to run.
    pub inputs: Tensors,
    /// The row, if it is one row alone.
    pub row: Option<usize>,
}

impl View {
    /// Where the outputs belong.
    pub fn place(&self) -> Vec<(&'static str, usize)> {
        self.row.map(|row| (BATCH, row)).into_iter().collect()
    }
}

impl<S: Session> Trial<S> {
    /// Builds the model; a panic is a failure like any other.
    pub(crate) fn load<B: Backend<Session = S>>(
        backend: &B,
        reference: Arc<Reference>,
        device: Device,
        precision: Precision,
    ) -> Result<Self, Failure> {
        let session = panics::catch(|| backend.load_at(&reference, device, precision))
            .unwrap_or_else(|said| Err(Failure::load(format!("panicked: {said}"))))?;
        let capabilities = backend.capabilities(&reference);
        Ok(Self {
            reference,
            capabilities,
            session: Watched::new(session),
            device,
            precisions: vec![precision],
        })
    }

    /// The same model built once more.
    pub(crate) fn another<B: Backend<Session = S>>(
        &self,
        backend: &B,
        precision: Precision,
    ) -> Result<Self, Failure> {
        let another = Self::load(backend, Arc::clone(&self.reference), self.device, precision)?;
        Ok(Self {
            session: self.session.beside(another.session.into_inner()),
            ..another
        })
    }

    /// The same model built from another config, with nothing done to it.
    pub(crate) fn built_with<B: Backend<Session = S>>(
        &self,
        backend: &B,
        config: &Value,
    ) -> Result<Self, Failure> {
        let load = || backend.load_from(&self.reference, self.device, config);
        let session = panics::catch(load)
            .unwrap_or_else(|said| Err(Failure::load(format!("panicked: {said}"))))?;
        Ok(Self {
            reference: Arc::clone(&self.reference),
            capabilities: self.capabilities.clone(),
            session: self.session.beside(session),
            device: self.device,
            precisions: self.precisions.clone(),
        })
    }

    /// The same with a fault in every call.
    pub(crate) fn with_calls(mut self, fault: Option<Call>) -> Self {
        self.session = self.session.with(fault);
        self
    }

    /// What tells two series of the model's answers apart that differ in a bit.
    pub(crate) fn seen(&self) -> String {
        self.session.seen()
    }

    /// The loaded model itself.
    pub(crate) fn session(&self) -> &S {
        self.session.inner()
    }

    /// Says what else is computed in than the first load.
    pub(crate) fn computes_in(&mut self, precisions: &[Precision]) {
        self.precisions = precisions.to_vec();
    }

    /// What was computed in: `f32`, or several names.
    pub(crate) fn dtype(&self) -> String {
        let names = self.precisions.iter().map(|precision| precision.name());
        names.collect::<Vec<_>>().join(", ")
    }

    /// What it should compute.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// What it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The recorded outputs that it gives, each with its truth.
    pub fn outputs(&self) -> Result<Vec<(Output, Truth)>, Failure> {
        let recorded = |name: &String| {
            let output = self.reference.manifest().output(name)?.clone();
            Some((output, self.reference.truths().get(name)?.clone()))
        };
        let unknown =
            |name| Failure::mismatch(format!("gives `{name}`, which the reference does not have"));
        let names = self.capabilities.outputs.iter();
        names
            .map(|name| recorded(name).ok_or_else(|| unknown(name)))
            .collect()
    }

    /// Refuses a check that looks along an axis which no output has.
    pub fn require_output(&self, axis: &str) -> Result<(), Failure> {
        let has = |(output, _): &(Output, Truth)| output.axes.iter().any(|name| name == axis);
        if self.outputs()?.iter().any(has) {
            return Ok(());
        }
        Err(Failure::refused(format!("gives no output along `{axis}`")))
    }

    /// The recorded inputs that it reads.
    pub fn inputs(&self) -> Result<Tensors, Failure> {
        let recorded = self.reference.inputs();
        let missing =
            |name| Failure::load(format!("reads `{name}`, which the reference does not have"));
        self.capabilities
            .inputs
            .iter()
            .map(|name| {
                Ok((
                    name.clone(),
                    recorded.get(name).ok_or_else(|| missing(name))?.clone(),
                ))
            })
            .collect()
    }

    /// The inputs that it reads and that hold ids, with what the manifest says of them.
    pub fn ids(&self) -> Vec<(&Input, i64)> {
        let inputs = self.reference.manifest().inputs.iter();
        inputs
            .filter(|input| self.reads(&input.name))
            .filter_map(|input| Some((input, input.below?)))
            .collect()
    }

    /// The inputs that it reads and that carry something: ids and floats, not masks.
    pub fn streams(&self) -> Vec<Input> {
        let inputs = self.reference.manifest().inputs.iter();
        inputs
            .filter(|input| self.reads(&input.name))
            .filter(|input| input.below.is_some() || input.dtype == "f32")
            .cloned()
            .collect()
    }

    /// The masks that it reads, or those that it does not.
    pub fn masks(&self, read: bool) -> Vec<Lengths> {
        let inputs = self.reference.manifest().inputs.iter();
        inputs
            .filter(|input| self.reads(&input.name) == read)
            .filter_map(|input| input.lengths.clone())
            .collect()
    }

    /// What to run so that padding that it cannot see is never given to it.
    pub fn views(&self) -> Result<Vec<View>, Failure> {
        let inputs = self.inputs()?;
        // A mask over an axis that nothing it reads has cannot concern it.
        let mut unread = self.masks(false);
        unread.retain(|mask| self.length(&inputs, &mask.axis).is_some());
        if unread.is_empty() {
            return Ok(vec![View { inputs, row: None }]);
        }
        let rows = unread.iter().map(|mask| mask.of.len()).max().unwrap_or(0);
        let view = |row: usize| {
            let cut = |array: &Array| {
                unread
                    .iter()
                    .fold(array.slice(BATCH, row..row + 1), |array, mask| {
                        array.slice(
                            &mask.axis,
                            0..mask.of.get(row).copied().unwrap_or(usize::MAX),
                        )
                    })
            };
            View {
                inputs: each(&inputs, cut),
                row: Some(row),
            }
        };
        Ok((0..rows).map(view).collect())
    }

    /// Everything it gives for the recorded inputs.
    pub fn whole(&mut self) -> Result<Canvases, Failure> {
        let mut canvases = Canvases::new();
        for view in self.views()? {
            let outputs = self.forward(&view.inputs)?;
            self.paste(&mut canvases, &outputs, &view.place())?;
        }
        Ok(canvases)
    }

    /// One full pass from a fresh start, every position of every output that can be had.
    pub fn forward(&mut self, inputs: &Tensors) -> Result<Canvases, Failure> {
        let mut outputs = self.once(inputs)?;
        let Some(axis) = self.capabilities.decodes_along.clone() else {
            return Ok(outputs);
        };
        if self.capabilities.last_position.is_empty() {
            return Ok(outputs);
        }
        let length = self.length(inputs, &axis).unwrap_or(1);
        for end in self.shortest_prefix(&axis)..length {
            let prefix = self.fresh(&each(inputs, |array| array.slice(&axis, 0..end)))?;
            for name in &self.capabilities.last_position {
                if let (Some(all), Some(last)) = (outputs.get_mut(name), prefix.get(name)) {
                    all.paste(&Canvas::full(last), &[(&axis, end - 1)])
                        .map_err(Failure::mismatch)?;
                }
            }
        }
        Ok(outputs)
    }

    /// One full pass from a fresh start and no other; what is given for the last position only stands
    /// at the last position.
    pub fn once(&mut self, inputs: &Tensors) -> Result<Canvases, Failure> {
        let given = self.fresh(inputs)?;
        let full = |(name, array): (&String, &Array)| (name.clone(), Canvas::full(array));
        let mut outputs: Canvases = given.iter().map(full).collect();
        let Some(axis) = self.capabilities.decodes_along.clone() else {
            return Ok(outputs);
        };
        let length = self.length(inputs, &axis).unwrap_or(1);
        for name in &self.capabilities.last_position {
            let Some(last) = outputs.get_mut(name) else {
                continue;
            };
            let lengths = last.axes().iter().zip(last.shape());
            let shape: Vec<usize> = lengths
                .map(|(name, &one)| if *name == axis { length } else { one })
                .collect();
            let mut all = Canvas::new(last.axes(), &shape);
            all.paste(last, &[(&axis, length - 1)])
                .map_err(Failure::mismatch)?;
            *last = all;
        }
        Ok(outputs)
    }

    /// The shortest prefix that can be run: placeholders that stand for one image stay together.
    pub fn shortest_prefix(&self, axis: &str) -> usize {
        let inputs = self.reference.manifest().inputs.iter();
        inputs
            .filter(|input| self.reads(&input.name) && input.axes.iter().any(|name| name == axis))
            .filter_map(|input| input.media_end)
            .fold(1, usize::max)
    }

    /// One pass from a fresh start.
    pub fn fresh(&mut self, inputs: &Tensors) -> Result<Tensors, Failure> {
        self.reset()?;
        self.run(inputs, 0)
    }

    /// Forgets earlier runs.
    pub fn reset(&mut self) -> Result<(), Failure> {
        let session = &mut self.session;
        panics::catch(|| session.reset())
            .unwrap_or_else(|said| Err(Failure::run(format!("reset panicked: {said}"))))
    }

    /// One pass after `position` positions; outputs come back with their axes named.
    pub fn run(&mut self, inputs: &Tensors, position: usize) -> Result<Tensors, Failure> {
        let outputs = self
            .attempt(inputs, position)
            .unwrap_or_else(|said| Err(Failure::run(format!("panicked: {said}"))))?;
        let names = self.capabilities.outputs.clone();
        let mut outputs = outputs;
        names
            .into_iter()
            .map(|name| {
                let array = outputs
                    .remove(&name)
                    .ok_or_else(|| Failure::run(format!("gives no output `{name}`")))?;
                let array = self.named(&name, array, inputs)?;
                Ok((name, array))
            })
            .collect()
    }

    /// One pass, where a panic is told apart from an error.
    pub fn attempt(
        &mut self,
        inputs: &Tensors,
        position: usize,
    ) -> Result<Result<Tensors, Failure>, String> {
        let session = &mut self.session;
        panics::catch(|| session.run(inputs, position))
    }

    /// Puts outputs into their place on canvases of the recorded shape.
    pub fn paste(
        &self,
        canvases: &mut Canvases,
        outputs: &Canvases,
        place: &[(&str, usize)],
    ) -> Result<(), Failure> {
        for (name, part) in outputs {
            let output = self.reference.manifest().output(name);
            let output = output
                .ok_or_else(|| Failure::mismatch(format!("no output `{name}` is recorded")))?;
            let canvas = canvases
                .entry(name.clone())
                .or_insert_with(|| Canvas::new(&output.axes, &output.shape));
            let failed = |error| Failure::mismatch(format!("`{name}`: {error}"));
            canvas.paste(part, place).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether an axis may have another length than the recorded one; if not, why.
    pub fn require_free(&self, axis: &str) -> Result<(), Failure> {
        match self.capabilities.fixed.get(axis) {
            Some(reason) => Err(Failure::refused(format!(
                "the axis `{axis}` is fixed: {reason}"
            ))),
            None => Ok(()),
        }
    }

    /// The length of an axis that a check needs some positions of.
    pub fn require(&self, inputs: &Tensors, axis: &str, least: usize) -> Result<usize, Failure> {
        let length = self.length(inputs, axis);
        let length =
            length.ok_or_else(|| Failure::refused(format!("reads no input along `{axis}`")))?;
        if length < least {
            let complaint =
                format!("{length} positions along `{axis}`, at least {least} are needed");
            return Err(Failure::not_run(complaint));
        }
        Ok(length)
    }

    /// How many positions the inputs hold along an axis: a mask may span more than what is new.
    pub fn length(&self, inputs: &Tensors, axis: &str) -> Option<usize> {
        inputs.values().filter_map(|array| array.size(axis)).min()
    }

    fn reads(&self, name: &str) -> bool {
        self.capabilities.inputs.iter().any(|input| input == name)
    }

    /// Names the axes of an output and refuses a shape that cannot be right for these inputs.
    fn named(&self, name: &str, array: Array, inputs: &Tensors) -> Result<Array, Failure> {
        let output = self.reference.manifest().output(name);
        let output =
            output.ok_or_else(|| Failure::mismatch(format!("no output `{name}` is recorded")))?;
        let last = self
            .capabilities
            .last_position
            .iter()
            .any(|last| last == name);
        let decodes = self.capabilities.decodes_along.as_deref().filter(|_| last);

        let is_whole = inputs.iter().all(|(name, array)| {
            self.reference
                .manifest()
                .input(name)
                .is_some_and(|input| input.shape == array.shape())
        });
        let due: Vec<Option<usize>> = output
            .axes
            .iter()
            .zip(&output.shape)
            .map(|(axis, &length)| {
                if decodes == Some(axis) {
                    return Some(1);
                }
                let is_fixed = is_whole || axis.parse::<usize>().is_ok();
                self.length(inputs, axis)
                    .or_else(|| is_fixed.then_some(length))
            })
            .collect();

        let array = if array.shape().len() + 1 == due.len() {
            restore(array, output, decodes)
        } else {
            array
        };
        let fits = array.shape().len() == due.len()
            && array
                .shape()
                .iter()
                .zip(&due)
                .all(|(&length, due)| due.is_none_or(|due| due == length));
        if !fits {
            let due: Vec<String> = due
                .iter()
                .map(|due| due.map_or_else(|| "_".to_owned(), |due| due.to_string()))
                .collect();
            return Err(Failure::mismatch(format!(
                "`{name}` has shape {:?}, due is [{}] ({})",
                array.shape(),
                due.join(", "),
                output.axes.join(", ")
            )));
        }
        array
            .with_axes(output.axes.clone())
            .map_err(|error| Failure::mismatch(error.to_string()))
    }
}

/// Gives the last position its axis back, where an API drops it.
fn restore(array: Array, output: &Output, axis: Option<&str>) -> Array {
    let at = axis.and_then(|axis| output.axes.iter().position(|name| name == axis));
    let Some(at) = at else { return array };
    let mut shape = array.shape().to_vec();
    shape.insert(at, 1);
    array.clone().reshaped(shape).unwrap_or(array)
}

/// The same change made to every input.
pub fn each(inputs: &Tensors, change: impl Fn(&Array) -> Array) -> Tensors {
    inputs
        .iter()
        .map(|(name, array)| (name.clone(), change(array)))
        .collect()
}
