//! A parser put aside between two bytes of an archive, to go on from there later.

use super::{Next, Notes, State, TarParser};
use crate::tar::{BLOCK, Limits};
use crate::toc::varint::{Reader, put, put_bytes};

/// Where it stands: between headers, in data, behind one zero block, behind the archive's end.
const HEADER: u8 = 0;
const BODY: u8 = 1;
const TRAILER: u8 = 2;
const END: u8 = 3;

impl TarParser {
    /// What another parser needs to go on from here. None in the middle of what is gathered for an
    /// entry (extended headers, a sparse map): some blocks on it can be had. None too if it has failed.
    pub(crate) fn save(&self) -> Option<Vec<u8>> {
        let (state, left, padding) = match &self.state {
            State::Header if self.next.start.is_none() => (HEADER, 0, 0),
            State::Body { left, padding } => (BODY, *left, *padding),
            State::Trailer => (TRAILER, 0, 0),
            State::End => (END, 0, 0),
            State::Header
            | State::Meta { .. }
            | State::SparseBlocks(_)
            | State::SparseMap { .. } => return None,
        };
        if self.failed.is_some() {
            return None;
        }
        let mut out = vec![state];
        for number in [
            left,
            padding,
            self.out_offset,
            self.entries.into(),
            self.names,
            self.sparse_runs.into(),
            u64::from(self.notes.trailer),
            self.notes.after_trailer_out_offset.map_or(0, |at| at + 1),
        ] {
            put(&mut out, number);
        }
        put_bytes(&mut out, &self.block[..self.filled]);
        put(&mut out, self.global.len() as u64);
        for (key, value) in &self.global {
            put_bytes(&mut out, key);
            put_bytes(&mut out, value);
        }
        Some(out)
    }

    /// A parser that goes on where another was put aside; `None` for what [`TarParser::save`] would
    /// not have written with these limits.
    pub(crate) fn resume(limits: Limits, saved: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(saved);
        let kind = *reader.take(1)?.first()?;
        let (left, padding) = (reader.number()?, reader.number()?);
        let inside = left < 1 << 63 && padding < BLOCK;
        let state = match kind {
            BODY if inside => State::Body { left, padding },
            HEADER => State::Header,
            TRAILER => State::Trailer,
            END => State::End,
            _ => return None,
        };
        let mut parser = TarParser {
            state,
            out_offset: reader.number().filter(|at| *at < 1 << 62)?,
            entries: reader.small()?,
            names: reader.number()?,
            sparse_runs: reader.small()?,
            notes: Notes {
                trailer: reader.number()? > 0,
                after_trailer_out_offset: reader.number()?.checked_sub(1),
            },
            next: Next::default(),
            ..TarParser::new(limits)
        };
        let filled = reader
            .bytes()
            .filter(|bytes| (bytes.len() as u64) < BLOCK)?;
        parser.block[..filled.len()].copy_from_slice(filled);
        parser.filled = filled.len();
        let mut global = 0;
        for _ in 0..reader.number()? {
            let (key, value) = (reader.bytes()?, reader.bytes()?);
            global += key.len() + value.len();
            parser.global.push((key.to_vec(), value.to_vec()));
        }
        let good = reader.is_empty()
            && global as u64 <= parser.limits.global_pax_len
            && parser.entries <= parser.limits.entries
            && parser.names <= parser.limits.names_total
            && parser.sparse_runs <= parser.limits.sparse_runs;
        good.then_some(parser)
    }

    /// Entries that it has told.
    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }
}
