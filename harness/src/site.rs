//! Where and on what a check runs: everything that the environment decides.

use std::env;

use camino::{Utf8Path, Utf8PathBuf};

use crate::backend::Device;

/// Where and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The workspace's root.
    pub root: Utf8PathBuf,
    /// The device asked for.
    pub device: Device,
    /// The file that evidence is appended to, if somebody collects it.
    pub evidence: Option<Utf8PathBuf>,
}

impl Site {
    /// What the environment says: `TOUCHSTONE_DEVICE` and `TOUCHSTONE_EVIDENCE`.
    pub fn from_env() -> Result<Self, String> {
        let device = env::var("TOUCHSTONE_DEVICE")
            .ok()
            .filter(|device| !device.is_empty());
        let device = device.map_or(Ok(Device::Cpu), |device| {
            device
                .parse()
                .map_err(|error| format!("TOUCHSTONE_DEVICE: {error}"))
        })?;
        let evidence = env::var("TOUCHSTONE_EVIDENCE")
            .ok()
            .filter(|path| !path.is_empty());
        Ok(Self {
            root: root().to_owned(),
            device,
            evidence: evidence.map(Utf8PathBuf::from),
        })
    }
}

fn root() -> &'static Utf8Path {
    let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
