//! Ztocs that SOCI's own library wrote, read and written; ours; and bytes that are none.

mod bad;
mod read;
mod write;

use std::io::{Read, Write};
use std::path::Path;

use super::*;
use crate::digest::{Algorithm, Digest};
use crate::layer_index::{BuildOptions, Built, IndexBuilder};

/// A file of the project's test data.
fn data(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/soci");
    std::fs::read(folder.join(name)).expect("the test data is in the repository")
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes);
    decoder.read_to_end(&mut out).expect("good gzip");
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A layer with the ztoc that SOCI made of it.
struct Sample {
    layer: Vec<u8>,
    ztoc: Vec<u8>,
    /// Its span size.
    span: u64,
    spans: usize,
}

fn samples() -> [Sample; 3] {
    let sample = |layer: &str, ztoc: Vec<u8>, span, spans| Sample {
        layer: data(layer),
        ztoc,
        span,
        spans,
    };
    [
        sample("text.tar.gz", data("text.4m.ztoc"), 4 << 20, 4),
        sample("text.tar.gz", data("text.1m.ztoc"), 1 << 20, 14),
        sample(
            "multi.tar.gz",
            gunzip(&data("multi.4m.ztoc.gz")),
            4 << 20,
            10,
        ),
    ]
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// The ztoc of a layer, streamed in chunks.
fn build(layer: &[u8], span: u64, tool: &str, chunk: usize) -> Result<Encoded, ZtocBuildError> {
    let mut builder = ZtocBuilder::with(Algorithm::Sha256, span, tool);
    for chunk in layer.chunks(chunk) {
        builder.push(chunk)?;
    }
    assert_eq!(builder.in_len(), layer.len() as u64);
    builder.finish(&sha256(layer))
}

/// What a pass over the whole layer says.
fn streamed(layer: &[u8]) -> Built {
    let mut builder = IndexBuilder::new(BuildOptions::default());
    builder.push(layer).expect("a compression that is read");
    builder.finish()
}

/// An archive with entries of every kind, a name that is not UTF-8 and attributes; some 300 KB.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let header = |kind, size: usize| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header.set_mode(0o4755);
        header.set_uid(1000);
        header.set_gid(2_000_000);
        header.set_mtime(1_700_000_000);
        header.set_username("user").expect("short");
        header
    };
    use tar::EntryType as Type;
    let add = |builder: &mut tar::Builder<Vec<u8>>, name: &[u8], kind, bytes: &[u8]| {
        let mut header = header(kind, bytes.len());
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        if matches!(kind, Type::Char | Type::Block) {
            header.set_device_major(8).expect("ustar has it");
            header.set_device_minor(513).expect("ustar has it");
        }
        if matches!(kind, Type::Link | Type::Symlink) {
            header.set_link_name("dir/file1").expect("short");
        }
        header.set_cksum();
        builder.append(&header, bytes).expect("memory");
    };
    add(&mut builder, b"dir/", Type::Directory, b"");
    let records: [(&str, &[u8]); 3] = [
        ("SCHILY.xattr.user.two", b"\x00\xff"),
        ("mtime", b"1700000000.25"),
        ("SCHILY.xattr.user.one", b"1"),
    ];
    builder.append_pax_extensions(records).expect("memory");
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 26) as u8
    };
    for (n, len) in (0u32..).zip([0, 1, 511, 512, 513, 100_000, 7, 200_000]) {
        let bytes: Vec<u8> = (0..len).map(|_| noise() + 64).collect();
        add(
            &mut builder,
            format!("dir/file{n}").as_bytes(),
            Type::Regular,
            &bytes,
        );
    }
    add(&mut builder, b"dir/\xff\xfe", Type::Regular, b"not UTF-8");
    add(&mut builder, b"hard", Type::Link, b"");
    add(&mut builder, b"soft", Type::Symlink, b"");
    add(&mut builder, b"char", Type::Char, b"");
    add(&mut builder, b"block", Type::Block, b"");
    add(&mut builder, b"fifo", Type::Fifo, b"");
    builder.into_inner().expect("memory")
}
