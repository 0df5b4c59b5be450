//! Our own deflate decoder (RFC 1951) as an [`Engine`]: libdeflate's ways in safe Rust.
//!
//! Two loops decode symbols: `fast_loop` while there is room in input and output for the longest
//! turn, `slow_loop` at their ends. Both read the same tables. Between calls no whole byte is
//! held that the next symbol could do without, so that a block's end can always be given back to
//! the byte.
//!
//! Measured, natively and in V8, and not faster: two literals in a table entry (a pass over each
//! table that costs more than it saves), 10 or 12 bits of literal table, chunks of 8 or 32 bytes, a
//! refill before each distance whether needed or not, and a fast loop that goes on to the output's
//! last bytes.

mod bits;
mod block;
mod fast_loop;
mod slow_loop;
mod tables;
#[cfg(test)]
mod tests;

use crate::engine::{Engine, Step, StepStatus, Watched};
use bits::BitReader;
use block::DynamicHeader;
use fast_loop::{Left, Watch};
use slow_loop::{Symbol, Turn};
use tables::Tables;

/// What comes next.
enum State {
    /// A block's header (RFC 1951 section 3.2.3).
    Header,
    /// A stored block's length (RFC 1951 section 3.2.4).
    StoredLength,
    /// So many bytes of a stored block.
    Stored(u16),
    /// A dynamic block's sizes (RFC 1951 section 3.2.7).
    Sizes,
    /// The rest of its header.
    Lengths(Box<DynamicHeader>),
    /// What a block with either kind of code holds.
    Symbols {
        fixed: bool,
        symbol: Symbol,
    },
    Done,
    Failed,
}

/// Our own decoder of raw deflate (RFC 1951). It accepts what zlib accepts, and nothing else.
///
/// Bytes of the output after those produced may be changed as well.
pub struct FastEngine {
    state: State,
    /// The block being read is the last.
    last: bool,
    buf: u64,
    count: u32,
    /// Allocated by the first dynamic block: small members often have none.
    tables: Option<Box<Tables>>,
}

impl Engine for FastEngine {
    const TELLS_COPIES: bool = true;

    fn start() -> Self {
        Self::resume(0, 0)
    }

    fn resume(bits: u8, byte: u8) -> Self {
        let bits = u32::from(bits & 7);
        FastEngine {
            state: State::Header,
            last: false,
            buf: u64::from(byte) >> (8 - bits),
            count: bits,
            tables: None,
        }
    }

    fn step(&mut self, input: &[u8], out: &mut [u8], out_pos: usize) -> Step {
        self.go(input, out, out_pos, &mut ())
    }

    fn step_watched(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        out_pos: usize,
        watched: &mut Watched,
    ) -> Step {
        self.go(input, out, out_pos, watched)
    }

    fn pending_bits(&self) -> u8 {
        match self.state {
            State::Header => self.count as u8,
            _ => 0,
        }
    }
}

impl FastEngine {
    fn go<W: Watch>(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        out_pos: usize,
        watch: &mut W,
    ) -> Step {
        if out_pos > out.len() {
            return Step {
                consumed: 0,
                produced: 0,
                status: StepStatus::Failed,
            };
        }
        let mut bits = BitReader::new(self.buf, self.count, input);
        let mut pos = out_pos;
        let mut status = self.decode(&mut bits, out, &mut pos, watch);
        match status {
            // All of the input counts as taken, and a full output is told first: as miniz_oxide.
            StepStatus::NeedsInput if pos == out.len() => status = StepStatus::NeedsOutput,
            StepStatus::NeedsInput => {}
            StepStatus::Failed => self.state = State::Failed,
            _ => bits.give_back(),
        }
        bits.forget();
        (self.buf, self.count) = (bits.buf, bits.count);
        Step {
            consumed: bits.pos,
            produced: pos - out_pos,
            status,
        }
    }

    fn decode<W: Watch>(
        &mut self,
        bits: &mut BitReader<'_>,
        out: &mut [u8],
        pos: &mut usize,
        watch: &mut W,
    ) -> StepStatus {
        loop {
            match &mut self.state {
                State::Header => {
                    if !bits.have(3) {
                        return StepStatus::NeedsInput;
                    }
                    self.last = bits.take(1) == 1;
                    self.state = match bits.take(2) {
                        0 => {
                            bits.skip(bits.count & 7);
                            State::StoredLength
                        }
                        1 => State::Symbols {
                            fixed: true,
                            symbol: Symbol::LitLen,
                        },
                        2 => State::Sizes,
                        _ => return StepStatus::Failed,
                    };
                }
                State::StoredLength => {
                    if !bits.have(32) {
                        return StepStatus::NeedsInput;
                    }
                    let len = bits.take(16);
                    if bits.take(16) != len ^ 0xffff {
                        return StepStatus::Failed;
                    }
                    bits.give_back();
                    self.state = State::Stored(len as u16);
                }
                State::Stored(left) => {
                    let rest = bits.rest();
                    let now = rest.len().min(out.len() - *pos).min(usize::from(*left));
                    out[*pos..*pos + now].copy_from_slice(&rest[..now]);
                    bits.pos += now;
                    *pos += now;
                    *left -= now as u16;
                    if *left == 0 {
                        return self.block_end(bits);
                    }
                    return if bits.is_empty() {
                        StepStatus::NeedsInput
                    } else {
                        StepStatus::NeedsOutput
                    };
                }
                State::Sizes => {
                    if !bits.have(14) {
                        return StepStatus::NeedsInput;
                    }
                    match DynamicHeader::new(bits.take(14)) {
                        Ok(header) => self.state = State::Lengths(Box::new(header)),
                        Err(_) => return StepStatus::Failed,
                    }
                }
                State::Lengths(header) => {
                    let tables = self.tables.get_or_insert_with(Tables::empty);
                    match header.read(bits, tables) {
                        Ok(true) => {
                            self.state = State::Symbols {
                                fixed: false,
                                symbol: Symbol::LitLen,
                            }
                        }
                        Ok(false) => return StepStatus::NeedsInput,
                        Err(_) => return StepStatus::Failed,
                    }
                }
                State::Symbols { fixed, symbol } => {
                    let tables = match &self.tables {
                        Some(tables) if !*fixed => tables,
                        _ => Tables::fixed(),
                    };
                    match symbols(tables, bits, symbol, out, pos, watch) {
                        Turn::BlockEnd => return self.block_end(bits),
                        Turn::NeedsInput => return StepStatus::NeedsInput,
                        Turn::NeedsOutput => return StepStatus::NeedsOutput,
                        Turn::Written | Turn::Failed => return StepStatus::Failed,
                    }
                }
                State::Done => return StepStatus::Done,
                State::Failed => return StepStatus::Failed,
            }
        }
    }

    fn block_end(&mut self, bits: &mut BitReader<'_>) -> StepStatus {
        bits.give_back();
        if !self.last {
            self.state = State::Header;
            return StepStatus::BlockBoundary;
        }
        // What is left of the last byte means nothing.
        bits.skip(bits.count);
        self.state = State::Done;
        StepStatus::Done
    }
}

/// A compressed block's symbols, as far as input and output reach.
fn symbols<W: Watch>(
    tables: &Tables,
    bits: &mut BitReader<'_>,
    symbol: &mut Symbol,
    out: &mut [u8],
    pos: &mut usize,
    watch: &mut W,
) -> Turn {
    loop {
        let room = out.len() - *pos >= fast_loop::OUT_ROOM;
        if let Symbol::LitLen = symbol
            && room
            && bits.rest().len() >= fast_loop::IN_ROOM
        {
            let turned =
                fast_loop::run(tables, bits.rest(), bits.buf, bits.count, out, *pos, watch);
            (bits.buf, bits.count) = (turned.buf, turned.count);
            bits.pos += turned.taken;
            *pos = turned.pos;
            match turned.left {
                Left::Room => {}
                Left::BlockEnd => return Turn::BlockEnd,
                Left::Failed => return Turn::Failed,
            }
            bits.give_back();
        }
        match slow_loop::turn(tables, bits, symbol, out, pos, watch) {
            Turn::Written => {}
            other => return other,
        }
    }
}
