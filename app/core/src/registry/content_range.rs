//! The `Content-Range` header (RFC 9110, section 14.4).

use std::ops::Range;

/// What an answer says about its part of the whole. Bytes from the blob's first, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes FIRST-LAST/TOTAL` or `…/*`.
    Part {
        /// The bytes that are in the body.
        range: Range<u64>,
        /// The length of the whole, if it is said.
        total: Option<u64>,
    },
    /// `bytes */TOTAL`: nothing could be given.
    Unsatisfied {
        /// The length of the whole.
        total: u64,
    },
}

/// Reads the header; none if it is not of the form, or contradicts itself.
pub fn parse(text: &str) -> Option<ContentRange> {
    let text = text.trim();
    let (unit, rest) = text.split_once([' ', '\t'])?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (part, total) = rest.trim().split_once('/')?;
    let total = match total.trim() {
        "*" => None,
        digits => Some(number(digits)?),
    };
    if part.trim() == "*" {
        return total.map(|total| ContentRange::Unsatisfied { total });
    }
    let (first, last) = part.split_once('-')?;
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    let end = last.checked_add(1)?;
    let fits = total.is_none_or(|t| end <= t);
    (first <= last && fits).then_some(ContentRange::Part {
        range: first..end,
        total,
    })
}

/// Digits only: `parse` alone would take a plus sign.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(Range<u64>, Option<u64>)>) {
        let expect = expect.map(|(range, total)| ContentRange::Part { range, total });
        assert_eq!(parse(text), expect, "{text:?}");
    }

    #[test]
    fn parses() {
        check("bytes 0-0/1", Some((0..1, Some(1))));
        check("bytes 10-19/100", Some((10..20, Some(100))));
        check(" Bytes  10 - 19 / * ", Some((10..20, None)));
        check("bytes 10-9/100", None);
        check("bytes 0-100/100", None);
        check("bytes 0-18446744073709551615/*", None);
        check("bytes +1-2/3", None);
        check("bytes -2/3", None);
        check("bytes 1-2", None);
        check("items 1-2/3", None);
        check("bytes=1-2/3", None);
        check("", None);
        check("bytes */*", None);
        assert_eq!(
            parse("bytes */7"),
            Some(ContentRange::Unsatisfied { total: 7 })
        );
    }
}
