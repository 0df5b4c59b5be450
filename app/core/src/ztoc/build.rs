//! Makes a ztoc while a blob streams in once.

use layerscope_inflate::{BlockPlace, BlockWalker, GzipLimits, WINDOW_BYTES, Walked};

use super::checkpoints::{Record, Writer};
use super::encode::{self, Encoded, Parts};
use super::error::ZtocBuildError;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::layer_index::{Compression, MAGIC_BYTES};
use crate::tar::{BLOCK, Limits, TarEvent, TarParser};
use crate::toc::{EntryKind, Toc};

/// SOCI's default: a checkpoint when more than this many uncompressed bytes have passed.
pub const DEFAULT_SPAN_BYTES: u64 = 4 << 20;

/// The identifier that SOCI asks every builder for.
const TOOL: &str = concat!("Layerscope v", env!("CARGO_PKG_VERSION"));

/// Output kept before it is cut back to a window.
const HISTORY_BYTES: usize = 256 << 10;

/// Chunks of a blob in, a ztoc out. Every way of cutting the blob gives the same one.
pub struct ZtocBuilder {
    span_size: u64,
    tool: String,
    whole: Hasher,
    /// The first bytes, until there are enough to tell the compression.
    head: Vec<u8>,
    blob: Option<Blob>,
    archive: Archive,
    in_len: u64,
    failed: Option<ZtocBuildError>,
}

/// The blob's side of it.
enum Blob {
    Gzip(Box<Gzip>),
    Plain(Box<Spans>),
}

struct Gzip {
    walker: BlockWalker,
    checkpoints: Writer,
    last_out: u64,
    spans: Spans,
    /// The last output over all members, at least a window of it once there is so much.
    history: Vec<u8>,
}

/// The digests of the spans so far.
struct Spans {
    done: Vec<Digest>,
    /// The one that is going on; none before the first checkpoint.
    current: Option<Hasher>,
    /// Bytes in it, for spans of a fixed size.
    len: u64,
}

/// The archive's side of it.
struct Archive {
    parser: TarParser,
    toc: Toc,
    /// Where the last entry's data ends, padded.
    end: u64,
    trailer: bool,
    failed: Option<ZtocBuildError>,
}

impl ZtocBuilder {
    /// A builder at a blob's start, with SOCI's span size.
    pub fn new(expected: &Digest) -> Self {
        Self::with(expected.algorithm(), DEFAULT_SPAN_BYTES, TOOL)
    }

    /// The same with another span size and name; `algorithm` is that of the blob's digest.
    pub fn with(algorithm: Algorithm, span_size: u64, tool: &str) -> Self {
        ZtocBuilder {
            span_size: span_size.max(1),
            tool: tool.to_owned(),
            whole: Hasher::new(algorithm),
            head: Vec::new(),
            blob: None,
            archive: Archive {
                parser: TarParser::keeping_records(Limits::default()),
                toc: Toc::new(),
                end: 0,
                trailer: false,
                failed: None,
            },
            in_len: 0,
            failed: None,
        }
    }

    /// Compressed bytes taken so far.
    pub fn in_len(&self) -> u64 {
        self.in_len
    }

    /// Takes the blob's next bytes.
    ///
    /// # Errors
    /// SOCI has no ztoc for this layer, or it is damaged; the same for all later bytes.
    pub fn push(&mut self, input: &[u8]) -> Result<(), ZtocBuildError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let done = self.take(input);
        self.failed = done.as_ref().err().cloned();
        done
    }

    fn take(&mut self, input: &[u8]) -> Result<(), ZtocBuildError> {
        self.in_len += input.len() as u64;
        self.whole.update(input);
        if self.blob.is_some() {
            return self.read(input);
        }
        self.head.extend_from_slice(input);
        if self.head.len() < MAGIC_BYTES {
            return Ok(());
        }
        self.begin()
    }

    /// The compression can be told from what came.
    fn begin(&mut self) -> Result<(), ZtocBuildError> {
        let head = std::mem::take(&mut self.head);
        let spans = Spans {
            done: Vec::new(),
            current: None,
            len: 0,
        };
        self.blob = Some(match Compression::detect(&head) {
            Compression::Gzip => Blob::Gzip(Box::new(Gzip {
                walker: BlockWalker::new(GzipLimits::default()),
                checkpoints: Writer::new(self.span_size),
                last_out: 0,
                spans,
                history: Vec::new(),
            })),
            Compression::None => Blob::Plain(Box::new(spans)),
            other => return Err(ZtocBuildError::Compression(other)),
        });
        self.read(&head)
    }

    fn read(&mut self, input: &[u8]) -> Result<(), ZtocBuildError> {
        match &mut self.blob {
            Some(Blob::Gzip(gzip)) => gzip.push(input, self.span_size, &mut self.archive)?,
            Some(Blob::Plain(spans)) => {
                spans.push_fixed(input, self.span_size);
                self.archive.push(input);
            }
            None => {}
        }
        self.archive.check()
    }

    /// The blob has ended; it must be the one with this digest.
    ///
    /// # Errors
    /// As [`ZtocBuilder::push`], or it is another blob.
    pub fn finish(mut self, expected: &Digest) -> Result<Encoded, ZtocBuildError> {
        if self.blob.is_none() && self.failed.is_none() {
            self.begin()?;
        }
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let actual = self.whole.finish();
        if actual != *expected {
            return Err(ZtocBuildError::DigestMismatch {
                expected: expected.clone(),
                actual,
            });
        }
        if self.in_len == 0 {
            return Err(ZtocBuildError::Entry("no bytes"));
        }
        let (gzip, out_len, checkpoints, digests) = match self.blob {
            Some(Blob::Gzip(gzip)) => {
                gzip.walker.finish()?;
                let out_len = gzip.walker.out_len();
                let digests = gzip.spans.finish();
                (true, out_len, gzip.checkpoints.finish(), digests)
            }
            Some(Blob::Plain(spans)) => {
                let zinfo = encode::tar_zinfo(self.span_size, self.in_len);
                (false, self.in_len, zinfo, spans.finish())
            }
            None => return Err(ZtocBuildError::Entry("no bytes")),
        };
        let archive_len = self.archive.finish(out_len)?;
        encode::encode(&Parts {
            tool: &self.tool,
            gzip,
            blob_len: self.in_len,
            archive_len,
            toc: &self.archive.toc,
            digests: &digests,
            checkpoints: &checkpoints,
        })
    }
}

impl Gzip {
    fn push(
        &mut self,
        input: &[u8],
        span_size: u64,
        archive: &mut Archive,
    ) -> Result<(), ZtocBuildError> {
        let start = self.walker.in_len();
        let mut hashed = 0;
        let Gzip {
            walker,
            checkpoints,
            last_out,
            spans,
            history,
        } = self;
        let walked = walker.push(input, &mut |walked| match walked {
            Walked::Output(output) => {
                archive.push(output);
                keep(history, output);
            }
            Walked::Block(place) => {
                if place.out_offset == 0 || place.out_offset - *last_out > span_size {
                    *last_out = place.out_offset;
                    checkpoints.add(&Record {
                        in_offset: place.in_offset,
                        out_offset: place.out_offset,
                        bits: place.bits,
                        window: history,
                    });
                    // A place is behind bytes of this push, or at its very start.
                    let end = place.in_offset.saturating_sub(start) as usize;
                    let end = end.clamp(hashed, input.len());
                    spans.end_at(&input[hashed..end], &place);
                    hashed = end;
                }
            }
        });
        spans.update(&input[hashed..]);
        Ok(walked?)
    }
}

/// Adds to the kept output, which stays below a bound.
fn keep(history: &mut Vec<u8>, output: &[u8]) {
    if history.len() + output.len() > HISTORY_BYTES {
        let old = history.len().saturating_sub(WINDOW_BYTES);
        history.drain(..old);
    }
    history.extend_from_slice(output);
}

impl Spans {
    fn update(&mut self, bytes: &[u8]) {
        if let Some(current) = &mut self.current {
            current.update(bytes);
        }
    }

    /// These are the last bytes of the span, and the next one starts at a place.
    fn end_at(&mut self, bytes: &[u8], place: &BlockPlace) {
        self.update(bytes);
        let mut next = Hasher::new(Algorithm::Sha256);
        if place.bits != 0 {
            next.update(&[place.byte]);
        }
        if let Some(done) = self.current.replace(next) {
            self.done.push(done.finish());
        }
    }

    fn push_fixed(&mut self, mut input: &[u8], span_size: u64) {
        while !input.is_empty() {
            let room = usize::try_from(span_size - self.len).unwrap_or(usize::MAX);
            let (now, later) = input.split_at(room.min(input.len()));
            let current = self
                .current
                .get_or_insert_with(|| Hasher::new(Algorithm::Sha256));
            current.update(now);
            self.len += now.len() as u64;
            if self.len == span_size {
                self.done.extend(self.current.take().map(Hasher::finish));
                self.len = 0;
            }
            input = later;
        }
    }

    fn finish(mut self) -> Vec<Digest> {
        self.done.extend(self.current.take().map(Hasher::finish));
        self.done
    }
}

impl Archive {
    fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let Archive {
            parser,
            toc,
            end,
            trailer,
            failed,
        } = self;
        let pushed = parser.push(bytes, &mut |event| match event {
            TarEvent::Entry(entry) => {
                let why = match entry.kind {
                    EntryKind::Other(_) => Some("an entry of a kind without a name"),
                    _ if entry.sparse.is_some() => Some("a sparse file"),
                    _ if entry.stored_len != entry.size => Some("an entry of no file with data"),
                    _ => None,
                };
                if let Some(why) = why {
                    failed.get_or_insert(ZtocBuildError::Entry(why));
                }
                let data = entry.data_out_offset.unwrap_or_default(); // a parser knows it
                *end = (data + entry.stored_len).next_multiple_of(BLOCK);
                if !toc.push(&entry) {
                    failed.get_or_insert(ZtocBuildError::TooMuch);
                }
            }
            TarEvent::EndOfArchive => *trailer = true,
            TarEvent::Data(_) => {}
        });
        if parser.has_global_records() {
            failed.get_or_insert(ZtocBuildError::Entry("a global PAX header"));
        }
        if let Err(error) = pushed {
            failed.get_or_insert(error.into());
        }
    }

    fn check(&self) -> Result<(), ZtocBuildError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Where a tar reader stops that has seen all of `out_len` bytes, or the archive's end.
    fn finish(&mut self, out_len: u64) -> Result<u64, ZtocBuildError> {
        self.check()?;
        self.parser.finish()?;
        Ok(match self.trailer {
            true => self.end + 2 * BLOCK,
            false => out_len,
        })
    }
}
