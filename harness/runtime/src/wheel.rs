//! The pinned wheels, one a platform.

/// The version of ONNX Runtime.
pub const VERSION: &str = "1.31.1";

/// A wheel of onnxruntime and the library in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// pip's name of the platform.
    pub platform: &'static str,
    /// sha256 of the wheel.
    pub sha256: &'static str,
    /// The library's file name, below `onnxruntime/capi/`.
    pub library: &'static str,
}

/// Operating system and architecture, as Rust names them, with their wheel.
const WHEELS: [(&str, &str, Wheel); 4] = [
    (
        "linux",
        "x86_64",
        Wheel {
            platform: "manylinux_2_28_x86_64",
            sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
            library: "libonnxruntime.so.1.31.1",
        },
    ),
    (
        "linux",
        "aarch64",
        Wheel {
            platform: "manylinux_2_28_aarch64",
            sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
            library: "libonnxruntime.so.1.31.1",
        },
    ),
    (
        "macos",
        "aarch64",
        Wheel {
            platform: "macosx_14_0_arm64",
            sha256: "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
            library: "libonnxruntime.1.31.1.dylib",
        },
    ),
    (
        "windows",
        "x86_64",
        Wheel {
            platform: "win_amd64",
            sha256: "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
            library: "onnxruntime.dll",
        },
    ),
];

/// The wheel for a machine, or the machines that have one.
pub(crate) fn pinned(os: &str, arch: &str) -> Result<Wheel, String> {
    let found = WHEELS
        .iter()
        .find(|(known_os, known_arch, _)| (*known_os, *known_arch) == (os, arch));
    found.map(|(_, _, wheel)| wheel.clone()).ok_or_else(|| {
        let known: Vec<String> = WHEELS
            .iter()
            .map(|(os, arch, _)| format!("{os} {arch}"))
            .collect();
        known.join(", ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_wheel_is_told_which_have_one() {
        let known = pinned("linux", "riscv64").expect_err("no such wheel");
        assert_eq!(
            known,
            "linux x86_64, linux aarch64, macos aarch64, windows x86_64"
        );
    }

    #[test]
    fn libraries_and_hashes_have_their_form() {
        for (_, _, wheel) in WHEELS {
            assert!(
                wheel.library == "onnxruntime.dll" || wheel.library.contains(VERSION),
                "{wheel:?}"
            );
            assert!(wheel.sha256.len() == 64, "{wheel:?}");
        }
    }
}
