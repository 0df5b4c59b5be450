//! `Range` on its way up and `Content-Range` on its way down (RFC 9110 section 14).

use http::{HeaderMap, HeaderValue, header};

use crate::error::ProxyError;

/// A Content-Range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// First and last byte, counted from the blob's start; none in the answer 416.
    pub bytes: Option<(u64, u64)>,
    /// Bytes of the whole blob, where the server knows.
    pub total: Option<u64>,
}

/// Reads `bytes A-B/N`, `bytes A-B/*` or `bytes */N`.
pub fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let total = match total {
        "*" => None,
        digits => Some(number(digits)?),
    };
    if range == "*" {
        return Some(ContentRange { bytes: None, total });
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let fits = first <= last && total.is_none_or(|total| last < total);
    fits.then_some(ContentRange {
        bytes: Some((first, last)),
        total,
    })
}

/// Checks a client's Range: one range of bytes. Several would come back as a multipart body.
///
/// # Errors
/// It is anything else.
pub fn check_range(range: &HeaderValue) -> Result<(), ProxyError> {
    let fits = || {
        let (first, last) = range
            .to_str()
            .ok()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        match (first, last) {
            ("", last) => number(last).map(|_| ()),
            (first, "") => number(first).map(|_| ()),
            (first, last) => (number(first)? <= number(last)?).then_some(()),
        }
    };
    fits().ok_or_else(|| {
        ProxyError::TargetInvalid("Range must be one range of bytes, such as bytes=0-99.".into())
    })
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last byte, and the total.
    type Pair = (Option<(u64, u64)>, Option<u64>);

    #[track_caller]
    fn down(text: &str, expect: Option<Pair>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(text).unwrap());
        let got = content_range(&headers).map(|range| (range.bytes, range.total));
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn content_ranges() {
        down("bytes 0-0/10", Some((Some((0, 0)), Some(10))));
        down("bytes 5-9/10", Some((Some((5, 9)), Some(10))));
        down("bytes 0-4/*", Some((Some((0, 4)), None)));
        down("bytes */0", Some((None, Some(0))));
        for bad in [
            "bytes 5-10/10",
            "bytes 5-4/10",
            "bytes 0-0",
            "items 0-0/1",
            "bytes -1/5",
            "bytes a-b/c",
            "bytes 0-99999999999999999999999/*",
            "bytes +0-+1/5",
            "",
        ] {
            down(bad, None);
        }
    }

    #[track_caller]
    fn up(text: &str, fits: bool) {
        assert_eq!(
            check_range(&HeaderValue::from_str(text).unwrap()).is_ok(),
            fits,
            "{text}"
        );
    }

    #[test]
    fn ranges() {
        for good in ["bytes=0-0", "bytes=5-", "bytes=-5", "bytes=10-20"] {
            up(good, true);
        }
        for bad in [
            "",
            "bytes=",
            "bytes=-",
            "bytes=0-0,5-6",
            "bytes=6-5",
            "items=0-1",
            "bytes=a-",
        ] {
            up(bad, false);
        }
    }
}
