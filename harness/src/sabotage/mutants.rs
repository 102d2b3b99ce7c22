//! The mutants of a case on a backend: which faults, where, and how many of each.

use std::fmt;

use onnx_model::Model;

use super::{Fault, Plant, calls, config, graph, scene::Scene, weights};
use crate::{
    backend::{BuiltFrom, Capabilities},
    reference::Reference,
};

/// So many places are tried for one fault where there are more.
const PLACES: usize = 3;

/// One fault at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// The fault.
    pub fault: Fault,
    /// Where it is planted: a value of the graph, a weight, a field of the config, an input.
    pub site: String,
    pub(super) plant: Plant,
}

impl Mutant {
    /// Why it cannot be planted: then not the check but the saboteur is at fault.
    pub fn broken(&self) -> Option<&str> {
        match &self.plant {
            Plant::Graph(Err(error)) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Mutant {
    /// `epsilon-times-ten@layer_norm`, as saboteurs are listed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.fault, self.site)
    }
}

/// Every mutant of a case for a backend that is built so; the same ones in the same order every time.
pub fn mutants(
    reference: &Reference,
    capabilities: &Capabilities,
    built_from: Option<BuiltFrom>,
) -> Result<Vec<Mutant>, String> {
    let mut places: Vec<(Fault, String, Plant)> = Vec::new();
    let model = match reference.manifest().graph {
        Some(_) => Some(read(reference)?),
        None => None,
    };
    let scene = model
        .as_ref()
        .map(|model| Scene::new(model, &capabilities.outputs));
    if let Some(scene) = &scene {
        places.extend(weights::places(scene, reference));
        if built_from == Some(BuiltFrom::Graph) {
            places.extend(in_graph(scene, reference));
        }
    }
    if built_from == Some(BuiltFrom::Config) {
        places.extend(config::places(&reference.manifest().config));
    }
    // Three of each kind: faults in calls stand beside those of the same name in the graph.
    let mut mutants = spread(places);
    mutants.extend(spread(calls::places(capabilities, reference.manifest())));
    Ok(mutants)
}

/// The reference's graph.
pub(super) fn read(reference: &Reference) -> Result<Model, String> {
    let bytes = reference.graph().map_err(|error| error.to_string())?;
    Model::read(&bytes).map_err(|error| format!("the reference's graph: {error}"))
}

fn in_graph(scene: &Scene<'_>, reference: &Reference) -> Vec<(Fault, String, Plant)> {
    let places = graph::places(scene, &reference.manifest().config).into_iter();
    let places = places.map(|(fault, planted)| (fault, spread_out(planted)));
    places
        .flat_map(|(fault, planted)| {
            planted.into_iter().map(move |planted| {
                let model = planted.patch.applied(scene.model);
                let model = model.map(Box::new).map_err(|error| error.to_string());
                (fault, planted.site, Plant::Graph(model))
            })
        })
        .collect()
}

fn spread(places: Vec<(Fault, String, Plant)>) -> Vec<Mutant> {
    let mut faults: Vec<Fault> = places.iter().map(|(fault, _, _)| *fault).collect();
    faults.sort_unstable();
    faults.dedup();
    let mutants = faults.into_iter().flat_map(|wanted| {
        let of = places.iter().filter(|(fault, _, _)| *fault == wanted);
        spread_out(of.collect())
    });
    mutants
        .map(|(fault, site, plant)| Mutant {
            fault: *fault,
            site: site.clone(),
            plant: plant.clone(),
        })
        .collect()
}

/// The first, the one in the middle and the last.
fn spread_out<T>(places: Vec<T>) -> Vec<T> {
    if places.len() <= PLACES {
        return places;
    }
    let kept = [0, places.len() / 2, places.len() - 1];
    let numbered = places.into_iter().enumerate();
    numbered
        .filter(|(number, _)| kept.contains(number))
        .map(|(_, place)| place)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_places_are_first_middle_and_last() {
        let table: [(usize, &[usize]); 5] = [
            (0, &[]),
            (1, &[0]),
            (3, &[0, 1, 2]),
            (4, &[0, 2, 3]),
            (9, &[0, 4, 8]),
        ];
        for (count, expected) in table {
            assert_eq!(spread_out((0..count).collect()), expected);
        }
    }
}
