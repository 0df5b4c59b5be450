//! A builder put aside in the middle of a stream, to go on from there later: in another program,
//! perhaps, after the first has ended.
//!
//! What only grows (checkpoints that are packed, landmarks) is told in *parts*, each of what is new
//! since the one before; all else is the *state*, told whole each time.

use std::collections::VecDeque;

use super::{GzipIndexBuilder, GzipOptions, Stop, Trade};
use crate::engine::Engine;
use crate::gzip::checkpoint::BlockStart;
use crate::gzip::error::IndexProblem;
use crate::gzip::index::{read_checkpoints, write_checkpoints};
use crate::gzip::landmarks::line_before;
use crate::gzip::placement::{Placement, read_loose, write_loose};
use crate::gzip::stream::GzipStream;
use crate::gzip::window::WINDOW_BYTES;
use crate::varint::{Cursor, put};

/// Files at most: more than any archive has entries, and sums stay in 64 bits.
const MAX_FILES: u64 = 1 << 32;

/// How much of a builder was told in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GzipTold {
    checkpoints: usize,
    landmarks: usize,
}

/// A builder that is put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipSaved {
    /// Compressed bytes before the place where it goes on.
    pub in_offset: u64,
    /// What is new since the part before.
    pub part: Vec<u8>,
    /// All else.
    pub state: Vec<u8>,
}

impl GzipSaved {
    /// Where the blob's bytes have to be taken up again: at the last line before the place, so that
    /// the state of the blob's hash is known there.
    pub fn line(&self) -> u64 {
        line_before(self.in_offset)
    }

    /// The trade by which a builder was working that wrote this state. Whoever goes on with it has
    /// to want the same: it bounds what the builder holds.
    pub fn trade_of(state: &[u8]) -> Option<Trade> {
        read_trade(&mut Cursor(state)).ok()
    }
}

fn read_trade(cursor: &mut Cursor<'_>) -> Result<Trade, IndexProblem> {
    Ok(Trade {
        price: number(cursor)?,
        windows_ppm: number(cursor)?,
        landmarks_ppm: number(cursor)?,
    })
}

impl<E: Engine> GzipIndexBuilder<E> {
    /// Tells what another builder needs to go on from here, and notes in `told` what need not be
    /// told again. None unless it has just stopped ([`Self::push_to_stop`]).
    pub fn save(&self, told: &mut GzipTold) -> Option<GzipSaved> {
        let stopped = self.stopped?;
        let index = &self.index;
        let mut part = Vec::new();
        let packed = index.checkpoints.len() - self.loose;
        let new = told.checkpoints.min(packed)..packed;
        write_checkpoints(&index.checkpoints[new.clone()], &mut part);
        for cost in &self.costs[new] {
            put(&mut part, *cost);
        }
        index.landmarks.write_since(told.landmarks, &mut part);
        *told = self.told();

        let mut state = Vec::new();
        let Trade {
            price,
            windows_ppm,
            landmarks_ppm,
        } = self.trade;
        for value in [price, windows_ppm, landmarks_ppm] {
            put(&mut state, value);
        }
        let in_offset = self.write_stream(stopped, &mut state);
        put(&mut state, self.loose as u64);
        for n in packed..index.checkpoints.len() {
            write_loose(&index.checkpoints[n], &mut state);
            put(&mut state, self.costs[n]);
        }
        put(&mut state, self.files);
        put(&mut state, self.last_member);
        put(&mut state, self.last_out.map_or(0, |out| out + 1));
        put(&mut state, self.starts.len() as u64);
        for start in &self.starts {
            put(&mut state, *start);
        }
        self.placement.write(&mut state);
        Some(GzipSaved {
            in_offset,
            part,
            state,
        })
    }

    /// What a builder that goes on need not tell again: the parts that it was made of.
    pub fn told(&self) -> GzipTold {
        GzipTold {
            checkpoints: self.index.checkpoints.len() - self.loose,
            landmarks: self.index.landmarks.packed_len(),
        }
    }

    fn write_stream(&self, stopped: Stop, out: &mut Vec<u8>) -> u64 {
        let stream = &self.stream;
        out.push(u8::from(stream.checks_crc()));
        put(out, stream.out_total);
        match stopped {
            Stop::Member { in_offset } => {
                out.push(0);
                put(out, in_offset);
                put(out, stream.members - 1); // its magic bytes will be read again
                in_offset
            }
            Stop::Block => {
                let start = stream.block_start();
                let (crc, len, counted) = stream.member_so_far();
                out.push(1);
                put(out, start.in_bit_offset);
                put(out, stream.members);
                out.extend_from_slice(&[start.bits, start.byte, u8::from(counted)]);
                put(out, crc.into());
                put(out, len.into());
                put(out, stream.window().len() as u64);
                out.extend_from_slice(stream.window());
                stream.in_total
            }
        }
    }

    /// A builder that goes on where another was put aside, with all its parts in order and its last
    /// state. The bytes that it wants next are those from [`Self::in_len`] on.
    ///
    /// # Errors
    /// [`IndexProblem`] for anything that [`Self::save`] would not have written, or that it wrote
    /// with another trade.
    pub fn resume<'a>(
        options: GzipOptions,
        parts: impl IntoIterator<Item = &'a [u8]>,
        state: &[u8],
    ) -> Result<Self, IndexProblem> {
        let mut cursor = Cursor(state);
        let cursor = &mut cursor;
        let trade = read_trade(cursor)?;
        if trade != options.trade {
            return Err(IndexProblem::Kind);
        }
        let mut builder = Self::new(options.clone());
        for part in parts {
            builder.read_part(part)?;
        }
        let (stream, stopped) = read_stream(&options, cursor)?;
        (builder.stream, builder.stopped) = (stream, stopped);
        for _ in 0..number(cursor)? {
            builder.index.checkpoints.push(read_loose(cursor)?);
            builder.costs.push(cost(cursor)?);
            builder.loose += 1;
        }
        builder.files = number(cursor)?;
        builder.last_member = number(cursor)?;
        builder.last_out = number(cursor)?.checked_sub(1);
        let mut starts = VecDeque::new();
        for _ in 0..number(cursor)? {
            starts.push_back(number(cursor)?);
        }
        builder.starts = starts;
        let mut open = Vec::new();
        builder.placement = Placement::read(trade.price, cursor, &mut open)?;
        if !cursor.0.is_empty() {
            return Err(IndexProblem::Length);
        }
        builder.check(&open)?;
        Ok(builder)
    }

    fn read_part(&mut self, part: &[u8]) -> Result<(), IndexProblem> {
        let mut cursor = Cursor(part);
        let added = read_checkpoints(&mut cursor)?;
        for _ in &added {
            self.costs.push(cost(&mut cursor)?);
        }
        self.index.checkpoints.extend(added);
        self.index.landmarks.read_more(cursor)
    }

    /// All positions rise and lie before the place, so that what is made of them later does too.
    fn check(&mut self, open: &[(u64, u64)]) -> Result<(), IndexProblem> {
        let (stream, index) = (&self.stream, &mut self.index);
        (index.in_len, index.out_len) = (stream.in_total, stream.out_total);
        index.members = stream.members;
        index.validate()?;
        let last = index.checkpoints.last();
        let mut last = last.map_or((0, 0), |c| (c.in_bit_offset, c.out_offset));
        for next in open {
            if next.0 <= last.0 || next.1 <= last.1 {
                return Err(IndexProblem::Order);
            }
            last = *next;
        }
        let starts = self.starts.iter();
        let good = last.0 <= index.in_len * 8
            && last.1 <= index.out_len
            && self
                .last_out
                .is_none_or(|out| last.1 <= out && out <= index.out_len)
            && (self.last_out.is_some() || last.1 == 0)
            && self.last_member <= index.in_len
            && self.files <= MAX_FILES
            && self.starts.len() as u64 <= MAX_FILES
            && starts.is_sorted();
        good.then_some(()).ok_or(IndexProblem::Order)
    }
}

fn read_stream<E: Engine>(
    options: &GzipOptions,
    cursor: &mut Cursor<'_>,
) -> Result<(GzipStream<E>, Option<Stop>), IndexProblem> {
    let limits = options.limits.clone();
    let check_crc = flag(cursor)? && options.check_crc;
    let out_offset = number(cursor)?;
    if !flag(cursor)? {
        let in_offset = number(cursor)?;
        let mut stream = GzipStream::at_member(in_offset, out_offset, check_crc, limits);
        stream.members = number(cursor)?;
        return Ok((stream, None));
    }
    let in_bit_offset = number(cursor)?;
    let members = number(cursor)?;
    let Some(&[bits, byte]) = cursor.bytes(2).and_then(|b| b.first_chunk()) else {
        return Err(IndexProblem::Length);
    };
    // The bits that are there of the last byte lead to the next whole one.
    if u64::from(bits) != in_bit_offset.wrapping_neg() % 8 || members == 0 {
        return Err(IndexProblem::Kind);
    }
    let counted = flag(cursor)?;
    let (crc, len) = (word(cursor)?, word(cursor)?);
    let window = number(cursor)?;
    if window > WINDOW_BYTES as u64 || window > out_offset {
        return Err(IndexProblem::Length);
    }
    let window = cursor.bytes(window).ok_or(IndexProblem::Length)?;
    let start = BlockStart {
        in_bit_offset,
        out_offset,
        bits,
        byte,
    };
    let mut stream = GzipStream::at_block_of_pass(&start, window, check_crc, limits);
    stream.members = members;
    stream.set_member(crc, len, counted);
    Ok((stream, Some(Stop::Block)))
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, IndexProblem> {
    cursor.varint().ok_or(IndexProblem::Length)
}

fn word(cursor: &mut Cursor<'_>) -> Result<u32, IndexProblem> {
    u32::try_from(number(cursor)?).map_err(|_| IndexProblem::Order)
}

fn flag(cursor: &mut Cursor<'_>) -> Result<bool, IndexProblem> {
    match cursor.bytes(1) {
        Some([0]) => Ok(false),
        Some([1]) => Ok(true),
        _ => Err(IndexProblem::Kind),
    }
}

/// What a window takes; none takes as much as [`WINDOW_BYTES`] twice.
fn cost(cursor: &mut Cursor<'_>) -> Result<u64, IndexProblem> {
    let cost = number(cursor)?;
    let fits = cost <= 2 * WINDOW_BYTES as u64;
    fits.then_some(cost).ok_or(IndexProblem::Order)
}
