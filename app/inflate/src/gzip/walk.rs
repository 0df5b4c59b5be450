//! Tells every place of a gzip stream from which inflating can start, as other formats' rules for
//! checkpoints want to know them.

use crate::engine::{DefaultEngine, Engine};
use crate::gzip::error::GzipError;
use crate::gzip::limits::GzipLimits;
use crate::gzip::stream::{GzipStream, Happened};

/// Where a block that is not a member's first follows another, or a member's first follows its
/// header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// The first whole compressed byte of the block, from the blob's first byte.
    pub in_offset: u64,
    /// How many top bits (0 to 7) of the byte before it are the block's too.
    pub bits: u8,
    /// That byte; of no meaning where `bits` is 0.
    pub byte: u8,
    /// Uncompressed bytes before it, over all members.
    pub out_offset: u64,
}

/// What a walk comes to, in the stream's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked<'a> {
    /// Uncompressed bytes.
    Output(&'a [u8]),
    /// Inflating could start here.
    Block(BlockPlace),
}

/// Compressed chunks of any size in, uncompressed bytes and the places of blocks out. Every way of
/// cutting the same stream gives the same places and the same bytes between them.
pub struct BlockWalker<E: Engine = DefaultEngine> {
    stream: GzipStream<E>,
    /// A member's header was begun and its first block was not told of.
    at_header: bool,
}

impl<E: Engine> BlockWalker<E> {
    /// At the blob's first byte; members' checksums are checked.
    pub fn new(limits: GzipLimits) -> Self {
        BlockWalker {
            stream: GzipStream::at_member(0, 0, true, limits),
            at_header: false,
        }
    }

    /// Decodes `input`.
    ///
    /// # Errors
    /// [`GzipError`], after all that was good before it; the same for every later push.
    pub fn push(&mut self, input: &[u8], out: &mut dyn FnMut(Walked<'_>)) -> Result<(), GzipError> {
        let mut rest = input;
        loop {
            let out_before = self.stream.out_total;
            match self.stream.next(&mut rest)? {
                Happened::NeedsInput => return Ok(()),
                Happened::MemberStart { .. } => self.at_header = true,
                Happened::Decoded { boundary, .. } => {
                    if std::mem::take(&mut self.at_header) {
                        out(Walked::Block(BlockPlace {
                            in_offset: self.stream.body_in_offset,
                            bits: 0,
                            byte: 0,
                            out_offset: out_before,
                        }));
                    }
                    let output = self.stream.output();
                    if !output.is_empty() {
                        out(Walked::Output(output));
                    }
                    if boundary {
                        let start = self.stream.block_start();
                        out(Walked::Block(BlockPlace {
                            in_offset: self.stream.in_total,
                            bits: start.bits,
                            byte: start.byte,
                            out_offset: start.out_offset,
                        }));
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

    /// Whether the stream may end here.
    ///
    /// # Errors
    /// It ends inside a member, or had failed before.
    pub fn finish(&self) -> Result<(), GzipError> {
        self.stream.finish()
    }
}
