//! A build put aside in the middle of a blob, in a form that is stored, to go on from there later.
//!
//! A *head*, told whole each time, and *parts*, each of what is new since the one before:
//! ```text
//! head  "LSIP"  version  digest  compression  position  damage  beginning of the blob
//!       state of the tar parser  state of the gzip builder  number of parts, length and CRC-32 of each
//!       CRC-32 of all before it (little-endian)
//! part  packed TOC of the new entries  part of the gzip builder  states of SHA-256, 32 bytes each
//! ```
//! Numbers are varints; texts and parts have their length before them. The builder stands at the
//! position; the blob's bytes are taken up at the last line before it, where the state of the hash
//! is known. What is read is checked as if a stranger had written it: whatever it is, the digest
//! over the whole blob decides at the end.

use std::ops::Range;

use layerscope_inflate::{Crc32, GzipIndexBuilder, GzipSaved, GzipTold, IndexProblem, line_before};

use super::{Archive, BuildError, BuildOptions, IndexBuilder, Reading, Tapped};
use crate::digest::Digest;
use crate::layer_index::bare::GZIP_HEAD_BYTES;
use crate::layer_index::digests::states_up_to;
use crate::layer_index::store::{
    byte_from_compression, compression_from_byte, read_damage, write_damage,
};
use crate::layer_index::{Compression, Damage, TradeChoice};
use crate::tar::{BLOCK, TarParser};
use crate::toc::varint::{Reader, put, put_bytes};
use crate::toc::{PackError, Toc};

/// The version written and read here; another one is refused.
pub const PARTIAL_VERSION: u8 = 1;

const MAGIC: &[u8; 4] = b"LSIP";
const CHECKSUM: usize = 4;
/// Parts at most: one for each 16 MiB of a tebibyte.
const MAX_PARTS: u64 = 1 << 16;

/// Why a stored build is not gone on with. The blob is read from its start then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartialError {
    /// It does not begin as one.
    #[error("it does not begin as a build put aside")]
    Magic,
    /// It is of another version.
    #[error("it has version {found}, this is version {PARTIAL_VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// It is not what was stored, or its parts are not those of this head.
    #[error("it is damaged: a checksum is wrong")]
    Checksum,
    /// A field that cannot be.
    #[error("it contradicts itself: {0}")]
    Field(&'static str),
    /// The gzip builder cannot be.
    #[error("it contradicts itself: {0}")]
    Gzip(#[from] IndexProblem),
    /// The entries cannot be.
    #[error("it contradicts itself: {0}")]
    Toc(#[from] PackError),
}

/// What of a build has been told.
#[derive(Debug, Clone, Default)]
struct Told {
    entries: u32,
    gzip: GzipTold,
    states: usize,
}

/// A part that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    len: u64,
    checksum: u32,
}

impl Part {
    fn of(bytes: &[u8]) -> Self {
        Part {
            len: bytes.len() as u64,
            checksum: Crc32::of(bytes),
        }
    }
}

/// The build of one blob as it is stored.
#[derive(Debug, Clone)]
pub struct PartialIndex {
    digest: Digest,
    told: Told,
    parts: Vec<Part>,
    /// The checksum of the head that was made last, with which it ends.
    mark: Option<[u8; CHECKSUM]>,
}

/// A builder that was put aside; the states of the blob's hash are to be added.
#[derive(Debug)]
pub struct Aside {
    /// The states of [`crate::layer_index::BlobHasher::states_since`] that are needed: how many are known
    /// already, and how many there have to be.
    pub states: Range<usize>,
    part: Vec<u8>,
    head: Vec<u8>,
}

/// What is to be stored.
#[derive(Debug)]
pub struct StoredPartial {
    /// The mark of the head before: what it ends with. None if there was none.
    pub after: Option<[u8; CHECKSUM]>,
    /// In the place of the head before.
    pub head: Vec<u8>,
    /// The number of the new part, from 0.
    pub number: u32,
    /// The new part.
    pub part: Vec<u8>,
    /// Bytes of the head and all parts.
    pub total: u64,
}

/// A build that goes on.
pub struct Resumed {
    /// It goes on with the bytes from `line` on.
    pub builder: IndexBuilder,
    /// Compressed bytes, from the blob's start, that need not be fetched again.
    pub line: u64,
    /// The states of the hash up to there, for [`crate::layer_index::BlobHasher::resume`].
    pub states: Vec<u8>,
    /// To store further parts.
    pub partial: PartialIndex,
}

impl PartialIndex {
    /// Nothing is stored of the build of this blob.
    pub fn new(digest: Digest) -> Self {
        PartialIndex {
            digest,
            told: Told::default(),
            parts: Vec::new(),
            mark: None,
        }
    }

    /// The blob's digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether a stored head is the last one of this build.
    pub fn is_stored_as(&self, head: &[u8]) -> bool {
        self.mark.is_some_and(|mark| head.ends_with(&mark))
    }

    /// Puts a builder aside that has just stopped ([`IndexBuilder::push_to_stop`]); it may go on
    /// itself. None where nothing would be gained, or in the middle of an entry's headers.
    pub fn put_aside(&mut self, builder: &IndexBuilder) -> Option<Aside> {
        let told = &mut self.told;
        let archive = &builder.archive;
        let compression = builder.compression?;
        let tar = match &archive.damage {
            Some(_) if archive.is_broken() => return None,
            // Nothing more is looked for in it.
            Some(_) => Vec::new(),
            None => archive.parser.save()?,
        };
        let (mut in_offset, mut gzip_part, mut gzip_state) =
            (builder.in_len, Vec::new(), Vec::new());
        match &builder.access {
            Reading::Plain => {}
            Reading::Gzip(gzip) => {
                let mut told_now = told.gzip;
                let saved = gzip.save(&mut told_now)?;
                if saved.line() == 0 {
                    return None;
                }
                told.gzip = told_now;
                (in_offset, gzip_part, gzip_state) = (saved.in_offset, saved.part, saved.state);
            }
            Reading::Frames(_) | Reading::Not => return None,
        }
        let line = line_before(in_offset);
        if line == 0 {
            return None;
        }
        let mut part = Vec::new();
        put_bytes(&mut part, &archive.toc.since(told.entries).pack());
        put_bytes(&mut part, &gzip_part);
        let mut head = vec![byte_from_compression(compression)];
        put(&mut head, in_offset);
        write_damage(archive.damage.as_ref(), &mut head);
        put_bytes(&mut head, &builder.gzip_head);
        put_bytes(&mut head, &tar);
        put_bytes(&mut head, &gzip_state);
        let states = told.states..states_up_to(line);
        (told.entries, told.states) = (archive.toc.len(), states.end);
        Some(Aside { states, part, head })
    }

    /// Completes what is to be stored. `states` are those that it needs, 32 bytes each; further
    /// ones are left out. None if they are too few.
    pub fn complete(&mut self, aside: Aside, states: &[u8]) -> Option<StoredPartial> {
        let Aside {
            states: wanted,
            mut part,
            head,
        } = aside;
        part.extend_from_slice(states.get(..wanted.len() * 32)?);
        let number = self.parts.len() as u32; // under MAX_PARTS
        self.parts.push(Part::of(&part));
        if self.parts.len() as u64 > MAX_PARTS {
            return None;
        }
        let mut out = MAGIC.to_vec();
        out.push(PARTIAL_VERSION);
        put_bytes(&mut out, self.digest.to_string().as_bytes());
        out.extend_from_slice(&head);
        put(&mut out, self.parts.len() as u64);
        for part in &self.parts {
            put(&mut out, part.len);
            out.extend_from_slice(&part.checksum.to_le_bytes());
        }
        let checksum = Crc32::of(&out).to_le_bytes();
        out.extend_from_slice(&checksum);
        let parts: u64 = self.parts.iter().map(|part| part.len).sum();
        Some(StoredPartial {
            after: self.mark.replace(checksum),
            total: parts + out.len() as u64,
            head: out,
            number,
            part,
        })
    }
}

/// A stored head that holds together.
#[derive(Debug, Clone)]
pub struct PartialHead<'a> {
    digest: Digest,
    compression: Compression,
    in_offset: u64,
    damage: Option<Damage>,
    gzip_head: &'a [u8],
    tar: &'a [u8],
    gzip: &'a [u8],
    parts: Vec<Part>,
    mark: Option<[u8; CHECKSUM]>,
}

impl<'a> PartialHead<'a> {
    /// Reads a head.
    ///
    /// # Errors
    /// It is of another version, damaged, or contradicts itself.
    pub fn read(bytes: &'a [u8]) -> Result<Self, PartialError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(PartialError::Magic)?;
        match rest.first() {
            Some(&PARTIAL_VERSION) => {}
            Some(&found) => return Err(PartialError::Version { found }),
            None => return Err(PartialError::Magic),
        }
        let at = bytes.len().saturating_sub(CHECKSUM);
        let (body, checksum) = bytes.split_at(at);
        if Crc32::of(body).to_le_bytes() != checksum {
            return Err(PartialError::Checksum);
        }
        let body = body.get(MAGIC.len() + 1..).ok_or(PartialError::Magic)?;
        let mut head = Self::fields(&mut Reader::new(body))?;
        head.mark = checksum.try_into().ok();
        Ok(head)
    }

    fn fields(reader: &mut Reader<'a>) -> Result<Self, PartialError> {
        let bad = PartialError::Field;
        let digest = reader.bytes().and_then(|b| std::str::from_utf8(b).ok());
        let digest = digest.and_then(|text| text.parse().ok());
        let compression = reader.take(1).and_then(|b| compression_from_byte(b[0]));
        let head = PartialHead {
            digest: digest.ok_or(bad("digest"))?,
            compression: compression.ok_or(bad("compression"))?,
            in_offset: reader.number().ok_or(bad("position"))?,
            damage: read_damage(reader).ok_or(bad("damage"))?,
            gzip_head: reader.bytes().ok_or(bad("beginning"))?,
            tar: reader.bytes().ok_or(bad("archive"))?,
            gzip: reader.bytes().ok_or(bad("stream"))?,
            parts: read_parts(reader).ok_or(bad("parts"))?,
            mark: None,
        };
        let gzip = match head.compression {
            Compression::Gzip => true,
            Compression::None => false,
            _ => return Err(bad("compression")),
        };
        if gzip == head.gzip.is_empty() || head.gzip_head.len() > GZIP_HEAD_BYTES {
            return Err(bad("stream"));
        }
        if head.line() == 0 || head.in_offset >= 1 << 62 {
            return Err(bad("position"));
        }
        match reader.is_empty() {
            true => Ok(head),
            false => Err(bad("there is more")),
        }
    }

    /// The blob's digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many parts there are.
    pub fn parts(&self) -> u32 {
        self.parts.len() as u32 // under MAX_PARTS
    }

    /// Where the blob's bytes are taken up: a compressed position.
    pub fn line(&self) -> u64 {
        line_before(self.in_offset)
    }

    /// The trade by which its checkpoints are placed, if it is one of those offered.
    pub fn trade(&self) -> Option<TradeChoice> {
        TradeChoice::of(GzipSaved::trade_of(self.gzip)?)
    }

    /// Makes a build that goes on, of this and its parts.
    ///
    /// # Errors
    /// The parts are others, or do not hold together.
    pub fn resume(
        &self,
        options: BuildOptions,
        parts: &[Vec<u8>],
    ) -> Result<Resumed, PartialError> {
        let bad = PartialError::Field;
        if !parts
            .iter()
            .map(|part| Part::of(part))
            .eq(self.parts.iter().cloned())
        {
            return Err(PartialError::Checksum);
        }
        let (mut tocs, mut streams, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            let mut reader = Reader::new(part);
            tocs.push(reader.bytes().ok_or(bad("part"))?);
            streams.push(reader.bytes().ok_or(bad("part"))?);
            states.extend_from_slice(reader.take(reader.len()).unwrap_or_default());
        }
        let line = self.line();
        if states.len() != 32 * states_up_to(line) {
            return Err(bad("states"));
        }
        let mut builder = IndexBuilder::new(options);
        let (mut out_len, mut gzip_told) = (self.in_offset, GzipTold::default());
        if self.compression == Compression::Gzip {
            let options = builder.options.gzip.clone();
            let gzip = GzipIndexBuilder::resume(options, streams, self.gzip)?;
            if gzip.in_len() != self.in_offset {
                return Err(bad("position"));
            }
            (out_len, gzip_told) = (gzip.out_len(), gzip.told());
            builder.access = Reading::Gzip(Box::new(gzip));
        }
        builder.archive = self.archive(&builder.options, &tocs, out_len)?;
        builder.compression = Some(self.compression);
        builder.gzip_head = self.gzip_head.to_vec();
        builder.in_len = line;
        builder.skip = self.in_offset - line;
        let told = Told {
            entries: builder.archive.toc.len(),
            gzip: gzip_told,
            states: states.len() / 32,
        };
        Ok(Resumed {
            builder,
            line,
            states,
            partial: PartialIndex {
                digest: self.digest.clone(),
                told,
                parts: self.parts.clone(),
                mark: self.mark,
            },
        })
    }

    fn archive(
        &self,
        options: &BuildOptions,
        tocs: &[&[u8]],
        out_len: u64,
    ) -> Result<Archive, PartialError> {
        let bad = PartialError::Field;
        let mut toc = Toc::new();
        let mut end = 0;
        for packed in tocs {
            // The last entry's data may be on its way.
            let more = Toc::unpack(packed, out_len, true)?;
            let entries = (0..more.len()).filter_map(|n| more.get(n));
            for entry in entries {
                let start = entry.header_out_offset.filter(|at| *at >= end);
                end = start.ok_or(bad("entries"))? + BLOCK;
                if !toc.push(&entry) {
                    return Err(bad("entries"));
                }
            }
        }
        let parser = match &self.damage {
            Some(_) => TarParser::new(options.tar),
            None => {
                let parser = TarParser::resume(options.tar, self.tar);
                let fits = |p: &TarParser| p.out_offset() == out_len && p.entries() == toc.len();
                parser.filter(fits).ok_or(bad("archive"))?
            }
        };
        Ok(Archive {
            parser,
            told: toc.len(),
            toc,
            damage: self.damage.clone(),
        })
    }
}

fn read_parts(reader: &mut Reader<'_>) -> Option<Vec<Part>> {
    let count = reader.number().filter(|count| *count <= MAX_PARTS)?;
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(Part {
            len: reader.number()?,
            checksum: u32::from_le_bytes(reader.take(CHECKSUM)?.try_into().ok()?),
        });
    }
    Some(parts)
}

impl IndexBuilder {
    /// As [`IndexBuilder::push`], but only up to the next place at which it can be put aside
    /// ([`PartialIndex::put_aside`]); gives what is left of the input. None: all was taken before
    /// such a place, or there is none in a blob of this compression.
    ///
    /// # Errors
    /// As [`IndexBuilder::push`].
    pub fn push_to_stop<'i>(&mut self, input: &'i [u8]) -> Result<Option<&'i [u8]>, BuildError> {
        let begun = self.in_len >= GZIP_HEAD_BYTES as u64 && self.skip == 0;
        match &mut self.access {
            Reading::Plain if begun && self.compression.is_some() => {
                // An archive can be left between any two blocks, but for a few.
                let (now, left) = input.split_at(input.len().min(BLOCK as usize));
                self.push(now)?;
                Ok(Some(left))
            }
            Reading::Gzip(gzip) if begun && !self.archive.is_broken() => {
                let archive = &mut self.archive;
                let tap = &mut |_: &[u8]| {};
                let stopped = gzip.push_to_stop(input, &mut Tapped { archive, tap });
                let left = match stopped {
                    Ok(left) => left,
                    Err(error) => {
                        self.archive.damage = Some(Damage::from_gzip(&error, gzip.out_len()));
                        None
                    }
                };
                self.in_len += (input.len() - left.map_or(0, <[u8]>::len)) as u64;
                Ok(left)
            }
            _ => self.push(input).map(|()| None),
        }
    }
}
