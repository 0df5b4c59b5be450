//! The layer that is measured, and a registry that has it alone.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use tempfile::TempDir;

use crate::{
    corpus::{
        push::{Error, Image, NewLayer, Pusher, digest, media},
        registry::{Auth, Registry, docker_registry},
    },
    net,
};

/// Its repository.
pub const REPOSITORY: &str = "bench/layer";

/// A regular file that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// From the archive's root, without a leading `./`.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// A registry with the layer as the only one of its image; everything is gone on drop.
pub struct Bench {
    /// The registry, behind its recorder.
    pub registry: Registry,
    /// The image.
    pub image: Image,
    _state: TempDir,
}

impl Bench {
    /// Starts it over a store of its own.
    ///
    /// # Errors
    /// docker-registry cannot be had, or does not take the image.
    pub fn start(blob: Vec<u8>) -> Result<Self, Error> {
        Self::of(NewLayer {
            // Nobody compares it here, and inflating the layer for it takes seconds.
            diff_id: digest(b"not computed"),
            blob,
            media_type: media::GZIP,
            created_by: "cargo xtask bench".to_owned(),
        })
    }

    /// The same with a layer that is described.
    ///
    /// # Errors
    /// As [`Bench::start`].
    pub fn of(layer: NewLayer) -> Result<Self, Error> {
        let binary = docker_registry()?;
        let state = tempfile::Builder::new()
            .prefix("layerscope-bench-")
            .tempdir()?;
        let store = state.path().join("store");
        let registry = Registry::start(&binary, &store, state.path(), "bench", Auth::Anonymous)?;
        let pusher = Pusher::new(registry.direct_host());
        let image = net::wait(pusher.image(REPOSITORY, "latest", "amd64", vec![layer]))?;
        Ok(Self {
            registry,
            image,
            _state: state,
        })
    }
}

/// Every regular file of a gzip layer that is not empty, in archive order; only names that are
/// UTF-8 and stand there once.
///
/// # Errors
/// The layer is damaged.
pub fn samples(layer: &Path) -> io::Result<Vec<Sample>> {
    let gzip = MultiGzDecoder::new(BufReader::with_capacity(1 << 20, File::open(layer)?));
    let mut samples = Vec::new();
    for entry in tar::Archive::new(gzip).entries()? {
        let entry = entry?;
        let header = entry.header();
        if !header.entry_type().is_file() || entry.size() == 0 {
            continue;
        }
        if let Ok(path) = String::from_utf8(entry.path_bytes().into_owned()) {
            samples.push(Sample {
                path: path.trim_start_matches("./").to_owned(),
                size: entry.size(),
            });
        }
    }
    let mut seen = std::collections::HashMap::new();
    for sample in &samples {
        *seen.entry(sample.path.clone()).or_insert(0) += 1;
    }
    samples.retain(|sample| seen.get(&sample.path) == Some(&1));
    Ok(samples)
}
