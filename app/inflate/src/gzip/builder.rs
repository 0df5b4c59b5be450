//! Builds an index of a gzip stream while it is decoded once.

use crate::engine::{DefaultEngine, Engine};
use crate::gzip::checkpoint::{Checkpoint, CheckpointKind};
use crate::gzip::error::GzipError;
use crate::gzip::index::GzipIndex;
use crate::gzip::landmarks::Landmark;
use crate::gzip::limits::GzipLimits;
use crate::gzip::sparse::{PendingCheckpoint, Trials};
use crate::gzip::stream::{GzipStream, Happened};
use crate::gzip::window::PackedWindow;

/// How an index is built.
#[derive(Debug, Clone)]
pub struct GzipOptions {
    /// A checkpoint is due when this many uncompressed bytes have passed since the last.
    pub spacing: u64,
    /// Check each member's CRC-32 and length.
    pub check_crc: bool,
    /// What the stream may cost.
    pub limits: GzipLimits,
}

/// Uncompressed bytes between checkpoints by default: about a third of it is fetched for a small
/// file, and sparse windows keep the index well under 1 % of the blob.
pub const DEFAULT_SPACING: u64 = 1 << 20;

impl Default for GzipOptions {
    fn default() -> Self {
        GzipOptions {
            spacing: DEFAULT_SPACING,
            check_crc: true,
            limits: GzipLimits::default(),
        }
    }
}

/// Compressed chunks of any size in, uncompressed bytes out, checkpoints collected. Every way of
/// cutting the same stream into chunks gives the same index.
pub struct GzipIndexBuilder<E: Engine = DefaultEngine> {
    stream: GzipStream<E>,
    spacing: u64,
    index: GzipIndex,
    pending: Option<PendingCheckpoint>,
    trials: Trials,
    last_checkpoint_out: u64,
}

impl<E: Engine> GzipIndexBuilder<E> {
    /// At the blob's first byte.
    pub fn new(options: GzipOptions) -> Self {
        GzipIndexBuilder {
            stream: GzipStream::at_member(0, 0, options.check_crc, options.limits),
            spacing: options.spacing.max(1),
            index: GzipIndex::default(),
            pending: None,
            trials: Trials::default(),
            last_checkpoint_out: 0,
        }
    }

    /// Decodes `input`; `out` gets the uncompressed bytes in order, in pieces of any size.
    ///
    /// # Errors
    /// [`GzipError`]; `out` has had all that was good before it, and [`Self::so_far`] tells of it.
    /// Every later push gives the same error.
    pub fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), GzipError> {
        let done = self.decode(input, out);
        self.index.in_len = self.stream.in_total;
        self.index.out_len = self.stream.out_total;
        self.index.members = self.stream.members;
        self.index.trailing = self.stream.trailing;
        done
    }

    fn decode(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), GzipError> {
        let mut rest = input;
        loop {
            let before = rest;
            match self.stream.next(&mut rest)? {
                Happened::NeedsInput => return Ok(()),
                Happened::MemberStart { in_offset } => self.member_start(in_offset),
                Happened::Decoded {
                    boundary,
                    member_end,
                } => {
                    let output = self.stream.output();
                    if !output.is_empty() {
                        out(output);
                    }
                    let taken = &before[..before.len() - rest.len()];
                    self.follow(taken, member_end);
                    if boundary || member_end {
                        self.index.landmarks.add(Landmark {
                            in_offset: self.stream.in_total,
                            out_offset: self.stream.out_total,
                        });
                    }
                    if boundary {
                        self.boundary();
                    }
                }
            }
        }
    }

    /// Compressed bytes taken so far.
    pub fn in_len(&self) -> u64 {
        self.stream.in_total
    }

    /// Uncompressed bytes given so far.
    pub fn out_len(&self) -> u64 {
        self.stream.out_total
    }

    /// What is known now. A file whose bytes have passed can be read by it while the rest still
    /// streams in.
    pub fn so_far(&self) -> &GzipIndex {
        &self.index
    }

    /// The index of all that was decoded, and why that is not all if it is not.
    pub fn finish(mut self) -> (GzipIndex, Option<GzipError>) {
        if let Some(pending) = self.pending.take() {
            let checkpoint = pending.settle::<E>(false, &mut self.trials);
            self.index.checkpoints.push(checkpoint);
        }
        let problem = self.stream.finish().err();
        (self.index, problem)
    }

    fn member_start(&mut self, in_offset: u64) {
        let out_offset = self.stream.out_total;
        let first = self.index.checkpoints.is_empty() && self.pending.is_none();
        if first || out_offset - self.last_checkpoint_out >= self.spacing {
            self.last_checkpoint_out = out_offset;
            self.index.checkpoints.push(Checkpoint {
                in_bit_offset: in_offset * 8,
                out_offset,
                kind: CheckpointKind::MemberStart,
                window: PackedWindow::default(),
            });
        }
    }

    /// Gives the pending checkpoint what was decoded, and settles it when that is enough.
    fn follow(&mut self, taken: &[u8], member_end: bool) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        let enough = pending.feed(taken, self.stream.output());
        if !enough && !member_end {
            return;
        }
        let Some(pending) = self.pending.take() else {
            return;
        };
        if member_end && pending.is_idle() {
            // Nothing can be read from it. The next member's start serves better, if there is one.
            let last = self.index.checkpoints.last();
            self.last_checkpoint_out = last.map_or(0, |c| c.out_offset);
            return;
        }
        let checkpoint = pending.settle::<E>(member_end, &mut self.trials);
        self.index.checkpoints.push(checkpoint);
    }

    fn boundary(&mut self) {
        let out_offset = self.stream.out_total;
        if self.pending.is_some() || out_offset - self.last_checkpoint_out < self.spacing {
            return;
        }
        self.last_checkpoint_out = out_offset;
        self.pending = Some(PendingCheckpoint::new(
            self.stream.block_start(),
            self.stream.window(),
        ));
    }
}
