//! Bits out of bytes (RFC 1951 section 3.1.1): the first bit is a byte's lowest.

/// The bits taken from the input and not used yet, and the input they come from.
///
/// Bits of `buf` above `count` may be those of the input's next bytes already, never others: so
/// the same bytes can be or-ed in again.
pub(super) struct BitReader<'a> {
    pub(super) buf: u64,
    pub(super) count: u32,
    input: &'a [u8],
    pub(super) pos: usize,
}

impl<'a> BitReader<'a> {
    /// `count` bits of `buf` come before `input`.
    pub(super) fn new(buf: u64, count: u32, input: &'a [u8]) -> Self {
        BitReader {
            buf,
            count,
            input,
            pos: 0,
        }
    }

    /// Whether there are `wanted` bits (at most 56), after taking what the input has.
    #[inline]
    pub(super) fn have(&mut self, wanted: u32) -> bool {
        if self.count < wanted {
            self.refill();
        }
        self.count >= wanted
    }

    /// Takes as many bytes as fit: at least 56 bits are there afterwards, or the input is used up.
    #[inline]
    pub(super) fn refill(&mut self) {
        let rest = self.input.get(self.pos..).unwrap_or_default();
        if let Some(word) = rest.first_chunk() {
            self.buf |= u64::from_le_bytes(*word) << (self.count & 63);
            self.pos += ((63 - self.count) >> 3) as usize;
            self.count |= 56;
            return;
        }
        for byte in rest {
            if self.count >= 56 {
                break;
            }
            self.buf |= u64::from(*byte) << self.count;
            self.count += 8;
            self.pos += 1;
        }
    }

    /// Uses up `count` bits, which must be there.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.buf >>= count & 63;
        self.count -= count;
    }

    /// The next `count` bits (at most 32), which must be there.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.buf & ((1 << count) - 1);
        self.skip(count);
        bits as u32
    }

    /// Gives the whole bytes among the unused bits back to the input.
    pub(super) fn give_back(&mut self) {
        let bytes = (self.count >> 3).min(self.pos as u32);
        self.pos -= bytes as usize;
        self.count -= bytes * 8;
        self.forget();
    }

    /// Clears what is above the bits that count: the next input may be another slice.
    pub(super) fn forget(&mut self) {
        self.buf &= (1 << self.count) - 1;
    }

    /// The input not taken yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.input.get(self.pos..).unwrap_or_default()
    }

    /// Whether all input is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.pos >= self.input.len()
    }
}
