//! The parser: a state machine over blocks.

mod saved;

use super::BLOCK;
use super::error::{Limit, TarError, TarProblem};
use super::header::{self, Header};
use super::limits::Limits;
use super::pax::{self, Record};
use super::sparse::{self, MapReader};
use crate::toc::Entry;

/// What the parser tells.
#[derive(Debug, PartialEq, Eq)]
pub enum TarEvent<'a> {
    /// The next entry. Boxed, since it is large beside the rest.
    Entry(Box<Entry>),
    /// Some of the data that the last entry has in the archive, in order.
    Data(&'a [u8]),
    /// Two zero blocks: the archive's end. What follows is not read, as Go's reader has it.
    EndOfArchive,
}

/// What is unusual about an archive without being wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// The archive ended with its two zero blocks.
    pub trailer: bool,
    /// Where something other than zeros follows the trailer, such as a second archive:
    /// uncompressed bytes from the archive's start, rounded down to a block.
    pub after_trailer_out_offset: Option<u64>,
}

/// A tar parser without I/O. Feed it chunks of any size, then [`finish`](TarParser::finish).
pub struct TarParser {
    pub(super) limits: Limits,
    pub(super) state: State,
    /// The block being gathered.
    block: Box<[u8; 512]>,
    filled: usize,
    /// Bytes taken so far.
    pub(super) out_offset: u64,
    /// The data of an extended header being gathered.
    meta: Vec<u8>,
    /// What extended headers say of the next entry.
    pub(super) next: Next,
    pub(super) global: Vec<Record>,
    pub(super) entries: u32,
    pub(super) names: u64,
    pub(super) sparse_runs: u32,
    /// Entries keep all their PAX records.
    pub(super) keep_records: bool,
    notes: Notes,
    failed: Option<TarError>,
}

/// Gathered from extended headers, for the entry after them.
#[derive(Default)]
pub(super) struct Next {
    start: Option<u64>,
    pub(super) local: Option<Vec<Record>>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
}

pub(super) enum State {
    Header,
    Meta {
        kind: Meta,
        left: u64,
        padding: u64,
    },
    /// Blocks of runs between an old GNU sparse header and its data.
    SparseBlocks(Box<Entry>),
    /// The map before the data, PAX sparse 1.0; `left` bytes of data, the map included.
    SparseMap {
        entry: Box<Entry>,
        map: MapReader,
        left: u64,
    },
    Body {
        left: u64,
        padding: u64,
    },
    /// One zero block was there.
    Trailer,
    End,
}

#[derive(Clone, Copy)]
pub(super) enum Meta {
    Local,
    Global,
    LongName,
    LongLink,
}

impl TarParser {
    /// A parser at the start of an archive.
    pub fn new(limits: Limits) -> Self {
        TarParser {
            limits,
            state: State::Header,
            block: Box::new([0; 512]),
            filled: 0,
            out_offset: 0,
            meta: Vec::new(),
            next: Next::default(),
            global: Vec::new(),
            entries: 0,
            names: 0,
            sparse_runs: 0,
            keep_records: false,
            notes: Notes::default(),
            failed: None,
        }
    }

    /// The same, but each entry has all its PAX records, by their keys, and not only those that no
    /// other field tells.
    pub fn keeping_records(limits: Limits) -> Self {
        TarParser {
            keep_records: true,
            ..Self::new(limits)
        }
    }

    /// A global extended header with records that hold for entries after it has passed.
    pub fn has_global_records(&self) -> bool {
        !self.global.is_empty()
    }

    /// Takes the next bytes of the archive and tells what is in them.
    ///
    /// # Errors
    /// The first problem found; what was told before it holds. The same problem is returned for
    /// all bytes after it.
    pub fn push(
        &mut self,
        mut input: &[u8],
        sink: &mut dyn FnMut(TarEvent<'_>),
    ) -> Result<(), TarError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        while !input.is_empty() {
            match &mut self.state {
                State::Body { left, padding } => {
                    let data = take(&mut input, left);
                    self.out_offset += data.len() as u64;
                    if !data.is_empty() {
                        sink(TarEvent::Data(data));
                    }
                    if *left == 0 {
                        self.out_offset += take(&mut input, padding).len() as u64;
                        if *padding == 0 {
                            self.state = State::Header;
                        }
                    }
                }
                State::Meta {
                    kind,
                    left,
                    padding,
                } => {
                    let data = take(&mut input, left);
                    self.out_offset += data.len() as u64;
                    self.meta.extend_from_slice(data);
                    if *left == 0 {
                        self.out_offset += take(&mut input, padding).len() as u64;
                        if *padding == 0 {
                            let kind = *kind;
                            self.state = State::Header;
                            let start = self.out_offset;
                            self.meta_done(kind).map_err(|p| self.fail(p, start))?;
                        }
                    }
                }
                State::End => {
                    if self.notes.after_trailer_out_offset.is_none()
                        && let Some(at) = input.iter().position(|b| *b != 0)
                    {
                        let at = self.out_offset + at as u64;
                        self.notes.after_trailer_out_offset = Some(at / BLOCK * BLOCK);
                    }
                    self.out_offset += input.len() as u64;
                    input = &[];
                }
                State::Header
                | State::Trailer
                | State::SparseBlocks(_)
                | State::SparseMap { .. } => {
                    let n = input.len().min(512 - self.filled);
                    let (now, rest) = input.split_at(n);
                    self.block[self.filled..self.filled + n].copy_from_slice(now);
                    self.filled += n;
                    self.out_offset += n as u64;
                    input = rest;
                    if self.filled == 512 {
                        self.filled = 0;
                        let start = self.out_offset - BLOCK;
                        self.block_done(sink).map_err(|p| self.fail(p, start))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Passes over what is left of the present entry's data, for whoever can go on behind it.
    /// Returns where the next header begins: uncompressed bytes from the archive's start.
    pub fn skip_data(&mut self) -> u64 {
        if let State::Body { left, padding } = &self.state {
            // A size that no archive has leads to where nothing is.
            self.out_offset = self
                .out_offset
                .saturating_add(*left)
                .saturating_add(*padding);
            self.state = State::Header;
        }
        self.out_offset
    }

    /// Says that the archive has ended. A missing trailer, or missing padding at the very end, is
    /// accepted; see [`Notes`].
    ///
    /// # Errors
    /// The archive stops inside a header or inside data, or had failed before.
    pub fn finish(&mut self) -> Result<Notes, TarError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let inside = match &self.state {
            State::Header if self.filled > 0 && self.out_offset < BLOCK => {
                return Err(self.fail(TarProblem::NotTar, 0));
            }
            State::Header if self.filled > 0 => Some("a header"),
            State::Header if self.next.start.is_some() => Some("an entry's headers"),
            State::Meta { .. } => Some("an extended header"),
            State::SparseBlocks(_) | State::SparseMap { .. } => Some("a sparse map"),
            State::Body { left, .. } if *left > 0 => Some("a file's data"),
            State::Header | State::Body { .. } | State::Trailer | State::End => None,
        };
        match inside {
            Some(inside) => Err(self.fail(TarProblem::Truncated { inside }, self.out_offset)),
            None => Ok(self.notes),
        }
    }

    /// Uncompressed bytes taken so far.
    pub fn out_offset(&self) -> u64 {
        self.out_offset
    }

    fn fail(&mut self, problem: TarProblem, out_offset: u64) -> TarError {
        let error = TarError {
            problem,
            out_offset,
        };
        self.failed = Some(error.clone());
        error
    }

    fn block_done(&mut self, sink: &mut dyn FnMut(TarEvent<'_>)) -> Result<(), TarProblem> {
        match std::mem::replace(&mut self.state, State::Header) {
            State::Header => self.header_done(sink),
            State::Trailer => {
                if self.block.iter().any(|b| *b != 0) {
                    return Err(TarProblem::LoneZeroBlock);
                }
                self.notes.trailer = true;
                self.state = State::End;
                sink(TarEvent::EndOfArchive);
                Ok(())
            }
            State::SparseBlocks(mut entry) => {
                let (more, extended) = header::gnu_sparse_extension(&self.block)?;
                let runs = entry.sparse.get_or_insert_default();
                for run in more {
                    sparse::push_run(runs, run.start, run.len, &self.limits)?;
                }
                if extended {
                    self.state = State::SparseBlocks(entry);
                    return Ok(());
                }
                entry.data_out_offset = Some(self.out_offset);
                self.entry_done(entry, sink)
            }
            State::SparseMap {
                mut entry,
                mut map,
                mut left,
            } => {
                // Checked before: the map's first block is there.
                left -= BLOCK.min(left);
                if map.push(&self.block[..], &self.limits)? {
                    entry.sparse = Some(map.runs);
                    entry.stored_len = left;
                    entry.data_out_offset = Some(self.out_offset);
                    return self.entry_done(entry, sink);
                }
                if left < BLOCK {
                    return Err(TarProblem::Sparse {
                        detail: "the map is longer than the data",
                    });
                }
                self.state = State::SparseMap { entry, map, left };
                Ok(())
            }
            // These do not gather blocks.
            other @ (State::Meta { .. } | State::Body { .. } | State::End) => {
                self.state = other;
                Ok(())
            }
        }
    }

    fn header_done(&mut self, sink: &mut dyn FnMut(TarEvent<'_>)) -> Result<(), TarProblem> {
        if self.block.iter().all(|b| *b == 0) {
            if self.next.start.is_some() {
                return Err(TarProblem::Truncated {
                    inside: "an entry's headers",
                });
            }
            self.state = State::Trailer;
            return Ok(());
        }
        let block = self.block.clone();
        let Some(header) = Header::new(&block) else {
            let first = self.out_offset == BLOCK;
            return Err(if first {
                TarProblem::NotTar
            } else {
                TarProblem::Checksum
            });
        };
        let start = *self.next.start.get_or_insert(self.out_offset - BLOCK);
        let meta = match header.typeflag() {
            // Solaris wrote X before POSIX settled for x.
            b'x' | b'X' => Some((Meta::Local, Limit::PaxLen, self.limits.pax_len)),
            b'g' => {
                let limit = self.limits.global_pax_len;
                Some((Meta::Global, Limit::GlobalPaxLen, limit))
            }
            // One more: the name ends with a NUL.
            b'L' => Some((
                Meta::LongName,
                Limit::NameLen,
                self.limits.name_len as u64 + 1,
            )),
            b'K' => Some((
                Meta::LongLink,
                Limit::NameLen,
                self.limits.name_len as u64 + 1,
            )),
            _ => None,
        };
        if let Some((kind, limit, allowed)) = meta {
            let left = header.size()?;
            if left > allowed {
                return Err(TarProblem::TooMuch { limit, allowed });
            }
            self.meta.clear();
            if left == 0 {
                return self.meta_done(kind);
            }
            self.state = State::Meta {
                kind,
                left,
                padding: padding(left),
            };
            return Ok(());
        }
        self.entry_header(&header, start, sink)
    }

    /// An extended header is complete.
    fn meta_done(&mut self, kind: Meta) -> Result<(), TarProblem> {
        let meta = std::mem::take(&mut self.meta);
        match kind {
            Meta::Local => {
                self.count_names(meta.len())?;
                // The last one before an entry counts.
                self.next.local = Some(pax::parse(&meta)?);
            }
            Meta::Global => {
                for (key, value) in pax::parse(&meta)? {
                    self.global.retain(|(k, _)| *k != key);
                    if !value.is_empty() {
                        self.global.push((key, value));
                    }
                }
                let len: usize = self.global.iter().map(|(k, v)| k.len() + v.len()).sum();
                let allowed = self.limits.global_pax_len;
                if len as u64 > allowed {
                    return Err(TarProblem::TooMuch {
                        limit: Limit::GlobalPaxLen,
                        allowed,
                    });
                }
                // It belongs to no entry, unless extended headers of one came before it.
                if self.next.local.is_none() && self.next.name.is_none() && self.next.link.is_none()
                {
                    self.next.start = None;
                }
            }
            Meta::LongName => self.next.name = Some(header::text(&meta).to_vec()),
            Meta::LongLink => self.next.link = Some(header::text(&meta).to_vec()),
        }
        Ok(())
    }
}

/// Takes up to `left` bytes from the input.
fn take<'a>(input: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let n = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    let (now, rest) = input.split_at(n);
    *input = rest;
    *left -= n as u64;
    now
}

/// Zero bytes after data of this length.
pub(super) fn padding(len: u64) -> u64 {
    (BLOCK - len % BLOCK) % BLOCK
}
