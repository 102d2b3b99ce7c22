//! Where and on what a check runs: everything that the environment decides.

use std::{collections::BTreeSet, env, fs};

use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    backend::Device,
    child::{self, Limits},
};

/// Where and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The workspace's root.
    pub root: Utf8PathBuf,
    /// The device asked for.
    pub device: Device,
    /// The file that evidence is appended to, if somebody collects it.
    pub evidence: Option<Utf8PathBuf>,
    /// The mutants that a check which passes is shown as well.
    pub saboteurs: Option<Saboteurs>,
    /// Whether this process was started for one check that is known to take it down.
    pub is_child: bool,
    /// What such a process may take.
    pub child: Limits,
}

/// Planted faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saboteurs {
    /// Every one that has a place.
    All,
    /// Those of these names, which are kept as files as well.
    Listed(BTreeSet<String>),
}

impl Saboteurs {
    /// Whether the mutant of this name is among them.
    pub fn ask_for(&self, mutant: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(names) => names.contains(mutant),
        }
    }

    /// What `TOUCHSTONE_SABOTEURS` says: `all`, or the path of a file with one mutant a line.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let lines = fs::read_to_string(text).map_err(|error| {
            format!(
                "{text} cannot be read: {error} (valid: `all`, or a file with one mutant a line)"
            )
        })?;
        let names = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(Self::Listed(names.map(str::to_owned).collect()))
    }
}

impl Site {
    /// This place and device, with nobody collecting evidence and no faults planted.
    pub fn at(root: Utf8PathBuf, device: Device) -> Self {
        Self {
            root,
            device,
            evidence: None,
            saboteurs: None,
            is_child: false,
            child: Limits::default(),
        }
    }

    /// What the environment says: `TOUCHSTONE_DEVICE`, `TOUCHSTONE_EVIDENCE`, `TOUCHSTONE_SABOTEURS`
    /// and `TOUCHSTONE_CHILD`.
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
        let saboteurs = env::var("TOUCHSTONE_SABOTEURS")
            .ok()
            .filter(|saboteurs| !saboteurs.is_empty());
        let saboteurs = saboteurs.map(|saboteurs| {
            Saboteurs::parse(&saboteurs).map_err(|error| format!("TOUCHSTONE_SABOTEURS: {error}"))
        });
        Ok(Self {
            evidence: evidence.map(Utf8PathBuf::from),
            saboteurs: saboteurs.transpose()?,
            is_child: env::var_os(child::VARIABLE).is_some(),
            ..Self::at(root(), device)
        })
    }
}

/// Cargo and the runner say where the package is, so that a checkout can be moved and copies of one can
/// share a target folder.
fn root() -> Utf8PathBuf {
    let package = env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let package = Utf8Path::new(&package);
    package.parent().unwrap_or(package).to_owned()
}
