//! A compressed copy beside each file that gains by one: `.br` and `.gz`.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use walkdir::WalkDir;

/// Endings of files that are not compressed already.
const ENDINGS: [&str; 8] = [
    "html",
    "css",
    "js",
    "wasm",
    "svg",
    "json",
    "webmanifest",
    "txt",
];
/// The slowest and smallest: this is done once a build, the files are sent many times.
const BROTLI_QUALITY: u32 = 11;
/// Logarithm of brotli's window in bytes; 22 is what every browser must accept.
const BROTLI_WINDOW: u32 = 22;
/// Buffer of the encoder, in bytes.
const BUFFER: usize = 64 * 1024;

/// Compresses every file under `folder` that is worth it.
pub fn folder(folder: &Path) -> Result<()> {
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        let ending = entry
            .path()
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if entry.file_type().is_file() && ENDINGS.contains(&ending) {
            file(entry.path())
                .with_context(|| format!("compressing {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn file(path: &Path) -> Result<()> {
    let plain = fs::read(path)?;
    keep_if_smaller(path, "br", &plain, &brotli(&plain)?)?;
    keep_if_smaller(path, "gz", &plain, &gzip(&plain)?)
}

fn keep_if_smaller(path: &Path, ending: &str, plain: &[u8], packed: &[u8]) -> Result<()> {
    if packed.len() < plain.len() {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        fs::write(name, packed)?;
    }
    Ok(())
}

fn brotli(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder =
        brotli::CompressorWriter::new(Vec::new(), BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
    encoder.write_all(plain)?;
    encoder.flush()?;
    Ok(encoder.into_inner())
}

fn gzip(plain: &[u8]) -> Result<Vec<u8>> {
    // No name and no time in the header: the same input gives the same file.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_was_packed_unpacks() {
        let plain = b"layers upon layers upon layers ".repeat(100);
        let mut back = Vec::new();
        brotli::Decompressor::new(brotli(&plain).unwrap().as_slice(), BUFFER)
            .read_to_end(&mut back)
            .unwrap();
        assert_eq!(back, plain);
        back.clear();
        flate2::read::GzDecoder::new(gzip(&plain).unwrap().as_slice())
            .read_to_end(&mut back)
            .unwrap();
        assert_eq!(back, plain);
    }
}
