//! Where a choice of checkpoints stands, to go on with it later.

use super::{Node, Placement};
use crate::gzip::checkpoint::{Checkpoint, CheckpointKind};
use crate::gzip::error::IndexProblem;
use crate::gzip::window::PackedWindow;
use crate::varint::{Cursor, put};

/// More than any window takes, plus one: sums of a blob's windows stay in 64 bits.
const MAX_COST: u64 = 1 << 20;

impl Placement {
    /// All that it knows but the price.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put(out, self.next as u64);
        put(out, self.nodes.len() as u64);
        for node in &self.nodes {
            put(out, node.number as u64);
            put(out, node.before as u64);
            // TAKEN is the largest, and so wraps to 0.
            put(out, node.cost.wrapping_add(1));
            out.extend_from_slice(&node.base.to_le_bytes());
            write_loose(&node.checkpoint, out);
        }
        put(out, self.ends.len() as u64);
        for end in &self.ends {
            put(out, *end as u64);
        }
    }

    /// Reads what [`Placement::write`] wrote, and adds the checkpoints that are open to `open`.
    pub(crate) fn read(
        price: u64,
        cursor: &mut Cursor<'_>,
        open: &mut Vec<(u64, u64)>,
    ) -> Result<Self, IndexProblem> {
        let mut placement = Placement::new(price);
        let small = |cursor: &mut Cursor<'_>| {
            let number = cursor.varint().ok_or(IndexProblem::Length)?;
            // No blob has more blocks.
            let number = u32::try_from(number).map_err(|_| IndexProblem::Order)?;
            Ok(number as usize)
        };
        placement.next = small(cursor)?;
        for _ in 0..small(cursor)? {
            let (number, before) = (small(cursor)?, small(cursor)?);
            let cost = cursor.varint().ok_or(IndexProblem::Length)?;
            let base = cursor.bytes(8).and_then(|b| b.try_into().ok());
            let checkpoint = read_loose(cursor)?;
            let rises = placement.nodes.last().is_none_or(|n| n.number < number);
            let known =
                before == number || placement.nodes.is_empty() || placement.place(before).is_some();
            if !rises || number >= placement.next || before > number || !known {
                return Err(IndexProblem::Order);
            }
            if cost > MAX_COST {
                return Err(IndexProblem::Kind);
            }
            if cost > 0 {
                open.push((checkpoint.in_bit_offset, checkpoint.out_offset));
            } else if !placement.nodes.is_empty() {
                return Err(IndexProblem::Kind); // only the first can be taken
            }
            placement.nodes.push(Node {
                number,
                checkpoint,
                cost: cost.wrapping_sub(1),
                before,
                base: i64::from_le_bytes(base.ok_or(IndexProblem::Length)?),
            });
        }
        for _ in 0..small(cursor)? {
            let end = small(cursor)?;
            let rises = placement.ends.last().is_none_or(|last| *last < end);
            if !rises || placement.place(end).is_none() {
                return Err(IndexProblem::Order);
            }
            placement.ends.push(end);
        }
        Ok(placement)
    }
}

/// A checkpoint whose window is not packed.
pub(crate) fn write_loose(checkpoint: &Checkpoint, out: &mut Vec<u8>) {
    put(out, checkpoint.in_bit_offset);
    put(out, checkpoint.out_offset);
    out.push(u8::from(checkpoint.kind == CheckpointKind::Block));
    let runs = checkpoint.window.loose_runs();
    put(out, runs.len() as u64);
    out.extend_from_slice(runs);
}

/// Reads what [`write_loose`] wrote.
pub(crate) fn read_loose(cursor: &mut Cursor<'_>) -> Result<Checkpoint, IndexProblem> {
    let mut number = || cursor.varint().ok_or(IndexProblem::Length);
    let (in_bit_offset, out_offset) = (number()?, number()?);
    let kind = match cursor.bytes(1) {
        Some([0]) => CheckpointKind::MemberStart,
        Some([1]) => CheckpointKind::Block,
        _ => return Err(IndexProblem::Kind),
    };
    let runs = cursor.varint().and_then(|len| cursor.bytes(len));
    let runs = runs.ok_or(IndexProblem::Length)?;
    let window = match runs {
        [] => PackedWindow::default(),
        runs => PackedWindow::loose_checked(runs).ok_or(IndexProblem::Kind)?,
    };
    Ok(Checkpoint {
        in_bit_offset,
        out_offset,
        kind,
        window,
    })
}
