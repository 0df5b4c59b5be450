//! The layers of `tests/data/chunked`, which their publishers' own libraries wrote, against `tar`.

use std::collections::BTreeMap;
use std::io::Read as _;

mod claims;
mod tables;

use proptest::prelude::*;

use super::*;
use crate::decode::{self, DecodeLimits, FramePoint};
use crate::digest::Algorithm;
use crate::job::Verified;
use crate::layer_index::{Compression, LayerIndex, Progress, ReadError};
use crate::toc::EntryKind;

pub(crate) const ALL: [&str; 5] = [
    "estargz.tar.gz",
    "estargz-prefetch.tar.gz",
    "estargz-legacy.tar.gz",
    "zstd-stargz.tar.zst",
    "zstd-storage.tar.zst",
];

/// A layer with what its manifest says of it.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) blob: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) annotations: Vec<(String, String)>,
}

pub(crate) fn layer(name: &str) -> Layer {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/chunked/");
    let blob = std::fs::read(format!("{dir}{name}")).unwrap();
    let all = std::fs::read(format!("{dir}annotations.json")).unwrap();
    let all: serde_json::Value = serde_json::from_slice(&all).unwrap();
    let annotations = all[name]["annotations"].as_object().unwrap();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    assert_eq!(all[name]["size"], blob.len());
    Layer {
        digest: Digest::of(Algorithm::Sha256, &blob),
        annotations: annotations
            .iter()
            .map(|(k, v)| (k.clone(), text(v)))
            .collect(),
        blob,
    }
}

impl Layer {
    fn len(&self) -> u64 {
        self.blob.len() as u64
    }

    fn claim(&self) -> Claim {
        let claim = Claim::from_annotations(&self.annotations, self.len());
        claim.unwrap().unwrap()
    }

    fn footer(&self) -> Footer {
        let tail = &self.blob[self.blob.len() - 1000..];
        assert!(looks_indexed(tail));
        Footer::read(tail, self.len()).unwrap().unwrap()
    }

    /// Through the footer alone, or with what the annotations say.
    pub(crate) fn index(&self, anchored: bool) -> Result<LayerIndex, ForeignError> {
        let (toc, checksum) = match self.claim() {
            Claim::EStargz { toc } => (Some(toc), None),
            Claim::ZstdChunked { position, checksum } => {
                assert_eq!(self.footer(), Footer::ZstdChunked(position));
                (None, checksum)
            }
        };
        let part = |r: std::ops::Range<u64>| &self.blob[r.start as usize..r.end as usize];
        match self.footer() {
            Footer::EStargz { toc: place } => {
                let toc = toc.as_ref().filter(|_| anchored);
                let member = part(place.clone());
                from_estargz(member, place.start, toc, &self.digest, self.len())
            }
            Footer::ZstdChunked(position) => {
                let checksum = checksum.as_ref().filter(|_| anchored);
                let frame = part(position.in_range());
                from_zstd_chunked(frame, &position, checksum, &self.digest, self.len())
            }
        }
    }

    /// Where its table of contents is.
    pub(crate) fn toc_place(&self) -> std::ops::Range<u64> {
        match self.footer() {
            Footer::EStargz { toc } => toc,
            Footer::ZstdChunked(position) => position.in_range(),
        }
    }

    /// The files that `tar` finds, by normalised names.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = facts_of_tar(&self.tar()).into_iter();
        let files = entries.filter(|(facts, _)| facts["kind"] == "Regular");
        files
            .map(|(facts, bytes)| (facts["path"].clone(), bytes))
            .collect()
    }

    /// An eStargz layer with bytes between its files and its table that belong to neither.
    pub(crate) fn padded(&self, bytes: usize) -> Layer {
        let toc = self.toc_place();
        let (start, end) = (toc.start as usize, toc.end as usize);
        let mut blob = self.blob[..start].to_vec();
        blob.resize(start + bytes, 0);
        let at = blob.len();
        blob.extend_from_slice(&self.blob[start..end]);
        self.ended(blob, at)
    }

    /// With a footer.
    fn ended(&self, mut blob: Vec<u8>, toc_at: usize) -> Layer {
        let extra = format!("SG\x16\x00{toc_at:016x}STARGZ");
        blob.extend(claims::gzip_footer(extra.as_bytes()));
        Layer {
            digest: Digest::of(Algorithm::Sha256, &blob),
            annotations: self.annotations.clone(),
            blob,
        }
    }

    /// All of it, decompressed by somebody else, or at least in another way.
    fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        if self.blob.starts_with(&[0x1f, 0x8b]) {
            let mut gzip = flate2::read::MultiGzDecoder::new(&self.blob[..]);
            gzip.read_to_end(&mut tar).unwrap();
        } else {
            let (point, limits) = (FramePoint::default(), DecodeLimits::default());
            let mut zstd = decode::decoder(Compression::Zstd, point, limits).unwrap();
            zstd.push(&self.blob, &mut |bytes| tar.extend_from_slice(bytes))
                .unwrap();
        }
        tar
    }
}

/// An eStargz layer with another table of contents, for which its manifest vouches.
pub(crate) fn repacked(layer: &Layer, change: impl FnOnce(&mut serde_json::Value)) -> Layer {
    use std::io::Write as _;
    let toc = layer.toc_place();
    let member = &layer.blob[toc.start as usize..toc.end as usize];
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(member)
        .read_to_end(&mut tar)
        .unwrap();
    let (_, json) = facts_of_tar(&tar).pop().unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    change(&mut json);
    let json = json.to_string();
    let mut archive = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_ustar();
    header.set_size(json.len() as u64);
    header.set_cksum();
    archive
        .append_data(&mut header, "stargz.index.json", json.as_bytes())
        .unwrap();
    let best = flate2::Compression::best();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), best);
    gzip.write_all(&archive.into_inner().unwrap()).unwrap();
    let mut blob = layer.blob[..toc.start as usize].to_vec();
    blob.extend(gzip.finish().unwrap());
    let mut changed = layer.ended(blob, toc.start as usize);
    for (key, value) in &mut changed.annotations {
        if key.ends_with("toc.digest") {
            *value = Digest::of(Algorithm::Sha256, json.as_bytes()).to_string();
        }
    }
    changed
}

/// Reads a range of a file from a blob, its bytes given in pieces.
fn read(
    index: &LayerIndex,
    blob: &[u8],
    ordinal: u32,
    range: std::ops::Range<u64>,
    piece: usize,
) -> Result<(Vec<u8>, Verified), ReadError> {
    let plan = index.plan_read(ordinal, range)?;
    let given = plan.range.clone();
    let input = &blob[plan.in_range.start as usize..plan.in_range.end as usize];
    let mut reader = index.reader(plan)?;
    let mut out = Vec::new();
    for piece in input.chunks(piece) {
        if reader.push(piece, &mut |bytes| out.extend_from_slice(bytes))? == Progress::Done {
            break;
        }
    }
    let verified = reader.finish(&mut |bytes| out.extend_from_slice(bytes))?;
    assert_eq!(out.len() as u64, given.end - given.start);
    Ok((out, verified))
}

/// What an entry is, in words that both sides can say.
type Facts = BTreeMap<&'static str, String>;

fn facts_of_tar(tar: &[u8]) -> Vec<(Facts, Vec<u8>)> {
    let mut archive = ::tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let mut xattrs = Vec::new();
            let mut fraction = String::new();
            for pax in entry.pax_extensions().unwrap().into_iter().flatten() {
                let pax = pax.unwrap();
                let key = pax.key().unwrap();
                if key.starts_with("SCHILY.xattr.") {
                    xattrs.push((key.as_bytes().to_vec(), pax.value_bytes().to_vec()));
                }
                if key == "mtime" {
                    fraction = pax.value().unwrap().to_owned();
                }
            }
            let header = entry.header();
            let kind = header.entry_type();
            // Others may have blanks there.
            let device = match kind.is_character_special() || kind.is_block_special() {
                true => header
                    .device_major()
                    .unwrap()
                    .zip(header.device_minor().unwrap()),
                false => None,
            };
            let mtime = match fraction.as_str() {
                "" => format!("{}.0", header.mtime().unwrap() as i64),
                "-1" | "-1.0" => "-1.0".to_owned(),
                other => format!("{}.500000000", other.split('.').next().unwrap()),
            };
            let facts = Facts::from([
                ("path", path(&entry.path_bytes())),
                ("kind", format!("{kind:?}")),
                ("size", bytes.len().to_string()),
                ("mode", (header.mode().unwrap() & 0o7777).to_string()),
                ("uid", header.uid().unwrap().to_string()),
                ("gid", header.gid().unwrap().to_string()),
                ("mtime", mtime),
                ("link", path(&entry.link_name_bytes().unwrap_or_default())),
                ("device", format!("{device:?}")),
                ("xattrs", format!("{xattrs:?}")),
            ]);
            (facts, bytes)
        })
        .collect()
}

fn path(raw: &[u8]) -> String {
    String::from_utf8_lossy(&crate::tree::normalised(raw)).into_owned()
}

fn facts_of_index(index: &LayerIndex, ordinal: u32) -> Facts {
    let entry = index.toc().get(ordinal).unwrap();
    assert_eq!(
        (entry.header_out_offset, entry.data_out_offset),
        (None, None)
    );
    let kind = match entry.kind {
        EntryKind::File => "Regular",
        EntryKind::Dir => "Directory",
        EntryKind::Symlink => "Symlink",
        EntryKind::Hardlink => "Link",
        EntryKind::Char => "Char",
        EntryKind::Block => "Block",
        EntryKind::Fifo => "Fifo",
        EntryKind::Other(_) => "?",
    };
    Facts::from([
        ("path", path(&entry.path)),
        ("kind", kind.to_owned()),
        ("size", entry.size.to_string()),
        ("mode", entry.mode.to_string()),
        ("uid", entry.uid.to_string()),
        ("gid", entry.gid.to_string()),
        ("mtime", format!("{}.{}", entry.mtime_s, entry.mtime_ns)),
        ("link", path(&entry.linkname)),
        ("device", format!("{:?}", entry.device)),
        ("xattrs", format!("{:?}", entry.pax)),
    ])
}

#[test]
fn every_entry_and_every_byte_is_what_tar_extracts() {
    for name in ALL {
        let layer = layer(name);
        let mut expected = facts_of_tar(&layer.tar());
        // The table is in the archive too, and does not list itself.
        expected.retain(|(facts, _)| facts["path"] != "stargz.index.json");
        let index = layer.index(true).unwrap();
        assert_eq!(index.toc().len() as usize, expected.len(), "{name}");
        for (ordinal, (facts, bytes)) in (0..).zip(&expected) {
            // stargz-snapshotter rounds times to seconds.
            let mut facts = facts.clone();
            let mut found = facts_of_index(&index, ordinal);
            if name != "zstd-storage.tar.zst" {
                for facts in [&mut facts, &mut found] {
                    let rounded = match facts["mtime"].split_once('.').unwrap() {
                        (seconds, "500000000") => seconds.parse::<i64>().unwrap() + 1,
                        (seconds, _) => seconds.parse().unwrap(),
                    };
                    facts.insert("mtime", rounded.to_string());
                }
            }
            assert_eq!(found, facts, "{name}");
            if facts["kind"] != "Regular" {
                continue;
            }
            for piece in [1000, usize::MAX] {
                let (read, verified) =
                    read(&index, &layer.blob, ordinal, 0..u64::MAX, piece).unwrap();
                assert!(read == *bytes, "{name}: {facts:?}");
                assert_eq!(verified, Verified::Toc, "{name}: {facts:?}");
            }
        }
        // Through a hard link too.
        let find = |wanted: &str| {
            (0..index.toc().len()).find(|i| path(&index.toc().path(*i).unwrap()) == wanted)
        };
        let of = |ordinal| read(&index, &layer.blob, ordinal, 0..u64::MAX, 99).unwrap();
        let (tool, again) = (find("usr/bin/tool"), find("usr/bin/tool-again"));
        assert_eq!(of(tool.unwrap()), of(again.unwrap()));
        // Names of owners are told once for each number.
        let small = find("usr/share/small-20").unwrap();
        let owner = index.toc().get(small).unwrap().uname;
        let known: &[u8] = if name == "zstd-storage.tar.zst" {
            b""
        } else {
            b"root"
        };
        assert_eq!(owner, known, "{name}");
    }
}

#[test]
fn without_a_digest_in_the_manifest_nothing_is_verified() {
    for name in ALL {
        let layer = layer(name);
        let index = layer.index(false).unwrap();
        assert_eq!(index.checks().verified(), Verified::None);
        assert!(index.to_bytes().is_none(), "it is not stored");
        for ordinal in 0..index.toc().len() {
            if index.toc().kind(ordinal) == Some(EntryKind::File) {
                let read = read(&index, &layer.blob, ordinal, 0..u64::MAX, 5000).unwrap();
                assert_eq!(read.1, Verified::None);
            }
        }
        assert_eq!(
            layer.index(true).unwrap().checks().verified(),
            Verified::Toc
        );
    }
}

#[test]
fn a_changed_byte_is_never_given_out_as_verified() {
    for name in ALL {
        let layer = layer(name);
        let index = layer.index(true).unwrap();
        let text = (0..index.toc().len())
            .find(|i| index.toc().size(*i) > 200_000)
            .unwrap();
        let plan = index.plan_read(text, 0..u64::MAX).unwrap();
        let (good, _) = read(&index, &layer.blob, text, 0..u64::MAX, 9000).unwrap();
        let len = plan.in_range.end - plan.in_range.start;
        let mut refused = 0;
        for i in 0..40 {
            let at = plan.in_range.start + len * i / 40;
            let mut blob = layer.blob.clone();
            blob[at as usize] ^= 0x55;
            match read(&index, &blob, text, 0..u64::MAX, 9000) {
                Err(ReadError::Chunk { .. } | ReadError::FileMismatch) => refused += 1,
                Err(other) => panic!("{name} at {at}: {other}"),
                // What is no part of any piece: a gzip header's time, a tar header, padding.
                Ok((bytes, _)) => assert!(bytes == good, "{name} at {at}"),
            }
        }
        assert!(refused > 30, "{name}: {refused} of 40");
    }
}

#[test]
fn a_table_that_is_not_what_the_manifest_says_is_refused() {
    for name in ALL {
        let mut layer = layer(name);
        let place = match layer.footer() {
            Footer::EStargz { toc } => toc,
            Footer::ZstdChunked(position) => position.in_range(),
        };
        for at in [
            place.start + 20,
            (place.start + place.end) / 2,
            place.end - 60,
        ] {
            let before = layer.blob[at as usize];
            layer.blob[at as usize] ^= 1;
            assert!(layer.index(true).is_err(), "{name} at {at}");
            layer.blob[at as usize] = before;
        }
        // A digest of something else.
        let other = Digest::of(Algorithm::Sha256, b"something else").to_string();
        for (key, value) in &mut layer.annotations {
            if key.ends_with("digest") || key.ends_with("checksum") {
                value.clone_from(&other);
            }
        }
        let refused = layer.index(true).unwrap_err();
        assert!(
            matches!(refused, ForeignError::TocDigest { .. }),
            "{refused}"
        );
        assert!(layer.index(false).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_part_of_every_file_in_any_pieces(
        name in prop::sample::select(&ALL[..]),
        ordinal in 0u32..80,
        from in 0.0..1.0f64,
        len in 0u64..100_000,
        piece in 1usize..30_000,
    ) {
        let layer = layer(name);
        let index = layer.index(true).unwrap();
        let size = index.toc().size(ordinal);
        prop_assume!(index.toc().kind(ordinal) == Some(EntryKind::File) && size > 0);
        let (whole, _) = read(&index, &layer.blob, ordinal, 0..u64::MAX, usize::MAX).unwrap();
        let start = (size as f64 * from) as u64;
        let end = size.min(start + len);
        let (part, verified) = read(&index, &layer.blob, ordinal, start..end, piece).unwrap();
        prop_assert!(part == whole[start as usize..end as usize]);
        prop_assert_eq!(verified, Verified::Toc);
    }
}
