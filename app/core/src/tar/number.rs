//! Numbers as tar writes them: octal text, base-256, and PAX decimals.

/// A header's number: octal text padded with spaces or NULs (POSIX), or base-256 with the top bit
/// of the first byte set (GNU), two's complement. Nothing but padding is 0. `None` if it is
/// neither, or does not fit.
pub(super) fn field(bytes: &[u8]) -> Option<i64> {
    match bytes.first() {
        Some(first) if first & 0x80 != 0 => base256(bytes),
        _ => octal(bytes),
    }
}

fn base256(bytes: &[u8]) -> Option<i64> {
    let (first, rest) = bytes.split_first()?;
    // The first byte: marker, sign, six bits.
    let mut value: i64 = if first & 0x40 != 0 {
        i64::from(first & 0x3f) - 0x40
    } else {
        i64::from(first & 0x3f)
    };
    for byte in rest {
        value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
    }
    Some(value)
}

fn octal(bytes: &[u8]) -> Option<i64> {
    let padding = |b: &u8| matches!(b, b' ' | 0);
    let Some(start) = bytes.iter().position(|b| !padding(b)) else {
        return Some(0);
    };
    let digits = &bytes[start..];
    let end = digits.iter().position(padding).unwrap_or(digits.len());
    let (digits, after) = digits.split_at(end);
    // After a NUL anything may stand; after a space only padding.
    let after = after.split(|b| *b == 0).next().unwrap_or_default();
    if after.iter().any(|b| *b != b' ') {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(i64::from(digit - b'0'))?;
    }
    Some(value)
}

/// An unsigned decimal with nothing around it, at most `i64::MAX`: positions in an archive are
/// added up without overflow below that.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in text {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    (value <= i64::MAX as u64).then_some(value)
}

/// A PAX time: decimal seconds, perhaps negative, perhaps with a fraction of which nine digits
/// count. Seconds are rounded down, so that the nanoseconds are never negative.
pub(super) fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |b| *b == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let mut nanos: u32 = 0;
    if let Some(fraction) = parts.next() {
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        for i in 0..9 {
            nanos = nanos * 10 + fraction.get(i).map_or(0, |d| u32::from(d - b'0'));
        }
    }
    Some(match (negative, nanos) {
        (false, _) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expect: Option<i64>) {
        assert_eq!(field(input), expect, "{input:?}");
    }

    #[test]
    fn header_numbers() {
        check(b"0000644\0", Some(0o644));
        check(b"   644 \0", Some(0o644));
        check(b"644\0garb", Some(0o644));
        check(b"777777777777", Some(0o777777777777));
        check(b"\0\0\0\0\0\0\0\0", Some(0));
        check(b"        ", Some(0));
        check(b"", Some(0));
        check(b"64 4\0\0\0\0", None);
        check(b"0000684\0", None);
        check(b"-1\0", None);
        check(&[0x80, 0, 0, 0, 0, 0, 0, 1], Some(1));
        check(&[0x80, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], Some(2 << 56));
        check(&[0xff; 12], Some(-1));
        check(&[0xff, 0xff, 0xff, 0xfe], Some(-2));
        check(
            &[0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255],
            Some(i64::MAX),
        );
        check(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], None);
        check(
            &[0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
            Some(i64::MIN),
        );
        check(&[0xbf; 12], None);
    }

    #[track_caller]
    fn check_time(input: &str, expect: Option<(i64, u32)>) {
        assert_eq!(time(input.as_bytes()), expect, "{input:?}");
    }

    #[test]
    fn pax_times() {
        check_time("0", Some((0, 0)));
        check_time("1350244992.023960108", Some((1350244992, 23960108)));
        check_time("1.5", Some((1, 500_000_000)));
        check_time("1.", Some((1, 0)));
        check_time("1.0000000019", Some((1, 1)));
        check_time("-1.5", Some((-2, 500_000_000)));
        check_time("-1", Some((-1, 0)));
        check_time("", None);
        check_time(".5", None);
        check_time("+1", None);
        check_time("1.-5", None);
        check_time("9223372036854775808", None);
        check_time("-9223372036854775807.1", Some((i64::MIN, 900_000_000)));
    }

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"9223372036854775807"), Some(i64::MAX as u64));
        assert_eq!(decimal(b"9223372036854775808"), None);
        assert_eq!(decimal(b"-1"), None);
        assert_eq!(decimal(b" 1"), None);
        assert_eq!(decimal(b""), None);
    }
}
