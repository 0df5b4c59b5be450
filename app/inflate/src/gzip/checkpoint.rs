//! Checkpoints: saved states from which inflating can start (zran.c: access points).

use crate::gzip::window::PackedWindow;

/// A point from which inflating can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Bits from the blob's first byte to the block's first bit, or, at a member's start, to the
    /// first bit of its gzip header.
    pub in_bit_offset: u64,
    /// Uncompressed bytes before it, over all members.
    pub out_offset: u64,
    /// What lies there.
    pub kind: CheckpointKind,
    /// What went before it in its member.
    pub window: PackedWindow,
}

impl Checkpoint {
    /// The first compressed byte that a reader needs, from the blob's first byte.
    pub fn in_offset(&self) -> u64 {
        self.in_bit_offset / 8
    }
}

/// What lies at a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointKind {
    /// A member's gzip header; the window is empty.
    MemberStart,
    /// A deflate block's header.
    Block,
}

/// Where inflating can start again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockStart {
    /// Bits from the blob's first byte.
    pub(crate) in_bit_offset: u64,
    /// Uncompressed bytes before it.
    pub(crate) out_offset: u64,
    /// How many top bits of `byte` belong to the block.
    pub(crate) bits: u8,
    /// The last byte consumed before it.
    pub(crate) byte: u8,
}
