//! What is wrong with a family file is told in words that are kept: one folder a fault, one test a folder.
//!
//! `tests/data/<name>/input.yaml` is `families/text-encoder/bert.yaml` unless lines `# file: <path>` say otherwise;
//! `expected.err` is what loading it prints. Rewrite them with `BLESS=1 cargo test -p model-registry --test errors`.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use model_registry::Registry;

macro_rules! faults {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        /// Keeps a folder from being forgotten.
        #[test]
        fn every_folder_is_tested() {
            let mut folders: Vec<_> = fs::read_dir(data())
                .expect("the fixtures are there")
                .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
                .collect();
            folders.sort();
            assert_eq!(folders, [$(stringify!($name)),*]);
        }
    };
}

faults! {
    alias_bomb
    alias_given_twice
    alias_names_itself
    alias_of_two_families
    alias_with_space
    axis_fraction
    axis_negative
    axis_of_zero
    axis_without_size
    binding_is_a_list
    binding_of_itself
    binding_of_nobody
    binding_of_one_that_shares
    boxes_of_three
    category_of_other_folder
    checkpoint_is_url
    class_is_no_identifier
    config_key_is_keyword
    config_key_is_no_identifier
    config_repeats_checkpoint
    deep_folder
    deep_nesting
    derive_a_prefix
    derive_from_nothing
    derive_join_misspelt
    derive_part_of_too_many
    derive_unknown_way
    derive_with_more_stars
    duplicate_family
    duplicate_key
    duplicate_key_deep_in_config
    duplicate_key_in_config
    empty_file
    everything_at_once
    families_share_module
    family_in_other_file
    family_is_code
    family_is_device
    family_is_keyword
    family_is_main
    family_leaves_folder
    import_from_elsewhere
    import_from_harness
    import_of_everything
    import_of_process
    inherited_binding_lacks_output
    inherited_binding_reads_removed_input
    input_is_keyword
    input_named_like_model
    integers_all_same
    key_colours_terminal
    last_position_unbound
    lengths_of_other_size
    lengths_of_two_axes
    lengths_too_few
    lint_batch_of_two
    lint_distinct_dimensions
    lint_distinct_dimensions_of_axis
    lint_distinct_dimensions_of_heads
    lint_distinct_dimensions_of_parts
    lint_dynamic_graph
    lint_epsilon_variant
    lint_grouped_heads
    lint_more_experts
    lint_sizes_only
    lint_sizes_only_in_part
    lint_unequal_lengths
    lint_window_shorter
    list_for_category
    list_for_recipe
    list_for_text
    map_for_text
    merge_key
    missing_and_bound
    missing_key
    missing_key_in_transformers
    missing_key_in_variant
    missing_without_place
    no_batch
    no_outputs
    not_a_number
    not_utf8
    nothing_for_recipe
    null_for_text
    number_for_sizes
    number_for_text
    output_of_no_case
    output_unbound
    output_without_axes
    part_of_nothing
    prompt_too_long
    removes_unknown_input
    rename_prefix_to_name
    rename_with_more_stars
    rows_ragged
    shared_binding_gives_other_output
    shared_binding_reads_absent_input
    size_given_twice
    size_negative
    size_of_no_input
    size_of_zero
    snippet_adds_by_method
    snippet_adds_in_place
    snippet_calls_macro
    snippet_cut_off
    snippet_defines_function
    snippet_ends_process
    snippet_hands_on_arithmetic
    snippet_has_two_statements
    snippet_imports_arithmetic
    snippet_in_other_letters
    snippet_is_no_rust
    snippet_is_not_looked_into
    snippet_is_unsafe
    snippet_leaves_module
    snippet_leaves_value
    snippet_multiplies_in_block
    snippet_multiplies_in_folded_text
    snippet_multiplies_output
    snippet_negates
    snippet_nests_too_deep
    snippet_returns
    snippet_scales_weights
    snippet_type_is_expression
    snippet_wrong_in_third_line
    stray_file
    text_for_config
    text_for_list
    text_for_recipe
    title_ends_comment
    title_turns_text_around
    title_with_newline
    title_with_quotes
    title_without_width
    tokenizer_in_capitals
    tokenizer_key_unknown
    tokenizer_listed_twice
    tokenizer_unknown
    tokenizer_waived_for_nothing
    tokenizer_waives_unknown_check
    tokenizer_without_list
    translate_from_and_value
    translate_from_nowhere
    tries_two_lines
    two_documents
    unbound_and_bound
    unbound_without_place
    unclosed_quote
    unknown_alias
    unknown_architecture
    unknown_category
    unknown_key
    unknown_key_in_variant
    unknown_recipe
    variant_in_camel_case
    variant_is_keyword
    variant_named_like_backend
    variant_named_like_import
    variant_repeats_class
    variant_size_breaks_lengths
    waiver_is_stale
    waiver_of_unknown_rule
    waiver_without_reason
    yaml_tab
    yaml_unclosed
    yes_for_true
}

fn data() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn check(name: &str) {
    let folder = data().join(name);
    let root = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(root.path()).expect("a UTF-8 path");
    let input = fs::read(folder.join("input.yaml")).expect("an input");
    for (path, text) in files(&input) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let found = match Registry::load(root) {
        Ok(_) => panic!("{name} loads, though it should not"),
        Err(errors) => format!("{errors}\n"),
    };
    let expected = folder.join("expected.err");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&expected, &found).expect("a golden");
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(
        found, expected,
        "{name}: found on the left; BLESS=1 takes it over"
    );
}

/// The files that an input holds: path and bytes.
fn files(input: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"# file: ") {
            Some(path) => {
                files.push((
                    String::from_utf8_lossy(path).trim().to_owned(),
                    line.to_vec(),
                ));
            }
            None => match files.last_mut() {
                Some((_, text)) => text.extend_from_slice(line),
                None => files.push(("families/text-encoder/bert.yaml".to_owned(), line.to_vec())),
            },
        }
    }
    if files.is_empty() {
        files.push(("families/text-encoder/bert.yaml".to_owned(), Vec::new()));
    }
    files
}
