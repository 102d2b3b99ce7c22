//! The lengths that are worth a try: both sides of every size that code likes to round to.

use serde_json::Value;

/// Lengths around the sizes of blocks, vectors and tiles.
const EDGES: [usize; 17] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65];

/// A tiny config's window is shorter; a longer one is the checkpoint's, which no tiny sequence meets.
const LONGEST_WINDOW: usize = 256;

/// What configs call the number of positions that a model knows.
const POSITIONS: [&str; 5] = [
    "max_position_embeddings",
    "max_target_positions",
    "n_positions",
    "n_ctx",
    "max_seq_len",
];

/// Where transformers keeps the config of the part that reads text.
const TEXT: [&str; 4] = ["text_config", "decoder", "generator", "text_encoder"];

/// The edges and the window's, as far as the config goes; sorted, the longest last. A config that ends
/// before the last edge is tried to its end.
pub(super) fn lengths(config: &Value, shortest: usize) -> Vec<usize> {
    let text = TEXT.iter().filter_map(|name| config.get(name));
    let positions = text.chain([config]);
    let positions = positions.flat_map(|part| named(part, &POSITIONS));
    let most = positions.min().unwrap_or(usize::MAX);
    let windows = find_all(config, &["sliding_window"]).into_iter();
    let windows = windows.filter(|&window| window < LONGEST_WINDOW);
    let mut lengths: Vec<usize> = windows
        .flat_map(|window| window.saturating_sub(1)..=window + 1)
        .chain(EDGES)
        .collect();
    let longest = lengths.iter().copied().fold(1, usize::max).min(most);
    lengths.extend([shortest, longest]);
    lengths.retain(|length| (shortest.max(1)..=longest).contains(length));
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

fn named(config: &Value, names: &[&str]) -> Vec<usize> {
    let numbers = names.iter().filter_map(|name| config.get(name)?.as_u64());
    numbers
        .filter_map(|number| usize::try_from(number).ok())
        .collect()
}

/// The numbers of these names at any depth.
fn find_all(config: &Value, names: &[&str]) -> Vec<usize> {
    let Value::Object(fields) = config else {
        return Vec::new();
    };
    let nested = fields.values().flat_map(|value| find_all(value, names));
    named(config, names).into_iter().chain(nested).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lengths_lie_on_both_sides_of_every_edge_that_the_config_reaches() {
        let table = [
            (
                json!({"max_position_embeddings": 12}),
                1,
                vec![1, 2, 3, 4, 5, 7, 8, 9, 12],
            ),
            (
                json!({"n_positions": 9, "sliding_window": 6}),
                4,
                vec![4, 5, 6, 7, 8, 9],
            ),
            (
                json!({"text_config": {"max_position_embeddings": 16}}),
                10,
                vec![10, 15, 16],
            ),
            (
                json!({"vision_config": {"max_position_embeddings": 4}, "max_target_positions": 9}),
                7,
                vec![7, 8, 9],
            ),
            (json!({"max_position_embeddings": 4}), 5, vec![]),
        ];
        for (config, shortest, expected) in table {
            assert_eq!(lengths(&config, shortest), expected, "{config}");
        }
    }

    #[test]
    fn without_a_limit_the_edges_are_the_limit() {
        assert_eq!(lengths(&json!({}), 1), EDGES);
        let windowed = lengths(
            &json!({"max_position_embeddings": 200, "sliding_window": 70}),
            64,
        );
        assert_eq!(windowed, [64, 65, 69, 70, 71]);
        let huge = lengths(&json!({"sliding_window": 4096}), 64);
        assert_eq!(huge, [64, 65]);
    }
}
