//! Which answers of registries are kept for when there is no network, and how.

use crate::local::SCHEME;
use crate::port::{Headers, HttpRequest, Method};

/// Longest body that is kept, in bytes: a part of a layer for a file that is read has some 64 KiB,
/// a manifest at most 4 MiB and seldom 100 KiB.
pub const MAX_BYTES: usize = 1 << 20;

/// The key of what is worth keeping: content that is read, by whichever way a registry is reached.
/// None for what somebody had to be let in for: a key names no person, and the next one at this
/// browser may be another.
pub fn key(request: &HttpRequest) -> Option<String> {
    let path = request.url.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let through_proxy =
        path.contains("/api/v1/") && ["manifest", "blob", "referrers"].contains(&name);
    let direct = ["/manifests/", "/blobs/", "/referrers/"];
    let content = through_proxy || direct.iter().any(|part| path.contains(part));
    // What is on disk is there as it is.
    let wanted =
        content && !request.private && request.method == Method::Get && !path.starts_with(SCHEME);
    let range = request.header("range").unwrap_or_default();
    wanted.then(|| format!("{} {range}", request.url))
}

/// Whether an answer may be kept, by what is said before its body.
pub fn may_keep(status: u16, headers: &Headers) -> bool {
    let len = headers.get("content-length");
    let fits = len
        .and_then(|l| l.parse().ok())
        .is_none_or(|l: usize| l <= MAX_BYTES);
    let mut said = headers.get_all("cache-control");
    let forbidden = said.any(|value| value.to_ascii_lowercase().contains("no-store"));
    matches!(status, 200 | 206) && fits && !forbidden
}

/// How many bytes the answer to a request for a part has. Whoever asked for it reads so many, and
/// does not wait for the end. None where that has to be waited for.
pub fn expected_len(request: &HttpRequest, status: u16) -> Option<usize> {
    let range = request.header("range").filter(|_| status == 206)?;
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, last) = (start.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    usize::try_from(last.checked_sub(start)?.checked_add(1)?).ok()
}

/// The beginning of a record, which the body follows.
pub fn head(status: u16, headers: &Headers) -> Vec<u8> {
    let mut head = status.to_string();
    for (name, value) in headers.iter() {
        head.push_str(&format!("\n{name}: {value}"));
    }
    head.push('\0');
    head.into_bytes()
}

/// Status, headers and body of a record.
pub fn read(record: &[u8]) -> Option<(u16, Headers, Vec<u8>)> {
    let end = memchr::memchr(0, record)?;
    let head = std::str::from_utf8(&record[..end]).ok()?;
    let (status, lines) = head.split_once('\n').unwrap_or((head, ""));
    let headers = lines.lines().filter_map(|line| line.split_once(": "));
    Some((
        status.parse().ok()?,
        headers.collect(),
        record[end + 1..].to_vec(),
    ))
}

/// Most bytes in a half: some hundreds of images with some thousands of files that were read.
pub const HALF_BYTES: u32 = 32_000_000;
/// Most records in a half. Each costs the browser some hundred bytes beside its own.
pub const HALF_RECORDS: u32 = 2_000;

/// How full the halves are, and which of them is written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Full {
    current: usize,
    records: [u32; 2],
    bytes: [u32; 2],
}

impl Full {
    /// Reads what [`Full::text`] has written.
    pub fn parse(text: &str) -> Option<Full> {
        let mut numbers = text.split(' ').map(|n| n.parse::<u32>().ok());
        let mut next = || numbers.next().flatten();
        Some(Full {
            current: usize::from(next()? == 1),
            records: [next()?, next()?],
            bytes: [next()?, next()?],
        })
    }

    /// As it is kept.
    pub fn text(self) -> String {
        let Full {
            current,
            records: [a, b],
            bytes: [c, d],
        } = self;
        format!("{current} {a} {b} {c} {d}")
    }

    /// Makes room for a record of so many bytes in place of one of `old`; true if the halves change
    /// places, and the one that is written to now has to be emptied.
    pub fn take(&mut self, len: u32, old: Option<u32>) -> bool {
        let at = self.current;
        let (records, bytes) = match old {
            Some(old) => (self.records[at], self.bytes[at].saturating_sub(old)),
            None => (self.records[at] + 1, self.bytes[at]),
        };
        let bytes = bytes.saturating_add(len);
        if records <= HALF_RECORDS && bytes <= HALF_BYTES {
            (self.records[at], self.bytes[at]) = (records, bytes);
            return false;
        }
        self.current = 1 - at;
        (self.records[1 - at], self.bytes[1 - at]) = (1, len);
        true
    }

    /// The half that is written to.
    pub fn current(self) -> usize {
        self.current
    }

    /// Records kept.
    pub fn records(self) -> u32 {
        self.records[0] + self.records[1]
    }

    /// Bytes kept.
    pub fn bytes(self) -> u32 {
        self.bytes[0] + self.bytes[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "https://r.example/v2/a/b/blobs/sha256:00";

    #[test]
    fn content_is_kept_by_its_address_and_part() {
        let part = HttpRequest::get(BLOB).with_header("range", "bytes=0-9");
        assert_eq!(key(&part), Some(format!("{BLOB} bytes=0-9")));
        assert_ne!(key(&part), key(&HttpRequest::get(BLOB)));
        for url in [
            "/api/v1/manifest?registry=a&repository=b&reference=c",
            "https://proxy.example/api/v1/blob?digest=c",
            "https://r.example/v2/a/referrers/sha256:00?artifactType=x",
        ] {
            assert!(key(&HttpRequest::get(url)).is_some(), "{url}");
        }
        for url in [
            "/api/v1/token?registry=a",
            "/api/v1/tags?registry=a",
            "https://r.example/v2/a/tags/list",
            "local:0123/blobs/sha256:00",
            "config.json",
        ] {
            assert_eq!(key(&HttpRequest::get(url)), None, "{url}");
        }
        let mut head = HttpRequest::get(BLOB);
        head.method = Method::Head;
        assert_eq!(key(&head), None);
    }

    #[test]
    fn what_somebody_was_let_in_for_is_neither_kept_nor_found() {
        let mut request = HttpRequest::get(BLOB).with_header("authorization", "Bearer x");
        // A token that anybody gets, as Docker Hub wants one for what is public.
        assert!(key(&request).is_some());
        request.private = true;
        assert_eq!(key(&request), None);
    }

    #[test]
    fn answers_may_forbid_it() {
        let with = |name: &str, value: &str| [(name, value)].into_iter().collect::<Headers>();
        assert!(may_keep(200, &Headers::new()));
        assert!(may_keep(206, &with("cache-control", "private, no-cache")));
        assert!(!may_keep(200, &with("cache-control", "private, No-Store")));
        assert!(!may_keep(404, &Headers::new()));
        assert!(!may_keep(401, &Headers::new()));
        assert!(may_keep(200, &with("content-length", "1048576")));
        assert!(!may_keep(200, &with("content-length", "1048577")));
    }

    #[test]
    fn a_part_is_whole_when_its_last_byte_is_here() {
        let len = |range: &str, status| {
            expected_len(&HttpRequest::get(BLOB).with_header("range", range), status)
        };
        assert_eq!(len("bytes=10-19", 206), Some(10));
        assert_eq!(len("bytes=0-0", 206), Some(1));
        // The whole in place of a part, and what has no end.
        for (range, status) in [("bytes=10-19", 200), ("bytes=10-", 206), ("bytes=9-3", 206)] {
            assert_eq!(len(range, status), None, "{range}");
        }
        assert_eq!(len("bytes=0-18446744073709551615", 206), None);
        assert_eq!(expected_len(&HttpRequest::get(BLOB), 206), None);
    }

    #[test]
    fn a_record_is_read_back() {
        let headers: Headers = [("content-type", "a/b"), ("docker-content-digest", "x: y")]
            .into_iter()
            .collect();
        let mut record = head(206, &headers);
        record.extend_from_slice(b"body\0\n");
        let (status, read_headers, body) = read(&record).unwrap();
        assert_eq!((status, &read_headers), (206, &headers));
        assert_eq!(body, b"body\0\n");
        assert_eq!(read(&head(200, &Headers::new())).unwrap().2, b"");
        for damaged in [&b""[..], b"200", b"x\0", b"\xff\0"] {
            assert_eq!(read(damaged), None);
        }
    }

    #[test]
    fn the_halves_change_places_when_one_is_full() {
        let mut full = Full::default();
        for _ in 0..HALF_RECORDS {
            assert!(!full.take(10, None));
        }
        assert_eq!((full.records(), full.bytes()), (2000, 20_000));
        // In place of an older one there is room.
        assert!(!full.take(30, Some(10)));
        assert_eq!((full.records(), full.bytes()), (2000, 20_020));
        assert!(full.take(10, None));
        assert_eq!(full.current, 1);
        assert_eq!((full.records(), full.bytes()), (2001, 20_030));
        // By bytes too, and the first is the one that goes.
        assert!(!full.take(HALF_BYTES - 10, None));
        assert!(full.take(1, None));
        assert_eq!(
            (full.current, full.records(), full.bytes()),
            (0, 3, HALF_BYTES + 1)
        );
    }

    #[test]
    fn how_full_they_are_is_read_back() {
        let mut full = Full::default();
        full.take(7, None);
        assert_eq!(Full::parse(&full.text()), Some(full));
        for text in ["", "1", "0 1 2 3", "0 1 2 3 x"] {
            assert_eq!(Full::parse(text), None);
        }
    }
}
