//! The checkpoint is written once, whole, and found again, however many ask for it at once.

mod common;

use std::{fs, thread};

use common::{ENCODER, Fixture, TOY};
use harness::reference::{Reference, fill};
use safetensors::SafeTensors;

#[test]
fn the_checkpoint_holds_fills_and_stored_tensors() {
    let fixture = Fixture::new(&ENCODER);
    let reference = Reference::load(&fixture.site.root, &TOY).expect("intact");
    let weights = reference.weights().expect("writable");
    let bytes = fs::read(weights.path()).expect("written");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let embed = tensors.tensor("embed.weight").expect("listed");
    let due: Vec<u8> = fill("embed.weight", 52, 0.5, 0.0)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!((embed.shape(), embed.data()), (&[13, 4][..], &due[..]));
    let table: Vec<u8> = [1i64, 2, 3]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(tensors.tensor("table").expect("listed").data(), table);
}

/// What a crash or a full disk may have left behind is not trusted.
#[test]
fn a_damaged_checkpoint_is_written_anew() {
    let fixture = Fixture::new(&ENCODER);
    let digest = {
        let text = fs::read_to_string(fixture.manifest()).expect("written");
        let at = text.rfind("\"digest\": \"").expect("its last line") + 11;
        text[at..at + 16].to_owned()
    };
    let folder = fixture.site.root.join("target/touchstone/weights");
    let path = folder.join(format!("toy-{digest}.safetensors"));
    fs::create_dir_all(&folder).expect("writable");
    fs::write(&path, "half a file").expect("writable");
    let reference = Reference::load(&fixture.site.root, &TOY).expect("intact");
    assert_eq!(reference.weights().expect("writable").path(), path);
    SafeTensors::deserialize(&fs::read(&path).expect("written")).expect("whole again");
}

/// A reader that opens the file at any moment finds all of it.
#[test]
fn writers_at_once_leave_one_whole_file() {
    let fixture = Fixture::new(&ENCODER);
    let root = &fixture.site.root;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let reference = Reference::load(root, &TOY).expect("intact");
                let weights = reference.weights().expect("writable");
                SafeTensors::deserialize(&fs::read(weights.path()).expect("written"))
                    .expect("whole");
            });
        }
    });
    let folder = root.join("target/touchstone/weights");
    assert_eq!(folder.read_dir_utf8().expect("made").count(), 1);
}

#[test]
fn a_dtype_that_cannot_be_filled_is_named() {
    let fixture = Fixture::with(&ENCODER, |manifest| {
        manifest["weights"][0][2] = "i64".into()
    });
    let reference = Reference::load(&fixture.site.root, &TOY).expect("sealed");
    let failure = reference.weights().expect_err("integers have no fill");
    assert_eq!(
        failure.detail(),
        "weight `embed.weight` cannot be filled as i64"
    );
}
