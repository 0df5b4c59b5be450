//! The member loop that the index builder and the reader share: headers, deflate data, trailers,
//! the next member, and what may follow the last.

use crate::checksum::Crc32;
use crate::engine::{Engine, StepStatus, Watched};
use crate::gzip::checkpoint::BlockStart;
use crate::gzip::error::GzipError;
use crate::gzip::header::HeaderReader;
use crate::gzip::landmarks::{is_line, next_line};
use crate::gzip::limits::GzipLimits;
use crate::gzip::window::WINDOW_BYTES;

/// Output space after the window. From 32 to 512 KiB all are equally fast natively and in V8, so a
/// small one: there is one for each reader.
const OUT_BYTES: usize = 64 * 1024;
/// The engine's fast loop needs this many free bytes; below it the window slides.
const MIN_FREE: usize = 512;

/// A member's first bytes: ID1, ID2 and the only method there is (RFC 1952 section 2.3.1).
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

enum State {
    /// Before a member: how many bytes of its magic have come.
    Between(u8),
    Header(HeaderReader),
    Body,
    Trailer {
        bytes: [u8; 8],
        count: u8,
    },
    /// Something that is not gzip follows the last member.
    Trailing,
    /// Nothing can be decoded any more; every later call says why.
    Failed(GzipError),
}

/// What [`GzipStream::next`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// A member's header begins at `in_offset`.
    MemberStart { in_offset: u64 },
    /// Deflate data was decoded: [`GzipStream::output`] and [`GzipStream::taken`] tell of it.
    Decoded {
        /// A block has ended and another follows.
        boundary: bool,
        /// The member's last block has ended.
        member_end: bool,
        /// The compressed bytes taken end at a line (see [`next_line`]), and all that they give
        /// was given.
        line: bool,
    },
    /// All input is used up.
    NeedsInput,
}

/// A gzip stream being decoded.
pub(crate) struct GzipStream<E> {
    engine: E,
    buf: Vec<u8>,
    /// Where the next output byte goes in `buf`.
    pos: usize,
    /// The last decoded output in `buf`.
    last: std::ops::Range<usize>,
    state: State,
    check_crc: bool,
    crc: Crc32,
    /// Modulo 2^32, as a trailer has it.
    member_out: u32,
    /// The member was read from its start, so that its length is known.
    counted: bool,
    limits: GzipLimits,
    pub(crate) in_total: u64,
    pub(crate) out_total: u64,
    pub(crate) members: u64,
    pub(crate) trailing: u64,
    last_byte: u8,
    /// Where the first block of the last member begins, once its header is whole.
    pub(crate) body_in_offset: u64,
    /// All bytes before a line are taken, but not all that they give has found room.
    draining: bool,
    watched: Option<Watched>,
}

impl<E: Engine> GzipStream<E> {
    /// At the first byte of a blob, or of a member within one.
    pub(crate) fn at_member(
        in_offset: u64,
        out_offset: u64,
        check_crc: bool,
        limits: GzipLimits,
    ) -> Self {
        GzipStream {
            engine: E::start(),
            buf: vec![0; WINDOW_BYTES + OUT_BYTES],
            pos: 0,
            last: 0..0,
            state: State::Between(0),
            check_crc,
            crc: Crc32::new(),
            member_out: 0,
            counted: false,
            limits,
            in_total: in_offset,
            out_total: out_offset,
            members: 0,
            trailing: 0,
            last_byte: 0,
            body_in_offset: 0,
            draining: false,
            watched: None,
        }
    }

    /// At a block. `in_offset` is that of the first whole byte; `bits` top bits of `byte` before
    /// it belong to the block.
    pub(crate) fn at_block(
        in_offset: u64,
        out_offset: u64,
        bits: u8,
        byte: u8,
        window: &[u8],
    ) -> Self {
        // The member's beginning was not seen, so its checksum cannot be checked here: what is
        // read from a checkpoint is checked by the digests of its units.
        let mut stream = Self::at_member(in_offset, out_offset, false, GzipLimits::NONE);
        stream.engine = E::resume(bits, byte);
        stream.pos = window.len().min(WINDOW_BYTES);
        stream.buf[..stream.pos].copy_from_slice(&window[..stream.pos]);
        stream.state = State::Body;
        stream.members = 1;
        stream
    }

    /// Where the member that goes on stands in its checks: the CRC-32 so far, the length modulo
    /// 2^32, and whether both were taken from its start on.
    pub(crate) fn member_so_far(&self) -> (u32, u32, bool) {
        (self.crc.value(), self.member_out, self.counted)
    }

    /// Takes over where such a member stands, at one of its blocks.
    pub(crate) fn set_member(&mut self, crc: u32, len: u32, counted: bool) {
        self.crc = Crc32::resume(crc);
        (self.member_out, self.counted) = (len, counted);
    }

    /// At the same place as [`Self::at_block`], but with all that a whole pass checks.
    pub(crate) fn at_block_of_pass(
        start: &BlockStart,
        window: &[u8],
        check_crc: bool,
        limits: GzipLimits,
    ) -> Self {
        let in_offset = start.in_bit_offset.div_ceil(8);
        let (bits, byte) = (start.bits, start.byte);
        let mut stream = Self::at_block(in_offset, start.out_offset, bits, byte, window);
        (stream.check_crc, stream.limits) = (check_crc, limits);
        stream.last_byte = byte;
        stream
    }

    /// Checks each member's CRC-32.
    pub(crate) fn checks_crc(&self) -> bool {
        self.check_crc
    }

    /// What the last [`Happened::Decoded`] wrote.
    pub(crate) fn output(&self) -> &[u8] {
        &self.buf[self.last.clone()]
    }

    /// Up to 32 KiB of the member's output before the current position.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buf[self.pos.saturating_sub(WINDOW_BYTES)..self.pos]
    }

    /// At a block boundary: watches what of the window the next block's data refers to.
    pub(crate) fn watch(&mut self) {
        self.watched = Some(Watched::new(self.pos));
    }

    /// What was watched, once nothing more can refer to that window: a window's length of data has
    /// followed, or the member has ended.
    pub(crate) fn take_watched(&mut self, member_end: bool) -> Option<Watched> {
        let over = |watched: &mut Watched| self.pos - watched.start() >= WINDOW_BYTES;
        self.watched.take_if(|watched| member_end || over(watched))
    }

    /// At a block boundary: where the next block starts.
    pub(crate) fn block_start(&self) -> BlockStart {
        let bits = self.engine.pending_bits();
        BlockStart {
            in_bit_offset: self.in_total * 8 - u64::from(bits),
            out_offset: self.out_total,
            bits,
            byte: self.last_byte,
        }
    }

    /// Goes on until something happens that the caller has to know, taking bytes off `input`.
    /// An error comes only after all output before it was told of, and then for ever.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Happened, GzipError> {
        loop {
            match &self.state {
                State::Body => return self.decode(input),
                State::Failed(error) => return Err(error.clone()),
                _ => {}
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(Happened::NeedsInput);
            };
            if let State::Trailing = self.state {
                self.trailing += input.len() as u64;
                self.in_total += input.len() as u64;
                *input = &[];
                return Ok(Happened::NeedsInput);
            }
            *input = rest;
            self.in_total += 1;
            match self.framing(byte) {
                Ok(None) => {}
                Ok(Some(happened)) => return Ok(happened),
                Err(error) => self.state = State::Failed(error),
            }
        }
    }

    /// Everything but deflate data, a byte at a time.
    fn framing(&mut self, byte: u8) -> Result<Option<Happened>, GzipError> {
        match &mut self.state {
            State::Between(count) => {
                if byte != MAGIC[usize::from(*count)] {
                    if self.members == 0 {
                        return Err(GzipError::NotGzip);
                    }
                    self.trailing = u64::from(*count) + 1;
                    self.state = State::Trailing;
                    return Ok(None);
                }
                *count += 1;
                if usize::from(*count) < MAGIC.len() {
                    return Ok(None);
                }
                if self.members >= self.limits.max_members {
                    return Err(GzipError::LimitExceeded {
                        which: "members",
                        limit: self.limits.max_members,
                    });
                }
                let mut header = HeaderReader::new();
                for byte in MAGIC {
                    header.push(byte, self.in_total)?;
                }
                self.members += 1;
                self.state = State::Header(header);
                return Ok(Some(Happened::MemberStart {
                    in_offset: self.in_total - MAGIC.len() as u64,
                }));
            }
            State::Header(header) => {
                if header.len() >= self.limits.max_header_len {
                    return Err(GzipError::LimitExceeded {
                        which: "bytes in a member's header",
                        limit: self.limits.max_header_len as u64,
                    });
                }
                if header.push(byte, self.in_total)? {
                    self.engine = E::start();
                    // Position 0 and no history: or a damaged member silently copies from the
                    // one before.
                    self.pos = 0;
                    self.last = 0..0;
                    self.crc = Crc32::new();
                    self.member_out = 0;
                    self.counted = true;
                    self.body_in_offset = self.in_total;
                    self.state = State::Body;
                }
            }
            State::Trailer { bytes, count } => {
                bytes[usize::from(*count)] = byte;
                *count += 1;
                if *count == 8 {
                    let [a, b, c, d, e, f, g, h] = *bytes;
                    self.check_trailer(
                        u32::from_le_bytes([a, b, c, d]),
                        u32::from_le_bytes([e, f, g, h]),
                    )?;
                    self.state = State::Between(0);
                }
            }
            // Handled by `next`.
            State::Body | State::Trailing | State::Failed(_) => {}
        }
        Ok(None)
    }

    fn check_trailer(&self, crc: u32, len: u32) -> Result<(), GzipError> {
        let actual = self.crc.value();
        if self.check_crc && actual != crc {
            return Err(GzipError::CrcMismatch {
                in_offset: self.in_total,
                actual,
                stated: crc,
            });
        }
        if self.counted && self.member_out != len {
            return Err(GzipError::LengthMismatch {
                in_offset: self.in_total,
                actual: self.member_out,
                stated: len,
            });
        }
        Ok(())
    }

    fn decode(&mut self, input: &mut &[u8]) -> Result<Happened, GzipError> {
        if self.buf.len() - self.pos < MIN_FREE {
            let from = self.pos - WINDOW_BYTES;
            self.buf.copy_within(from..self.pos, 0);
            self.pos = WINDOW_BYTES;
            if let Some(watched) = &mut self.watched {
                watched.moved(from);
            }
        }
        let to_line = next_line(self.in_total) - self.in_total;
        let room = usize::try_from(to_line).unwrap_or(usize::MAX);
        let now = match self.draining {
            true => &[],
            false => &input[..input.len().min(room)],
        };
        let step = match &mut self.watched {
            None => self.engine.step(now, &mut self.buf, self.pos),
            Some(watched) => self
                .engine
                .step_watched(now, &mut self.buf, self.pos, watched),
        };
        if let Some(last) = step.consumed.checked_sub(1) {
            self.last_byte = input[last];
        }
        *input = &input[step.consumed..];
        self.in_total = self.in_total.saturating_add(step.consumed as u64);
        // What is over the limit is not given out.
        let room = self.limits.max_out.saturating_sub(self.out_total);
        let over = step.produced as u64 > room;
        let produced = if over { room as usize } else { step.produced };
        self.out_total = self.out_total.saturating_add(produced as u64);
        self.member_out = self.member_out.wrapping_add(produced as u32);
        self.last = self.pos..self.pos + produced;
        self.pos += step.produced;
        if self.check_crc {
            self.crc.update(&self.buf[self.last.clone()]);
        }
        let (mut boundary, mut member_end) = (false, false);
        match step.status {
            StepStatus::BlockBoundary => boundary = true,
            StepStatus::Done => {
                member_end = true;
                self.state = State::Trailer {
                    bytes: [0; 8],
                    count: 0,
                };
            }
            StepStatus::NeedsInput if self.draining => {}
            StepStatus::NeedsInput if step.consumed == 0 && step.produced == 0 => {
                if input.is_empty() {
                    return Ok(Happened::NeedsInput);
                }
                // An engine that neither takes nor gives would be asked for ever.
                self.state = State::Failed(self.damaged());
            }
            StepStatus::NeedsInput | StepStatus::NeedsOutput => {}
            StepStatus::Failed => self.state = State::Failed(self.damaged()),
        }
        let at_line = is_line(self.in_total) && (step.consumed > 0 || self.draining);
        self.draining = at_line && step.status == StepStatus::NeedsOutput;
        let mut line = at_line && !self.draining;
        if over {
            (boundary, member_end, line) = (false, false, false);
            self.state = State::Failed(GzipError::LimitExceeded {
                which: "uncompressed bytes",
                limit: self.limits.max_out,
            });
        } else if self.out_total > self.limits.ratio_from
            && self.out_total / self.limits.max_ratio.max(1) > self.in_total
        {
            self.state = State::Failed(GzipError::LimitExceeded {
                which: "uncompressed bytes for a compressed byte",
                limit: self.limits.max_ratio,
            });
        }
        Ok(Happened::Decoded {
            boundary,
            member_end,
            line,
        })
    }

    fn damaged(&self) -> GzipError {
        GzipError::BadDeflate {
            in_offset: self.in_total,
            out_offset: self.out_total,
        }
    }

    /// Whether the stream may end here: between members, or after the last.
    pub(crate) fn finish(&self) -> Result<(), GzipError> {
        match &self.state {
            State::Between(0) | State::Trailing if self.members > 0 => Ok(()),
            State::Failed(error) => Err(error.clone()),
            State::Between(_) if self.members == 0 => Err(GzipError::NotGzip),
            _ => Err(GzipError::Truncated {
                in_offset: self.in_total,
                out_offset: self.out_total,
            }),
        }
    }
}
