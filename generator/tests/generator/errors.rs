//! What the generator says when it cannot: where, what it found, and for which family.

use generator::{Templates, generate, generate_some};
use model_registry::Registry;

use crate::common::{family, registry, sources, templates_with, told};

#[track_caller]
fn check(registry: &Registry, templates: &Templates, expected: &str) {
    let errors = generate(registry, templates).expect_err("it must fail");
    let told = told(&errors);
    assert_eq!(told.trim(), expected.trim(), "\n{told}");
}

fn tiny() -> Registry {
    registry(&[("tiny", family("tiny", "encoder-only", ""))])
}

#[test]
fn an_unknown_variable_is_told_with_its_template_line_and_family() {
    let template = "//! {{ title | rust_doc }}.\nconst A: &str = {{ titel | rust_string }};\n";
    check(
        &tiny(),
        &templates_with("rust/encoder_only.rs.j2", template),
        "
templates/rust/encoder_only.rs.j2:2: undefined value: `titel` is undefined
  1 | //! {{ title | rust_doc }}.
> 2 | const A: &str = {{ titel | rust_string }};
  = while rendering templates/rust/encoder_only.rs.j2 for the family tiny",
    );
}

#[test]
fn a_fault_in_a_shared_template_is_told_there() {
    let base = "//! A.\n{% block form %}{% endblock %}\n";
    let mut sources = sources();
    sources.insert("rust/base.rs.j2".to_owned(), base.to_owned());
    sources.insert(
        "rust/encoder_only.rs.j2".to_owned(),
        "{% extends \"rust/base.rs.j2\" %}\n{% block form %}\n{% include \"rust/part.j2\" %}\n{% endblock %}\n".to_owned(),
    );
    sources.insert("rust/part.j2".to_owned(), "{{ base.nothing }}\n".to_owned());
    let templates = Templates::from_sources(sources).expect("they parse");
    check(
        &tiny(),
        &templates,
        "
templates/rust/encoder_only.rs.j2:3: could not render include: error in \"rust/part.j2\"
  1 | {% extends \"rust/base.rs.j2\" %}
  2 | {% block form %}
> 3 | {% include \"rust/part.j2\" %}
  4 | {% endblock %}
  = caused by: undefined value: `base.nothing` is undefined (templates/rust/part.j2:1)
  = while rendering templates/rust/encoder_only.rs.j2 for the family tiny",
    );
}

#[test]
fn rust_that_does_not_parse_is_shown() {
    check(
        &tiny(),
        &templates_with(
            "rust/encoder_only.rs.j2",
            "//! A.\n\nfn a() {\n    let b = ;\n}\n",
        ),
        "
templates/rust/encoder_only.rs.j2: its line 4 as rendered is not Rust: expected an expression
  2 |
  3 | fn a() {
> 4 |     let b = ;
    |             ^
  5 | }
  = while rendering templates/rust/encoder_only.rs.j2 for the family tiny",
    );
}

#[test]
fn python_that_does_not_parse_is_shown() {
    check(
        &tiny(),
        &templates_with("python/encoder_only.py.j2", "\"\"\"A.\"\"\"\n\ndef a():\n    return (1\n"),
        "
templates/python/encoder_only.py.j2: its line 5 as rendered is not Python: unexpected EOF while parsing
  3 | def a():
  4 |     return (1
  = while rendering templates/python/encoder_only.py.j2 for the family tiny",
    );
}

#[test]
fn a_value_without_a_literal_form_is_refused() {
    let errors = generate(
        &tiny(),
        &templates_with("rust/encoder_only.rs.j2", "{{ base.adapter.caches }}"),
    )
    .expect_err("a bool has no form of its own");
    let told = told(&errors);
    assert!(
        told.starts_with(
            "templates/rust/encoder_only.rs.j2:1: invalid operation: a bool has no literal form"
        ),
        "{told}"
    );
}

#[test]
fn every_family_that_fails_is_told_in_order() {
    let families = ["one", "two", "three"].map(|name| (name, family(name, "encoder-only", "")));
    let errors = generate(
        &registry(&families),
        &templates_with("rust/encoder_only.rs.j2", "{{ x }}"),
    )
    .expect_err("all of them fail");
    let families: Vec<_> = errors
        .iter()
        .filter_map(|error| error.family.as_deref())
        .collect();
    assert_eq!(families, ["one", "three", "two"]);
}

#[test]
fn an_architecture_without_a_template_lists_the_known_ones() {
    let sources = [("rust/a.j2".to_owned(), String::new())].into();
    let templates = Templates::from_sources(sources).expect("it parses");
    let errors = generate(&tiny(), &templates).expect_err("there is none");
    assert_eq!(
        errors[0].to_string(),
        "templates/rust/encoder_only.rs.j2: no such template [known: rust/a.j2]\n  \
         = while rendering templates/rust/encoder_only.rs.j2 for the family tiny"
    );
}

#[test]
fn every_template_whose_syntax_is_wrong_is_told() {
    let sources = [("a.j2", "{% if %}"), ("b.j2", "ok"), ("c.j2", "\n{{ x")]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    let errors = Templates::from_sources(sources.into()).expect_err("two are wrong");
    assert_eq!(
        told(&errors),
        "templates/a.j2:1: syntax error: unexpected end of block\n> 1 | {% if %}\n  = while rendering templates/a.j2\n\n\
         templates/c.j2:2: syntax error: unexpected end of input, expected end of variable block\n  1 |\n> 2 | {{ x\n  = while rendering templates/c.j2"
    );
}

#[test]
fn an_unknown_family_is_told_with_similar_ones() {
    let templates = Templates::embedded().expect("they parse");
    let errors =
        generate_some(&tiny(), &templates, &["tinny", "tiny"]).expect_err("one is unknown");
    assert_eq!(told(&errors), "no family is called `tinny` [similar: tiny]");
}

#[test]
fn a_prepared_config_cannot_outlive_loading() {
    let text = family("tiny", "encoder-only", "")
        .replace("  load:", "  prepare: config.into()\n  load:")
        .replace("&attention_mask)", "config.depth)");
    let registry = registry(&[("tiny", text)]);
    let errors =
        generate(&registry, &Templates::embedded().expect("they parse")).expect_err("no type");
    assert!(
        told(&errors).starts_with(
            "model-registry/families/text-encoder/tiny.yaml:26: `config` is prepared, so only"
        ),
        "{}",
        told(&errors)
    );
}
