//! Numbers in text, as old archives have them.

/// A number in this base, padded with spaces or NULs at its end; an empty field is 0.
pub(super) fn padded(field: &[u8], base: u32) -> Option<u64> {
    let end = field
        .iter()
        .rposition(|b| !matches!(b, b' ' | 0))
        .map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&field[..end]).ok()?.trim_start();
    if text.is_empty() {
        return Some(0);
    }
    // `from_str_radix` would take a sign.
    let digits = text.chars().all(|c| c.is_digit(base));
    digits.then(|| u64::from_str_radix(text, base).ok())?
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn numbers() {
        assert_eq!(padded(b"644     ", 8), Some(0o644));
        assert_eq!(padded(b"        ", 10), Some(0));
        assert_eq!(padded(b"0000fF0a", 16), Some(0xff0a));
        assert_eq!(padded(b"12\0\0", 10), Some(12));
        for bad in [&b"-1"[..], b"+1", b"8", b"1 1", b"\xff"] {
            assert_eq!(padded(bad, 8), None, "{bad:?}");
        }
        assert_eq!(padded(b"99999999999999999999", 10), None);
    }
}
