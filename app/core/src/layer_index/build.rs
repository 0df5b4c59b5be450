//! Reads a blob once and keeps what is needed to get at any part of it again.

mod partial;

pub use partial::{
    Aside, PARTIAL_VERSION, PartialError, PartialHead, PartialIndex, Resumed, StoredPartial,
};

use std::collections::VecDeque;
use std::ops::Range;

use layerscope_inflate::{GzipIndexBuilder, GzipOptions, Sink};

use super::bare;
use super::checks::{Checks, Expected};
use super::compression::{Compression, MAGIC_BYTES};
use super::damage::{Damage, DamageKind};
use super::plan::{self, Access, ReadError, ReadPlan};
use super::reader::EntryReader;
use super::trade::TradeChoice;
use crate::decode::{DecodeLimits, Decoder, FrameIndex, FramePoint, MakeDecoder};
use crate::tar::{Limits, Notes, TarEvent, TarParser};
use crate::toc::Toc;

/// How an index is built.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Checkpoints, checks and limits of gzip.
    pub gzip: GzipOptions,
    /// Limits of other compressions.
    pub decode: DecodeLimits,
    /// What makes decoders of other compressions; they can be [given later](IndexBuilder::set_decoders).
    pub decoders: Option<MakeDecoder>,
    /// Limits of the archive.
    pub tar: Limits,
}

/// Why a blob is not indexed at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// It is compressed in a way for which no decoder was given.
    #[error("the layer is compressed with {compression}, for which there is no decoder here")]
    NoDecoder {
        /// Which one.
        compression: Compression,
    },
}

/// Builds an index while a blob streams in: chunks of any size give the same one.
pub struct IndexBuilder {
    options: BuildOptions,
    /// The first bytes, until there are enough to tell the compression.
    head: Vec<u8>,
    compression: Option<Compression>,
    /// Bytes were not read for want of a decoder.
    missed: bool,
    /// The beginning of a gzip blob, for the name in its header.
    gzip_head: Vec<u8>,
    archive: Archive,
    access: Reading,
    in_len: u64,
    /// Of the next bytes, how many have been read before it was put aside.
    skip: u64,
}

/// The blob's side of it.
enum Reading {
    Plain,
    Gzip(Box<GzipIndexBuilder>),
    Frames(Box<dyn Decoder>),
    /// A compression that cannot be read, for want of a decoder.
    Not,
}

/// The archive's side of it.
struct Archive {
    parser: TarParser,
    toc: Toc,
    /// Entries whose place the gzip side knows.
    told: u32,
    /// The first damage; nothing more is looked for in the archive after it.
    damage: Option<Damage>,
}

/// The archive, and whoever else wants its bytes.
struct Tapped<'a> {
    archive: &'a mut Archive,
    tap: &'a mut dyn FnMut(&[u8]),
}

impl Sink for Tapped<'_> {
    fn write(&mut self, bytes: &[u8]) {
        (self.tap)(bytes);
        self.archive.push(bytes);
    }

    fn take_starts(&mut self, starts: &mut VecDeque<u64>) {
        let Archive { toc, told, .. } = &mut *self.archive;
        let new = *told..toc.len();
        starts.extend(new.filter_map(|n| Some(toc.data_range(n)?.start)));
        *told = toc.len();
    }
}

impl Archive {
    /// The compressed stream is damaged: nothing more comes of it.
    fn is_broken(&self) -> bool {
        self.damage
            .as_ref()
            .is_some_and(|d| d.kind == DamageKind::Compressed)
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.damage.is_some() {
            return;
        }
        let toc = &mut self.toc;
        let mut full_at = None;
        let pushed = self.parser.push(bytes, &mut |event| {
            if let TarEvent::Entry(entry) = event
                && full_at.is_none()
                && !toc.push(&entry)
            {
                full_at = entry.header_out_offset;
            }
        });
        if let Some(at) = full_at {
            let detail = "the table of contents is larger than allowed".to_owned();
            self.damage = Some(Damage::new(DamageKind::Limit, at, detail));
        } else if let Err(error) = pushed {
            self.damage = Some(Damage::from_tar(&error));
        }
    }
}

/// All that came of a blob.
#[derive(Debug)]
pub struct Built {
    /// By its magic bytes.
    pub compression: Compression,
    /// Compressed bytes that came.
    pub in_len: u64,
    /// Uncompressed bytes that they gave.
    pub out_len: u64,
    /// The entries.
    pub toc: Toc,
    /// How to get at parts of it.
    pub access: Access,
    /// What is wrong with it; the entries before that are good.
    pub damage: Option<Damage>,
    /// What is unusual about the archive.
    pub notes: Notes,
    /// The name that a gzip header gives.
    pub name: Option<Vec<u8>>,
    /// The trade by which checkpoints were placed, if it is one of those offered.
    pub trade: Option<TradeChoice>,
    /// What made the decoder, and can make further ones.
    pub(super) decoders: Option<MakeDecoder>,
}

impl IndexBuilder {
    /// A builder at a blob's start.
    pub fn new(options: BuildOptions) -> Self {
        IndexBuilder {
            archive: Archive {
                parser: TarParser::new(options.tar),
                toc: Toc::new(),
                told: 0,
                damage: None,
            },
            options,
            head: Vec::new(),
            compression: None,
            missed: false,
            gzip_head: Vec::new(),
            access: Reading::Plain,
            in_len: 0,
            skip: 0,
        }
    }

    /// Takes the blob's next bytes. Damage is no error: it is found in [`IndexBuilder::damage`],
    /// and further bytes are only counted.
    ///
    /// # Errors
    /// There is no decoder for the blob's compression. These bytes are not lost if one is given by
    /// [`IndexBuilder::set_decoders`] before the next ones come; else those are only counted, with
    /// the same error.
    pub fn push(&mut self, input: &[u8]) -> Result<(), BuildError> {
        self.push_and(input, &mut |_| {})
    }

    /// The same; `tap` gets the plain bytes of the blob as they pass.
    ///
    /// # Errors
    /// As [`IndexBuilder::push`].
    pub fn push_and(&mut self, input: &[u8], tap: &mut dyn FnMut(&[u8])) -> Result<(), BuildError> {
        if self.compression.is_some() {
            return self.read(input, tap);
        }
        if self.head.is_empty() && input.len() >= MAGIC_BYTES {
            return self.detect(input, tap);
        }
        self.head.extend_from_slice(input);
        if self.head.len() < MAGIC_BYTES {
            return Ok(());
        }
        let head = std::mem::take(&mut self.head);
        self.detect(&head, tap)
    }

    /// Gives it what makes decoders, and reads what had to wait for one.
    ///
    /// # Errors
    /// It has none for this compression, or comes too late.
    pub fn set_decoders(
        &mut self,
        decoders: MakeDecoder,
        tap: &mut dyn FnMut(&[u8]),
    ) -> Result<(), BuildError> {
        self.options.decoders = Some(decoders);
        match self.access {
            Reading::Not if !self.missed => {
                let head = std::mem::take(&mut self.head);
                self.detect(&head, tap)
            }
            _ => Ok(()),
        }
    }

    /// The compression can be told from what came.
    fn detect(&mut self, head: &[u8], tap: &mut dyn FnMut(&[u8])) -> Result<(), BuildError> {
        let compression = Compression::detect(head);
        self.compression = Some(compression);
        let frames = || {
            let make = self.options.decoders?;
            let limits = self.options.decode.clone();
            make(compression, FramePoint::default(), limits)
        };
        self.access = match compression {
            Compression::None => Reading::Plain,
            Compression::Gzip => {
                let builder = GzipIndexBuilder::new(self.options.gzip.clone());
                Reading::Gzip(Box::new(builder))
            }
            _ => frames().map_or(Reading::Not, Reading::Frames),
        };
        if let Reading::Not = self.access {
            self.head = head.to_vec();
            return Err(BuildError::NoDecoder { compression });
        }
        self.read(head, tap)
    }

    fn read(&mut self, input: &[u8], tap: &mut dyn FnMut(&[u8])) -> Result<(), BuildError> {
        self.in_len += input.len() as u64;
        let skipped = self.skip.min(input.len() as u64);
        self.skip -= skipped;
        let input = &input[skipped as usize..]; // at most its length
        if let Reading::Gzip(_) = self.access {
            let room = bare::GZIP_HEAD_BYTES - self.gzip_head.len();
            self.gzip_head
                .extend_from_slice(&input[..input.len().min(room)]);
        }
        let archive = &mut self.archive;
        match &mut self.access {
            Reading::Plain => {
                tap(input);
                archive.push(input);
            }
            _ if archive.is_broken() => {}
            Reading::Gzip(builder) => {
                let pushed = builder.push_to(input, &mut Tapped { archive, tap });
                if let Err(error) = pushed {
                    let damage = Damage::from_gzip(&error, builder.out_len());
                    // A broken stream says more than what an archive in it lacks.
                    archive.damage = Some(damage);
                }
            }
            Reading::Frames(decoder) => {
                let pushed = decoder.push(input, &mut |bytes| {
                    tap(bytes);
                    archive.push(bytes);
                });
                if let Err(error) = pushed {
                    let damage = Damage::from_decode(&error, decoder.so_far().out_len);
                    archive.damage = Some(damage);
                }
            }
            Reading::Not => {
                self.missed = true;
                self.in_len += std::mem::take(&mut self.head).len() as u64;
                let compression = self.compression.unwrap_or(Compression::None);
                return Err(BuildError::NoDecoder { compression });
            }
        }
        Ok(())
    }

    /// The entries so far.
    pub fn toc(&self) -> &Toc {
        &self.archive.toc
    }

    /// What is wrong, as far as it is known.
    pub fn damage(&self) -> Option<&Damage> {
        self.archive.damage.as_ref()
    }

    /// The compression, once enough bytes have come to tell.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Compressed bytes taken so far.
    pub fn in_len(&self) -> u64 {
        self.in_len + self.head.len() as u64
    }

    /// Uncompressed bytes so far.
    pub fn out_len(&self) -> u64 {
        match &self.access {
            Reading::Plain => self.in_len,
            Reading::Gzip(builder) => builder.out_len(),
            Reading::Frames(decoder) => decoder.so_far().out_len,
            Reading::Not => 0,
        }
    }

    /// As [`super::LayerIndex::plan_read`], for an entry whose data has already passed. Nothing can
    /// be checked yet, so ranges are not rounded and bytes are [`crate::job::Verified::None`].
    ///
    /// # Errors
    /// There is no such entry, it is no file, or its bytes have not passed yet.
    pub fn plan_read(&self, ordinal: u32, range: Range<u64>) -> Result<ReadPlan, ReadError> {
        let source = plan::Source {
            access: self.access_so_far(),
            out_len: self.out_len(),
            checks: &Checks::Nothing,
        };
        plan::plan_entry(self.toc(), &source, ordinal, range)
    }

    /// Turns the bytes of a plan of this builder into the file's bytes.
    ///
    /// # Errors
    /// The plan is of another builder.
    pub fn reader(&self, plan: ReadPlan) -> Result<EntryReader, ReadError> {
        EntryReader::new(self.access_so_far(), plan, Expected::Nothing)
    }

    fn access_so_far(&self) -> plan::AccessRef<'_> {
        match &self.access {
            Reading::Plain | Reading::Not => plan::AccessRef::Plain,
            Reading::Gzip(builder) => plan::AccessRef::Gzip(builder.so_far()),
            Reading::Frames(decoder) => plan::AccessRef::Frames(plan::Frames {
                compression: self.compression.unwrap_or(Compression::None),
                index: decoder.so_far(),
                decoders: self.options.decoders,
            }),
        }
    }

    /// The blob has ended.
    pub fn finish(mut self) -> Built {
        if self.compression.is_none() {
            // Shorter than any magic; what is wrong with it is told as damage below.
            let head = std::mem::take(&mut self.head);
            let _told_as_damage = self.detect(&head, &mut |_| {});
        }
        let out_len = self.out_len();
        let in_len = self.in_len();
        let mut archive = self.archive;
        let access = match self.access {
            Reading::Plain => Access::Plain,
            Reading::Not => {
                let compression = self.compression.unwrap_or(Compression::None);
                let detail = BuildError::NoDecoder { compression }.to_string();
                archive.damage = Some(Damage::new(DamageKind::Unreadable, 0, detail));
                Access::Plain
            }
            Reading::Frames(mut decoder) => {
                if let Err(error) = decoder.finish()
                    && !archive.is_broken()
                {
                    archive.damage = Some(Damage::from_decode(&error, out_len));
                }
                let frames: &FrameIndex = decoder.so_far();
                Access::Frames(frames.clone())
            }
            Reading::Gzip(builder) => {
                let (in_taken, out_given) = (builder.in_len(), builder.out_len());
                let toc = &archive.toc;
                let files = (0..toc.len()).filter_map(|n| toc.data_range(n));
                let (mut index, problem) = builder.finish_for(files);
                // Where a push failed, its checkpoints are there but its totals are not.
                index.in_len = index.in_len.max(in_taken);
                index.out_len = index.out_len.max(out_given);
                if let Some(error) = problem
                    && !archive.is_broken()
                {
                    archive.damage = Some(Damage::from_gzip(&error, out_len));
                }
                Access::Gzip(index)
            }
        };
        let trade = match &access {
            Access::Gzip(_) => TradeChoice::of(self.options.gzip.trade),
            Access::Plain | Access::Chunks(_) | Access::Frames(_) => None,
        };
        let mut notes = Notes::default();
        if archive.damage.is_none() {
            match archive.parser.finish() {
                Ok(told) => notes = told,
                Err(error) => archive.damage = Some(Damage::from_tar(&error)),
            }
        }
        Built {
            compression: self.compression.unwrap_or(Compression::None),
            in_len,
            out_len,
            toc: archive.toc,
            access,
            damage: archive.damage,
            notes,
            name: bare::gzip_name(&self.gzip_head),
            trade,
            decoders: self.options.decoders,
        }
    }
}
