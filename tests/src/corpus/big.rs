//! Layers to measure on, as files in the cache.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter},
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};

use super::{debian, edge, gz};
use crate::cache;

/// Changes when the file would, so that an old one is not taken for it.
const VERSION: u32 = 1;
/// Over 160 MB compressed, over 500 MB uncompressed, with what minbase brings.
const PACKAGES: &str = "ca-certificates,tzdata,build-essential,python3,git,perl,file,cmake,vim";

/// A small Debian root file system; where that cannot be made, a hand-made tree.
///
/// # Errors
/// The cache cannot be written to.
pub fn small_layer() -> io::Result<PathBuf> {
    if let Ok(debian) = debian::Debian::get() {
        return Ok(debian.base_file());
    }
    let path = cache::corpus_dir("small")?.join("tree.tar.gz");
    fs::write(&path, gz::member(&edge::tree(1, 2_000), 6))?;
    Ok(path)
}

/// What some packages add to it.
///
/// # Errors
/// This is no Debian, or not root's.
pub fn packages_layer() -> io::Result<PathBuf> {
    Ok(debian::Debian::get()?
        .base_file()
        .with_file_name("packages.tar.gz"))
}

/// The file of a Debian root file system in one layer; made by mmdebstrap the first time, in some five minutes.
///
/// # Errors
/// This is no Debian, or not root's.
pub fn layer() -> io::Result<PathBuf> {
    let dir = cache::corpus_dir(&format!("big-{VERSION}"))?;
    let _lock = cache::Lock::exclusive(&dir)?;
    let layer = dir.join("big.tar.gz");
    if layer.is_file() {
        return Ok(layer);
    }
    let program = debian::mmdebstrap()?;
    eprintln!(
        "making a Debian layer in {} (some minutes, once)",
        dir.display()
    );
    let (tar, partial) = (dir.join("big.tar"), dir.join("big.partial"));
    debian::bootstrap(
        &program,
        &["--variant=minbase", &format!("--include={PACKAGES}")],
        &tar,
    )?;
    let out = BufWriter::new(File::create(&partial)?);
    // As `docker push` compresses.
    let mut gzip = GzEncoder::new(out, Compression::new(6));
    io::copy(&mut BufReader::new(File::open(&tar)?), &mut gzip)?;
    gzip.finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    fs::remove_file(tar)?;
    fs::rename(partial, &layer)?;
    Ok(layer)
}
