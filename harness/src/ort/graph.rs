//! The backend that runs a reference's graph, at either end of the optimiser.

use std::collections::{BTreeMap, BTreeSet};

use super::{GraphSession, runtime, session};
use crate::{
    backend::{Backend, BuiltFrom, Capabilities, Device, Failure},
    judge::versions,
    reference::{Flow, Reference},
};

/// The version that the workspace pins; a test compares it with the table.
const VERSION: &str = "2.0.0-rc.15";

/// ONNX Runtime on a case's graph.
#[derive(Clone, Copy, Debug)]
pub struct Graph {
    optimisation: Optimisation,
}

/// How far ONNX Runtime may rewrite the graph before it runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Optimisation {
    /// As users run it.
    All,
    /// As it was exported: what differs from [`Optimisation::All`] is the optimiser's doing.
    Disabled,
}

/// The family's graph, optimised as users run it.
pub fn graph() -> Graph {
    Graph {
        optimisation: Optimisation::All,
    }
}

impl Graph {
    /// The graph as it was exported.
    pub fn unoptimised(self) -> Self {
        Self {
            optimisation: Optimisation::Disabled,
        }
    }
}

impl Backend for Graph {
    type Session = GraphSession;

    fn name(&self) -> &'static str {
        "ort"
    }

    fn setting(&self) -> Option<&'static str> {
        (self.optimisation == Optimisation::Disabled).then_some("unoptimised")
    }

    fn versions(&self) -> BTreeMap<String, String> {
        versions([("ort", VERSION), ("onnxruntime", &runtime::version())])
    }

    fn built_from(&self) -> Option<BuiltFrom> {
        Some(BuiltFrom::Graph)
    }

    fn capabilities(&self, reference: &Reference) -> Capabilities {
        Capabilities::of_graph(reference)
    }

    fn load(&self, reference: &Reference, device: Device) -> Result<GraphSession, Failure> {
        session::load(reference, device, self.optimisation)
    }

    /// A graph reads what its outputs depend on; the rest of it is never computed.
    fn weights_read(
        &self,
        reference: &Reference,
        _session: &GraphSession,
    ) -> Result<BTreeSet<String>, Failure> {
        Ok(Flow::of(reference)?.all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_the_workspace_pins() {
        let table = include_str!("../../../Cargo.toml");
        assert!(
            table.contains(&format!("ort = {{ version = \"={VERSION}\"")),
            "{VERSION}"
        );
    }

    #[test]
    fn only_the_graph_as_exported_has_a_setting() {
        assert_eq!(graph().setting(), None);
        assert_eq!(graph().unoptimised().setting(), Some("unoptimised"));
    }
}
