//! Faults in a config: a field that says something else than the weights were made for.

use serde_json::{Value, json};

use super::{Fault, Plant};

/// Activations that are easily taken for one another, the closest first: what a backend does not know
/// is passed over.
const ACTIVATIONS: [(&str, &[&str]); 7] = [
    ("gelu", &["gelu_pytorch_tanh", "relu", "silu"]),
    ("gelu_new", &["gelu", "relu"]),
    ("gelu_pytorch_tanh", &["gelu", "relu"]),
    ("quick_gelu", &["gelu"]),
    ("relu", &["gelu", "silu"]),
    ("silu", &["gelu", "relu"]),
    ("swish", &["gelu", "relu"]),
];

/// What stands before the activation of a gated feed-forward layer.
const GATED: &str = "gated-";

/// Every field that a fault can be planted in, by its dotted path.
pub(super) fn places(config: &Value) -> Vec<(Fault, String, Plant)> {
    let mut places = Vec::new();
    walk(config, &mut Vec::new(), &mut |path, value| {
        let key = path.last().map_or("", String::as_str);
        if let Some((fault, wrong)) = faults(key, value) {
            let configs = wrong.into_iter().map(|wrong| with(config, path, wrong));
            places.push((fault, path.join("."), Plant::Config(configs.collect())));
        }
    });
    places
}

/// The values that are wrong in one way, the best first.
fn faults(key: &str, value: &Value) -> Option<(Fault, Vec<Value>)> {
    let integer = value.as_u64().filter(|&number| number > 1);
    if key.ends_with("eps") || key.ends_with("epsilon") {
        let epsilon = value.as_f64()?;
        return Some((Fault::EpsilonTimesTen, vec![json!(epsilon * 10.0)]));
    }
    if key == "rope_theta" {
        let theta = value.as_f64()?;
        return Some((Fault::RopeTheta, vec![json!(theta * 1.5)]));
    }
    if key.contains("window") && !key.ends_with("layers") {
        return Some((Fault::WindowOffByOne, vec![json!(integer? + 1)]));
    }
    if key.ends_with("layers") || key == "n_layer" {
        let is_window = key.contains("window");
        let layers = integer.filter(|_| !is_window)?;
        return Some((Fault::LayerSkipped, vec![json!(layers - 1)]));
    }
    let text = value.as_str()?;
    let (gate, activation) = text
        .strip_prefix(GATED)
        .map_or(("", text), |activation| (GATED, activation));
    let (_, swapped) = ACTIVATIONS.iter().find(|(name, _)| *name == activation)?;
    let swapped = swapped.iter().map(|name| json!(format!("{gate}{name}")));
    Some((Fault::ActivationSwapped, swapped.collect()))
}

fn walk(value: &Value, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Value)) {
    if let Value::Object(fields) = value {
        for (key, value) in fields {
            path.push(key.clone());
            visit(path, value);
            walk(value, path, visit);
            path.pop();
        }
    }
}

fn with(config: &Value, path: &[String], value: Value) -> Value {
    let mut changed = config.clone();
    let place = path
        .iter()
        .try_fold(&mut changed, |place, key| place.get_mut(key));
    if let Some(place) = place {
        *place = value;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &Value) -> Vec<(String, Vec<Value>)> {
        let places = places(config).into_iter();
        places
            .map(|(fault, site, plant)| match plant {
                Plant::Config(configs) => (format!("{fault}@{site}"), configs),
                other => panic!("no config: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn one_field_a_fault_at_any_depth() {
        let config = json!({
            "hidden_act": "silu",
            "model_type": "gelu-like",
            "num_hidden_layers": 3,
            "sliding_window": 4,
            "max_window_layers": 2,
            "text_config": {"rms_norm_eps": 1e-6, "rope_parameters": {"rope_theta": 10.0}},
        });
        let names: Vec<String> = found(&config).into_iter().map(|(name, _)| name).collect();
        let expected = [
            "activation-swapped@hidden_act",
            "layer-skipped@num_hidden_layers",
            "window-off-by-one@sliding_window",
            "epsilon-times-ten@text_config.rms_norm_eps",
            "rope-theta@text_config.rope_parameters.rope_theta",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_has_no_place_for_a_fault_gets_none() {
        let table = [
            json!({"num_hidden_layers": 1}),
            json!({"sliding_window": null}),
            json!({"use_sliding_window": true}),
            json!({"hidden_act": "sigmoid"}),
            json!({"layer_norm_eps": "1e-5"}),
            json!({"layer_types": ["full_attention"]}),
        ];
        for config in table {
            assert_eq!(found(&config), [], "{config}");
        }
    }

    #[test]
    fn only_the_field_is_changed() {
        let config = json!({"feed_forward_proj": "gated-gelu", "d_model": 36});
        let [(_, configs)] = &found(&config)[..] else {
            panic!("one field");
        };
        let last = json!({"feed_forward_proj": "gated-silu", "d_model": 36});
        assert_eq!(configs.last(), Some(&last));
    }
}
