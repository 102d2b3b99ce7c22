//! What transformers answered, and the tokenizer's file, read from `snapshots/tokenizers/<name>/`.

use std::fs;

use camino::Utf8Path;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokenizers::{EncodeInput, Encoding as Encoded, InputSequence, TruncationParams};

use super::Tokenizer;
use crate::{backend::Failure, hex};

/// The version of the format that is read.
const FORMAT: u32 = 1;

/// What was asked of a tokenizer, and what transformers answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    format: u32,
    class: String,
    #[expect(dead_code, reason = "for people who read the file")]
    provenance: serde_json::Value,
    tokenizer_sha256: String,
    /// Whether texts are given as words, each with a box of its own.
    words: bool,
    texts: Vec<String>,
    pairs: Vec<[String; 2]>,
    /// Texts and pairs, whole and cut.
    pub encodings: Vec<Encoding>,
    /// A batch of unequal lengths, where the class can pad.
    pub padding: Option<Padding>,
    /// Ids back as text.
    pub decodings: Vec<Decoding>,
    /// The digest of the recorded answers.
    #[serde(skip)]
    pub digest: String,
}

/// One text or pair, encoded.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// The text's number, if it is one.
    pub text: Option<usize>,
    /// The pair's number, if it is one.
    pub pair: Option<usize>,
    /// Whether special ids were added.
    pub special: bool,
    /// The length that it was cut to.
    pub max_length: Option<usize>,
    /// The ids.
    pub ids: Vec<u32>,
    /// The type of each id, a digit each.
    pub type_ids: String,
    /// Which ids are special, a digit each.
    pub special_tokens_mask: String,
    /// Where each id's text starts and ends, in characters, one after the other.
    pub offsets: Vec<usize>,
}

/// A padded batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    /// The texts' numbers.
    pub texts: Vec<usize>,
    /// `left` or `right`.
    pub side: String,
    /// The padding's id.
    pub id: u32,
    /// Its type.
    pub type_id: u32,
    /// Its text.
    pub token: String,
    /// The rows.
    pub ids: Vec<Vec<u32>>,
    /// What is no padding, a digit each.
    pub attention_mask: Vec<String>,
}

/// The ids of an encoding, back as text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// The encoding's number.
    pub encoding: usize,
    /// Whether special ids were left out.
    pub skip_special: bool,
    /// The text.
    pub text: String,
}

impl Reference {
    /// Reads the recorded answers and the tokenizer that gave them; `root` is the workspace's.
    pub fn load(
        root: &Utf8Path,
        tokenizer: &Tokenizer,
    ) -> Result<(Self, tokenizers::Tokenizer), Failure> {
        let folder = root.join("snapshots/tokenizers").join(tokenizer.name);
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| {
                Failure::load(format!(
                    "{path}: cannot be read: {error} [cargo xtask record --tokenizers]"
                ))
            })
        };
        let answers = read("expected.json")?;
        let wrong = |message: String| {
            Failure::load(format!(
                "{folder}: {message} [cargo xtask record --tokenizers]"
            ))
        };
        let mut reference: Self =
            serde_json::from_slice(&answers).map_err(|error| wrong(error.to_string()))?;
        let file = read("tokenizer.json")?;
        if reference.format != FORMAT {
            let format = reference.format;
            return Err(wrong(format!("format {format} (valid: {FORMAT})")));
        }
        if reference.class != tokenizer.class {
            let (found, wanted) = (&reference.class, tokenizer.class);
            return Err(wrong(format!("recorded from {found}, not from {wanted}")));
        }
        if hex(&Sha256::digest(&file)) != reference.tokenizer_sha256 {
            return Err(wrong("tokenizer.json is not the one that was asked".into()));
        }
        reference.digest = hex(&Sha256::digest(&answers)[..8]);
        let built = tokenizers::Tokenizer::from_bytes(&file)
            .map_err(|error| Failure::load(format!("tokenizer.json is refused: {error}")))?;
        Ok((reference, built))
    }

    /// A text by its number.
    pub fn text(&self, number: usize) -> Result<&str, Failure> {
        let text = self.texts.get(number).map(String::as_str);
        text.ok_or_else(|| Failure::load(format!("there is no text {number}")))
    }

    /// Encodes what an encoding is of, in the way that it was.
    pub fn encode(
        &self,
        tokenizer: &mut tokenizers::Tokenizer,
        of: &Encoding,
    ) -> Result<Encoded, Failure> {
        let input: EncodeInput<'_> = match (of.text, of.pair.and_then(|n| self.pairs.get(n))) {
            (Some(number), None) if self.words => {
                let words: Vec<&str> = self.text(number)?.split_whitespace().collect();
                InputSequence::from(words).into()
            }
            (Some(number), None) => self.text(number)?.into(),
            (None, Some([first, second])) => (first.as_str(), second.as_str()).into(),
            _ => return Err(Failure::load("an encoding of neither a text nor a pair")),
        };
        let truncation = of.max_length.map(|max_length| TruncationParams {
            max_length,
            ..TruncationParams::default()
        });
        tokenizer
            .with_truncation(truncation)
            .map_err(|error| Failure::run(error.to_string()))?
            .with_padding(None);
        tokenizer
            .encode_char_offsets(input, of.special)
            .map_err(|error| Failure::run(error.to_string()))
    }
}

impl Encoding {
    /// What it is of, for messages.
    pub fn what(&self) -> String {
        let (kind, number) = match (self.text, self.pair) {
            (Some(number), _) => ("text", number),
            (None, number) => ("pair", number.unwrap_or_default()),
        };
        let special = if self.special {
            ""
        } else {
            " without special ids"
        };
        let cut = self
            .max_length
            .map_or_else(String::new, |length| format!(" cut to {length}"));
        format!("{kind} {number}{special}{cut}")
    }
}
