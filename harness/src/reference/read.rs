//! Reading a reference's files and refusing every one whose bytes are not those that were recorded.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    sync::OnceLock,
};

use camino::{Utf8Path, Utf8PathBuf};
use lzma_rust2::XzReader;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::{
    Reference, ReferenceError, Truth,
    error::Kind,
    expected::CHUNK,
    manifest::{FORMAT, Input, Manifest, Output},
    weights::fill,
};
use crate::{
    Case,
    array::{Array, Data, Tensors},
};

const MANIFEST: &str = "manifest.json";
const EXPECTED: &str = "expected.safetensors";
/// How much memory unpacking a graph may take, beside what it unpacks to.
const WINDOW_KIB: u32 = 64 << 10;
const GRAPH: &str = "graph.onnx.xz";

/// More elements than any tiny case has, in all its tensors together: what asks for more is refused
/// before it is allocated.
const MOST_ELEMENTS: usize = 1 << 24;

/// A graph without weights unpacks to less, in bytes.
const LARGEST_GRAPH: u64 = 1 << 25;

/// Where a reference's files come from, by name.
pub(super) type Files<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

pub(super) fn folder(root: &Utf8Path, case: &Case) -> Utf8PathBuf {
    root.join("snapshots/references").join(case.name())
}

/// The files of a folder.
pub(super) fn on_disk(folder: Utf8PathBuf) -> impl Fn(&str) -> io::Result<Vec<u8>> {
    move |name| fs::read(folder.join(name))
}

pub(super) fn read(
    root: &Utf8Path,
    case: &Case,
    files: Files<'_>,
) -> Result<Reference, ReferenceError> {
    let folder = folder(root, case);
    let in_manifest = |kind: Kind| kind.at(folder.join(MANIFEST), case);
    let bytes = files(MANIFEST).map_err(|error| in_manifest(error.into()))?;
    let manifest = manifest(&bytes, case).map_err(in_manifest)?;
    check_size(&manifest).map_err(in_manifest)?;

    let in_expected = |kind: Kind| kind.at(folder.join(EXPECTED), case);
    let bytes = vouched(files, EXPECTED, &manifest).map_err(in_expected)?;
    let (inputs, truths, stored) = numbers(&bytes, &manifest).map_err(in_expected)?;
    Ok(Reference {
        root: root.to_owned(),
        folder,
        manifest,
        inputs,
        truths,
        stored,
        weights: OnceLock::new(),
        planted: None,
        is_sabotaged: false,
    })
}

pub(super) fn graph(
    folder: &Utf8Path,
    manifest: &Manifest,
    files: Files<'_>,
) -> Result<Vec<u8>, ReferenceError> {
    let failed = |kind: Kind| ReferenceError {
        file: folder.join(GRAPH),
        family: manifest.family.clone(),
        kind,
    };
    if manifest.graph.is_none() {
        return Err(failed(Kind::NoGraph));
    }
    let packed = vouched(files, GRAPH, manifest).map_err(failed)?;
    let mut model = Vec::new();
    XzReader::new_mem_limit(&packed[..], false, WINDOW_KIB)
        .take(LARGEST_GRAPH + 1)
        .read_to_end(&mut model)
        .map_err(|error| failed(error.into()))?;
    if model.len() as u64 > LARGEST_GRAPH {
        return Err(failed(Kind::TooLarge {
            what: "bytes once unpacked",
            most: LARGEST_GRAPH,
        }));
    }
    Ok(model)
}

/// Everything after this may multiply the lengths of a shape.
fn check_size(manifest: &Manifest) -> Result<(), Kind> {
    let inputs = manifest.inputs.iter().map(|input| &input.shape);
    let weights = manifest.weights.iter().map(|weight| &weight.shape);
    let outputs = manifest.outputs.iter().map(|output| &output.shape);
    let elements = |shape: &Vec<usize>| {
        let mut lengths = shape.iter();
        lengths.try_fold(1, |all: usize, length| all.checked_mul(*length))
    };
    let all = inputs.chain(weights).chain(outputs);
    all.map(elements)
        .try_fold(0, |all: usize, one| all.checked_add(one?))
        .filter(|all| *all <= MOST_ELEMENTS)
        .map(|_| ())
        .ok_or(Kind::TooLarge {
            what: "elements in all its tensors",
            most: MOST_ELEMENTS as u64,
        })
}

/// The last line but one holds the digest of every byte before it; nothing but `}` may follow.
fn manifest(bytes: &[u8], case: &Case) -> Result<Manifest, Kind> {
    let text = bytes.strip_suffix(b"\"\n}\n").ok_or(Kind::CutOff)?;
    let line = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .ok_or(Kind::CutOff)?
        + 1;
    let said = text[line..]
        .strip_prefix(b" \"digest\": \"")
        .ok_or(Kind::CutOff)?;
    let said = String::from_utf8_lossy(said).into_owned();
    let found = sha256(&bytes[..line]);
    if said != found {
        return Err(Kind::Digest { said, found });
    }

    let manifest: Manifest = serde_json::from_slice(bytes)?;
    if manifest.format != FORMAT {
        return Err(Kind::Format {
            found: manifest.format,
        });
    }
    if manifest.name() != case.name() {
        return Err(Kind::Other {
            found: manifest.name(),
        });
    }
    if manifest.recorded_from != case.recorded_from {
        let wanted = case.recorded_from.to_owned();
        return Err(Kind::Stale {
            found: manifest.recorded_from,
            wanted,
        });
    }
    Ok(manifest)
}

/// A file beside the manifest, if its bytes are those that the manifest names.
fn vouched(files: Files<'_>, name: &str, manifest: &Manifest) -> Result<Vec<u8>, Kind> {
    let said = manifest.files.get(name).ok_or(Kind::Unlisted)?;
    let bytes = files(name)?;
    let found = sha256(&bytes);
    if *said != found {
        return Err(Kind::Sha256 {
            said: said.clone(),
            found,
        });
    }
    Ok(bytes)
}

type Numbers = (Tensors, BTreeMap<String, Truth>, BTreeMap<String, Vec<u8>>);

fn numbers(bytes: &[u8], manifest: &Manifest) -> Result<Numbers, Kind> {
    let tensors = SafeTensors::deserialize(bytes)?;
    let inputs: Result<Tensors, Kind> = manifest
        .inputs
        .iter()
        .map(|input| Ok((input.name.clone(), value(input, &tensors)?)))
        .collect();
    let truths: Result<BTreeMap<String, Truth>, Kind> = manifest
        .outputs
        .iter()
        .map(|output| Ok((output.name.clone(), truth(output, &tensors)?)))
        .collect();
    let stored: Result<BTreeMap<String, Vec<u8>>, Kind> = manifest
        .weights
        .iter()
        .filter(|weight| weight.fill.is_none())
        .map(|weight| {
            let tensor = tensors.tensor(&format!("weight.{}", weight.name))?;
            if tensor.shape() != weight.shape {
                let (found, wanted) = (tensor.shape(), &weight.shape);
                return Err(Kind::Tensor(format!(
                    "`weight.{}` has shape {found:?}, manifest.json says {wanted:?}",
                    weight.name
                )));
            }
            Ok((weight.name.clone(), tensor.data().to_vec()))
        })
        .collect();
    Ok((inputs?, truths?, stored?))
}

fn value(input: &Input, tensors: &SafeTensors<'_>) -> Result<Array, Kind> {
    let data = match input.dtype.as_str() {
        "f32" => {
            let count = input.shape.iter().product();
            Data::F32(fill(&format!("input/{}", input.name), count, 1.0, 0.0))
        }
        "i64" if input.lengths.is_some() => Data::I64(mask(input)?),
        "i64" => Data::I64(elements(
            tensors,
            &format!("input.{}", input.name),
            Dtype::I64,
            i64::from_le_bytes,
        )?),
        other => {
            let name = &input.name;
            return Err(Kind::Tensor(format!(
                "input `{name}` has dtype `{other}` in manifest.json (valid: f32, i64)"
            )));
        }
    };
    Array::new(input.axes.clone(), input.shape.clone(), data)
        .map_err(|error| Kind::Tensor(format!("input `{}`: {error}", input.name)))
}

/// A mask is 1 up to each row's length.
fn mask(input: &Input) -> Result<Vec<i64>, Kind> {
    let lengths = input.lengths.as_ref().map(|lengths| &lengths.of);
    match (lengths, input.shape.as_slice()) {
        (Some(lengths), &[rows, width]) if lengths.len() == rows => Ok(lengths
            .iter()
            .flat_map(|&length| (0..width).map(move |at| i64::from(at < length)))
            .collect()),
        _ => Err(Kind::Tensor(format!(
            "the mask `{}` does not have one length a row in manifest.json",
            input.name
        ))),
    }
}

fn truth(output: &Output, tensors: &SafeTensors<'_>) -> Result<Truth, Kind> {
    let name = &output.name;
    let values = elements(
        tensors,
        &format!("output.{name}"),
        Dtype::F64,
        f64::from_le_bytes,
    )?;
    let total: usize = output.shape.iter().product();
    let expect = |what: &str, found: usize, wanted: usize| {
        let complaint =
            || format!("`{what}.{name}` has {found} elements, manifest.json says {wanted}");
        if found == wanted {
            Ok(())
        } else {
            Err(Kind::Tensor(complaint()))
        }
    };
    if output.axes.len() != output.shape.len() {
        let (shape, axes) = (&output.shape, output.axes.join(", "));
        let complaint = format!("output `{name}` has shape {shape:?} and the axes [{axes}]");
        return Err(Kind::Tensor(complaint));
    }
    let Some(sample) = output.sample else {
        expect("output", values.len(), total)?;
        return Ok(Truth::whole(output, values));
    };
    expect("output", values.len(), sample.count)?;
    let sums = elements(
        tensors,
        &format!("sums.{name}"),
        Dtype::F64,
        f64::from_le_bytes,
    )?;
    expect("sums", sums.len(), total.div_ceil(CHUNK))?;
    let truth = Truth::sampled(output, sample, values, sums);
    // Two numbers for one element would leave another unlooked at.
    expect("sample", truth.elements.len(), sample.count)?;
    Ok(truth)
}

fn elements<T>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    read: fn([u8; 8]) -> T,
) -> Result<Vec<T>, Kind> {
    let tensor = tensors.tensor(name)?;
    if tensor.dtype() != dtype {
        let found = tensor.dtype();
        return Err(Kind::Tensor(format!(
            "`{name}` has dtype {found}, the format says {dtype}"
        )));
    }
    let (words, _) = tensor.data().as_chunks::<8>();
    Ok(words.iter().map(|&word| read(word)).collect())
}

fn sha256(bytes: &[u8]) -> String {
    crate::hex(&Sha256::digest(bytes))
}
