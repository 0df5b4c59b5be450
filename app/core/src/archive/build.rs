//! From a file's bytes to an archive that is held.

use std::collections::HashMap;
use std::rc::Rc;

use layerscope_inflate::{GzipIndexBuilder, GzipLimits, GzipOptions, Trade};

use super::{Archive, ArchiveError, ArchiveKind, ar, cpio, zip};
use crate::decode::{DecodeLimits, Decoder, FramePoint, MakeDecoder};
use crate::layer_index::{Compression, Damage, DamageKind, MAGIC_BYTES, bare};
use crate::tar::{Limits, TarEvent, TarParser};
use crate::toc::Toc;

/// Takes a file's bytes in chunks of any size, unpacks them if they are compressed, and makes an
/// archive of them.
pub struct ArchiveBuilder {
    limit: u64,
    decoders: MakeDecoder,
    /// The first bytes, until there are enough to tell the compression.
    head: Vec<u8>,
    /// The beginning of a gzip file, for the name in its header.
    gzip_head: Vec<u8>,
    unpacking: Option<(Compression, Unpacking)>,
    plain: Vec<u8>,
}

enum Unpacking {
    Plain,
    Gzip(Box<GzipIndexBuilder>),
    Frames(Box<dyn Decoder>),
}

impl ArchiveBuilder {
    /// For a file of which at most `limit` bytes, unpacked, are held.
    pub fn new(limit: u64, decoders: MakeDecoder) -> Self {
        ArchiveBuilder {
            limit,
            decoders,
            head: Vec::new(),
            gzip_head: Vec::new(),
            unpacking: None,
            plain: Vec::new(),
        }
    }

    /// Unpacked bytes so far.
    pub fn out_len(&self) -> u64 {
        self.plain.len() as u64
    }

    /// Takes the file's next bytes.
    ///
    /// # Errors
    /// It cannot be unpacked, or holds more than is allowed.
    pub fn push(&mut self, input: &[u8]) -> Result<(), ArchiveError> {
        let room = bare::GZIP_HEAD_BYTES.saturating_sub(self.gzip_head.len());
        self.gzip_head
            .extend_from_slice(&input[..input.len().min(room)]);
        if self.unpacking.is_some() {
            return self.unpack(input);
        }
        self.head.extend_from_slice(input);
        if self.head.len() < MAGIC_BYTES {
            return Ok(());
        }
        self.detect()
    }

    fn detect(&mut self) -> Result<(), ArchiveError> {
        let head = std::mem::take(&mut self.head);
        let compression = Compression::detect(&head);
        let unpacking = unpacking(compression, self.limit, self.decoders)?;
        self.unpacking = Some((compression, unpacking));
        self.unpack(&head)
    }

    fn unpack(&mut self, input: &[u8]) -> Result<(), ArchiveError> {
        let (plain, limit) = (&mut self.plain, self.limit);
        let mut full = false;
        let mut take = |bytes: &[u8]| full |= !append(plain, bytes, limit);
        let unpacked = match &mut self.unpacking {
            None | Some((_, Unpacking::Plain)) => {
                take(input);
                Ok(())
            }
            Some((_, Unpacking::Gzip(gzip))) => gzip.push(input, &mut take).map_err(Into::into),
            Some((_, Unpacking::Frames(decoder))) => {
                decoder.push(input, &mut take).map_err(Into::into)
            }
        };
        match full {
            true => Err(ArchiveError::TooLarge { limit }),
            false => unpacked,
        }
    }

    /// The file has ended; `name` is what it is called.
    ///
    /// # Errors
    /// It is cut short, or no archive that is known here.
    pub fn finish(mut self, name: &[u8]) -> Result<Archive, ArchiveError> {
        if self.unpacking.is_none() {
            self.detect()?;
        }
        let compression = match self.unpacking.take() {
            None | Some((_, Unpacking::Plain)) => Compression::None,
            Some((compression, Unpacking::Gzip(gzip))) => {
                let (_, problem) = gzip.finish();
                problem.map_or(Ok(compression), Err)?
            }
            Some((compression, Unpacking::Frames(mut decoder))) => {
                decoder.finish()?;
                compression
            }
        };
        let mut archive = Archive {
            kind: ArchiveKind::File,
            compression,
            plain: Rc::default(),
            toc: Toc::new(),
            packed: HashMap::new(),
            damage: None,
        };
        let plain = &mut self.plain;
        if zip::is_zip(plain) {
            archive.kind = ArchiveKind::Zip;
            (archive.toc, archive.packed) = zip::read(plain)?;
        } else if plain.starts_with(ar::MAGIC) {
            archive.kind = ArchiveKind::Ar;
            let toc = &mut archive.toc;
            let read = ar::members(plain, &mut |entry| toc.push(&entry));
            archive.damage = read.err().map(|(at, what)| damage(at, what));
        } else if cpio::is_cpio(plain) {
            archive.kind = ArchiveKind::Cpio;
            archive.damage = read_cpio(plain, self.limit, self.decoders, &mut archive.toc)?;
        } else if is_tar(plain) {
            archive.kind = ArchiveKind::Tar;
            archive.damage = read_tar(plain, &mut archive.toc);
        } else if compression != Compression::None {
            let stored = match compression {
                Compression::Gzip => bare::gzip_name(&self.gzip_head),
                _ => None,
            };
            let name = bare::file_name(stored.as_deref(), Some(name), compression);
            archive.toc = bare::listed(name, plain.len() as u64);
        } else {
            return Err(ArchiveError::NotAnArchive);
        }
        archive.plain = Rc::new(self.plain);
        Ok(archive)
    }
}

/// Appends what fits; false if it does not. Memory grows by a half, since half of 4 GiB is little.
fn append(plain: &mut Vec<u8>, bytes: &[u8], limit: u64) -> bool {
    let len = plain.len() + bytes.len();
    if len as u64 > limit {
        return false;
    }
    if plain.capacity() < len {
        let grown = (plain.capacity() + plain.capacity() / 2).max(len);
        if plain.try_reserve_exact(grown - plain.len()).is_err() {
            return false;
        }
    }
    plain.extend_from_slice(bytes);
    true
}

fn unpacking(
    compression: Compression,
    limit: u64,
    decoders: MakeDecoder,
) -> Result<Unpacking, ArchiveError> {
    Ok(match compression {
        Compression::None => Unpacking::Plain,
        Compression::Gzip => {
            let options = GzipOptions {
                trade: Trade::NONE, // it is held: nothing has to be found again
                check_crc: true,
                limits: GzipLimits {
                    max_out: limit,
                    ..GzipLimits::default()
                },
            };
            Unpacking::Gzip(Box::new(GzipIndexBuilder::new(options)))
        }
        other => {
            let limits = DecodeLimits {
                max_out: limit,
                ..DecodeLimits::default()
            };
            let made = decoders(other, FramePoint::default(), limits);
            Unpacking::Frames(made.ok_or(ArchiveError::NoDecoder(other))?)
        }
    })
}

fn damage(at: usize, what: &str) -> Damage {
    Damage::new(DamageKind::Tar, at as u64, format!("{what} at byte {at}"))
}

/// The first block is a header, or the archive is empty.
fn is_tar(plain: &[u8]) -> bool {
    let mut parser = TarParser::new(Limits::default());
    let Some(first) = plain.get(..512) else {
        return false;
    };
    if first.iter().all(|b| *b == 0) {
        // An archive of nothing: its end, filled up to tar's record.
        return plain.len() <= 20 * 512 && plain.iter().all(|b| *b == 0);
    }
    parser.push(first, &mut |_| {}).is_ok()
}

fn read_tar(plain: &[u8], toc: &mut Toc) -> Option<Damage> {
    let mut parser = TarParser::new(Limits::default());
    let mut full = None;
    let pushed = parser.push(plain, &mut |event| {
        if let TarEvent::Entry(entry) = event
            && full.is_none()
            && !toc.push(&entry)
        {
            full = Some(damage(0, "the table of contents is larger than allowed"));
        }
    });
    let ended = pushed.and_then(|()| parser.finish().map(|_| ()));
    full.or_else(|| ended.err().map(|error| Damage::from_tar(&error)))
}

/// Archives one after the other; what follows the first may be compressed, as in an initramfs that
/// begins with the processor's microcode.
fn read_cpio(
    plain: &mut Vec<u8>,
    limit: u64,
    decoders: MakeDecoder,
    toc: &mut Toc,
) -> Result<Option<Damage>, ArchiveError> {
    let mut at = 0;
    loop {
        let read = cpio::read(plain, at);
        for entry in read.entries {
            if !toc.push(&entry) {
                return Ok(Some(damage(
                    at,
                    "the table of contents is larger than allowed",
                )));
            }
        }
        if let Some((at, what)) = read.problem {
            return Ok(Some(damage(at, what)));
        }
        let Some(rest) = read.rest else {
            return Ok(None);
        };
        let compression = Compression::detect(&plain[rest..]);
        if compression == Compression::None {
            return Ok(Some(damage(rest, "something else follows the archive")));
        }
        let packed = plain.split_off(rest);
        let mut full = false;
        let mut take = |bytes: &[u8]| full |= !append(plain, bytes, limit);
        let unpacked: Result<(), ArchiveError> = match unpacking(compression, limit, decoders)? {
            Unpacking::Plain => Ok(()),
            Unpacking::Gzip(mut gzip) => gzip.push(&packed, &mut take).map_err(Into::into),
            Unpacking::Frames(mut decoder) => {
                let pushed = decoder.push(&packed, &mut take).map_err(Into::into);
                // Padding behind it is no part of it.
                if plain.len() > rest { Ok(()) } else { pushed }
            }
        };
        if full {
            return Err(ArchiveError::TooLarge { limit });
        }
        unpacked?;
        if !cpio::is_cpio(&plain[rest..]) {
            return Ok(Some(damage(rest, "something else follows the archive")));
        }
        at = rest;
    }
}
