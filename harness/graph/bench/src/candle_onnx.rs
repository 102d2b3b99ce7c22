//! The graph on candle's own runtime.

#[cfg(not(feature = "candle-onnx"))]
pub(crate) fn load(_case: &crate::case::Case) -> anyhow::Result<Box<dyn crate::Side>> {
    anyhow::bail!("built without the feature `candle-onnx`")
}

#[cfg(feature = "candle-onnx")]
pub(crate) use runtime::load;

#[cfg(feature = "candle-onnx")]
mod runtime {
    #![expect(
        clippy::disallowed_types,
        reason = "candle-onnx takes and gives this map"
    )]

    use std::collections::{BTreeMap, HashMap};

    use anyhow::{Context, Result};
    use candle_core::Tensor;
    use candle_onnx::onnx::{ModelProto, tensor_proto::DataLocation};

    use crate::{Side, case::Case};

    struct Loaded {
        model: ModelProto,
        /// Inputs, and weights beside them: those inside the model are decoded anew in each run.
        values: HashMap<String, Tensor>,
    }

    pub(crate) fn load(case: &Case) -> Result<Box<dyn Side>> {
        let mut model = candle_onnx::read_file(case.graph())?;
        let graph = model.graph.as_mut().context("the model has no graph")?;
        let mut values: HashMap<String, Tensor> = case.inputs.tensors()?.into_iter().collect();
        for weight in graph.initializer.extract_if(.., |tensor| {
            tensor.data_location() == DataLocation::External
        }) {
            let tensor = case.weights.tensor(&weight.name)?;
            values.insert(weight.name, tensor);
        }
        Ok(Box::new(Loaded { model, values }))
    }

    impl Side for Loaded {
        fn run(&mut self) -> Result<BTreeMap<String, Tensor>> {
            let outputs = candle_onnx::simple_eval(&self.model, self.values.clone())?;
            Ok(outputs.into_iter().collect())
        }
    }
}
