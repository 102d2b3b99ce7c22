//! Where the library is looked for, and in which order.

use std::env;

use camino::{Utf8Path, Utf8PathBuf};

use crate::{Error, VERSION, Wheel, fetch, wheel};

/// Where to look.
#[derive(Clone, Debug)]
pub struct Search {
    /// The workspace's root; the library lives below its `target/onnxruntime/`.
    pub root: Utf8PathBuf,
    /// A library that somebody names, which is then taken or refused, never replaced.
    pub named: Option<Utf8PathBuf>,
    /// Interpreters to try, in order.
    pub interpreters: Vec<String>,
    /// Variables that pip shall see besides the environment's own.
    pub environment: Vec<(String, String)>,
    /// The wheel to fetch.
    pub wheel: Result<Wheel, String>,
}

/// The library's path, fetched first if it is not there.
pub fn ensure(root: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    Search::from_env(root).ensure()
}

impl Search {
    /// What the environment says: `ORT_DYLIB_PATH`, `PYTHON`, and the machine this runs on.
    pub fn from_env(root: &Utf8Path) -> Self {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let usual = ["python3".to_owned(), "python".to_owned()];
        Self {
            root: root.to_owned(),
            named: set("ORT_DYLIB_PATH").map(Utf8PathBuf::from),
            interpreters: set("PYTHON").into_iter().chain(usual).collect(),
            environment: Vec::new(),
            wheel: wheel::pinned(env::consts::OS, env::consts::ARCH),
        }
    }

    /// The library's path, fetched first if it is not there.
    pub fn ensure(&self) -> Result<Utf8PathBuf, Error> {
        match self.find()? {
            Some(path) => Ok(path),
            None => fetch::fetch(self, self.wheel()?),
        }
    }

    /// The library's path, if it is there.
    pub fn find(&self) -> Result<Option<Utf8PathBuf>, Error> {
        if let Some(named) = &self.named {
            let is_file = named.is_file();
            return if is_file {
                Ok(Some(named.clone()))
            } else {
                Err(Error::NoSuchLibrary(named.clone()))
            };
        }
        let path = self.folder().join(self.wheel()?.library);
        Ok(path.is_file().then_some(path))
    }

    /// The folder that this version is unpacked to.
    pub fn folder(&self) -> Utf8PathBuf {
        self.root.join("target/onnxruntime").join(VERSION)
    }

    fn wheel(&self) -> Result<&Wheel, Error> {
        self.wheel.as_ref().map_err(|known| Error::NoWheel {
            machine: format!("{} {}", env::consts::OS, env::consts::ARCH),
            known: known.clone(),
        })
    }
}
