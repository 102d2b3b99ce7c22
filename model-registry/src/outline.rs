//! Where each key and each value of a YAML file stands; made only once something is wrong.

use std::{collections::BTreeMap, fmt, ops::Range};

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::{DuplicateKeyPolicy, Location, NonFiniteFloatPolicy, Spanned};

/// The way from the top of a file to a key or a list's element.
pub(crate) type Path = Vec<String>;

/// A path, part by part.
pub(crate) fn path(parts: &[&str]) -> Path {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// Byte ranges of a file's keys and values.
#[derive(Debug, Default)]
pub(crate) struct Outline(BTreeMap<Path, Place>);

/// Where one key and its value stand.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The key; absent for an element of a list.
    pub(crate) key: Option<Range<usize>>,
    /// The value.
    pub(crate) value: Range<usize>,
    /// What the value is, in words: `a list`.
    pub(crate) what: String,
}

impl Outline {
    /// The outline of a file, if it is YAML at all.
    pub(crate) fn of(text: &str) -> Result<Self, Box<serde_saphyr::Error>> {
        let mut options = crate::parse::options();
        // The first of two equal keys has been reported already.
        options.duplicate_keys = DuplicateKeyPolicy::FirstWins;
        // So have these, and their places are wanted.
        options.no_schema = false;
        options.non_finite_float_policy = NonFiniteFloatPolicy::PassThrough;
        let mut outline = Self::default();
        let node: Spanned<Node> = serde_saphyr::from_str_with_options(text, options)?;
        outline.add(text, &mut Path::new(), None, &node);
        Ok(outline)
    }

    /// Where a path stands, or the nearest thing above it that is in the file.
    pub(crate) fn find(&self, path: &[String]) -> Option<(&Path, &Place)> {
        (0..=path.len())
            .rev()
            .find_map(|length| self.0.get_key_value(&path[..length]))
    }

    /// The innermost path that a place belongs to.
    pub(crate) fn path_at(&self, offset: usize) -> Path {
        let starts = |range: &Range<usize>| range.start == offset;
        let exact = |place: &Place| starts(&place.value) || place.key.as_ref().is_some_and(starts);
        let found = self
            .0
            .iter()
            .filter(|(_, place)| exact(place))
            .map(|(path, _)| path);
        found
            .max_by_key(|path| path.len())
            .cloned()
            .unwrap_or_default()
    }

    /// Whether a path's key, not its value, stands at an offset.
    pub(crate) fn is_key(&self, path: &[String], offset: usize) -> bool {
        let key = self.0.get(path).and_then(|place| place.key.as_ref());
        key.is_some_and(|key| key.start == offset)
    }

    /// The value that the reader has passed when it stops at the next key.
    pub(crate) fn passed(&self, path: &[String], offset: usize) -> Option<(Path, Range<usize>)> {
        let before = self
            .0
            .iter()
            .filter(|(_, place)| place.value.start < offset && !place.value.is_empty());
        let last = before
            .max_by_key(|(_, place)| place.value.start)
            .filter(|_| self.is_key(path, offset))?;
        Some((last.0.clone(), last.1.value.clone()))
    }

    /// The last place before an offset where a key of that name stands, and its path.
    pub(crate) fn before(&self, name: &str, offset: usize) -> (usize, Path) {
        let named = self
            .0
            .iter()
            .filter(|(path, _)| path.last().is_some_and(|last| last == name));
        let starts = named.filter_map(|(path, place)| Some((place.key.as_ref()?.start, path)));
        let last = starts.filter(|(start, _)| *start < offset).max();
        last.map_or((0, Path::new()), |(start, path)| (start, path.clone()))
    }

    fn add(
        &mut self,
        text: &str,
        path: &mut Path,
        key: Option<Range<usize>>,
        node: &Spanned<Node>,
    ) {
        let value = bytes(text, node.referenced);
        let what = match &node.value {
            Node::Scalar => format!("`{}`", &text[value.clone()].trim_end()),
            Node::Nothing => "empty".to_owned(),
            Node::List(_) => "a list".to_owned(),
            Node::Map(_) => "a map".to_owned(),
        };
        self.0.insert(path.clone(), Place { key, value, what });
        match &node.value {
            Node::Scalar | Node::Nothing => {}
            Node::List(nodes) => {
                for (i, node) in nodes.iter().enumerate() {
                    path.push(i.to_string());
                    self.add(text, path, None, node);
                    path.pop();
                }
            }
            Node::Map(entries) => {
                for (key, node) in entries {
                    path.push(key.value.clone());
                    self.add(text, path, Some(bytes(text, key.referenced)), node);
                    path.pop();
                }
            }
        }
    }
}

/// The bytes that a location names, always within the text and on character boundaries.
pub(crate) fn bytes(text: &str, location: Location) -> Range<usize> {
    let clamp = |offset: u64| {
        let mut offset = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let span = location.span();
    // Errors of the scanner know lines and columns only.
    let start = span
        .byte_offset()
        .filter(|offset| *offset > 0 || location.line() <= 1);
    let start = clamp(start.unwrap_or_else(|| {
        let lines = usize::try_from(location.line())
            .unwrap_or(1)
            .saturating_sub(1);
        let line: usize = text.split_inclusive('\n').take(lines).map(str::len).sum();
        line as u64 + location.column().saturating_sub(1)
    }));
    start..clamp(start as u64 + span.byte_len().unwrap_or(0)).max(start)
}

/// Any YAML value, of which only the places matter.
#[derive(Debug)]
enum Node {
    Scalar,
    Nothing,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any YAML value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Scalar)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Scalar)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Scalar)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Scalar)
            }

            fn visit_str<E>(self, _: &str) -> Result<Node, E> {
                Ok(Node::Scalar)
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Nothing)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut nodes = Vec::new();
                while let Some(node) = seq.next_element()? {
                    nodes.push(node);
                }
                Ok(Node::List(nodes))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Node::Map(entries))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
