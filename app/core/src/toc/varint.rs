//! Numbers of one to ten bytes, seven bits each, low bits first; negative ones zigzagged.

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number: small absolute values are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.wrapping_shl(1) ^ (value >> 63)) as u64);
}

/// Appends bytes with their length before them.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote; `None` at the end or where it is malformed.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// All has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes not read yet.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte has one bit left, and only the shortest form is good.
            if (i == 9 && *byte > 1) || (i > 0 && *byte == 0) {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[i + 1..];
                return Some(value);
            }
        }
        None
    }

    /// The next number, if it fits.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number().and_then(|n| T::try_from(n).ok())
    }

    /// The next signed number.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        self.number().map(|n| (n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// The next bytes that have their length before them.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.small::<usize>()?;
        self.take(len)
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (now, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let cases = [
            0,
            1,
            127,
            128,
            16383,
            16384,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ];
        let mut bytes = Vec::new();
        for n in cases {
            put(&mut bytes, n);
            put_signed(&mut bytes, n as i64);
            put_signed(&mut bytes, (n as i64).wrapping_neg());
        }
        put_bytes(&mut bytes, b"abc");
        let mut reader = Reader::new(&bytes);
        for n in cases {
            assert_eq!(reader.number(), Some(n));
            assert_eq!(reader.signed(), Some(n as i64));
            assert_eq!(reader.signed(), Some((n as i64).wrapping_neg()));
        }
        assert_eq!(reader.bytes(), Some(&b"abc"[..]));
        assert!(reader.is_empty());
        assert_eq!(reader.number(), None);
    }

    #[test]
    fn malformed_numbers_are_refused() {
        let check = |bytes: &[u8]| assert_eq!(Reader::new(bytes).number(), None, "{bytes:?}");
        check(&[0x80]);
        check(&[0x80, 0]);
        check(&[0xff; 11]);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]);
        assert_eq!(Reader::new(&[3, 1, 2]).bytes(), None);
    }
}
