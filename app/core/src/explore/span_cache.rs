//! The compressed bytes fetched last: neighbouring files often lie in the same span, and a file
//! that is looked at in pieces comes from one.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// Bytes kept for one layer.
const LIMIT: u64 = 4 * 1024 * 1024;
/// Larger ranges are not kept: one of them would throw out everything else.
const MAX_SPAN: u64 = 1024 * 1024;

/// Ranges of one blob, last used first.
#[derive(Debug, Default)]
pub(super) struct SpanCache {
    spans: VecDeque<(u64, Rc<[u8]>)>,
}

impl SpanCache {
    /// Whether bytes of this range are worth collecting for [`SpanCache::put`].
    pub(super) fn takes(in_range: &Range<u64>) -> bool {
        in_range.end.saturating_sub(in_range.start) <= MAX_SPAN
    }

    /// The bytes of a range of compressed positions, as far as they are kept from its start on: the
    /// file after one that was read begins in the same span and ends behind it.
    pub(super) fn get(&mut self, in_range: &Range<u64>) -> Vec<u8> {
        let end = |(start, bytes): &(u64, Rc<[u8]>)| start + bytes.len() as u64;
        let begins = |span: &(u64, Rc<[u8]>)| {
            (span.0..end(span)).contains(&in_range.start) && !in_range.is_empty()
        };
        let spans = self.spans.iter().enumerate();
        let longest = spans
            .filter(|(_, span)| begins(span))
            .max_by_key(|(_, span)| end(span));
        let Some((start, bytes)) = longest
            .map(|(at, _)| at)
            .and_then(|at| self.spans.remove(at))
        else {
            return Vec::new();
        };
        let from = (in_range.start - start) as usize; // below the span's length
        let wanted = usize::try_from(in_range.end - in_range.start).unwrap_or(usize::MAX);
        let found: Vec<u8> = bytes[from..].iter().copied().take(wanted).collect();
        self.spans.push_front((start, bytes));
        found
    }

    /// Keeps the bytes from a compressed position on.
    pub(super) fn put(&mut self, in_offset: u64, bytes: &[u8]) {
        if bytes.len() as u64 > MAX_SPAN {
            return;
        }
        // What lies in it says nothing more.
        let end = in_offset + bytes.len() as u64;
        self.spans
            .retain(|(start, old)| *start < in_offset || end < start + old.len() as u64);
        self.spans.push_front((in_offset, bytes.into()));
        let mut sum = 0;
        self.spans.retain(|(_, bytes)| {
            sum += bytes.len() as u64;
            sum <= LIMIT
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cache: &mut SpanCache, range: Range<u64>, expect: &[u8]) {
        assert_eq!(cache.get(&range), expect, "{range:?}");
    }

    #[test]
    fn what_is_covered_from_the_start_on_is_found() {
        let mut cache = SpanCache::default();
        cache.put(10, b"0123456789");
        check(&mut cache, 10..20, b"0123456789");
        check(&mut cache, 12..14, b"23");
        check(&mut cache, 15..15, b"");
        check(&mut cache, 9..12, b"");
        check(&mut cache, 18..21, b"89");
        check(&mut cache, 20..21, b"");
        check(&mut cache, 18..u64::MAX, b"89");
    }

    #[test]
    fn a_longer_span_takes_the_place_of_a_shorter_one() {
        let mut cache = SpanCache::default();
        cache.put(10, b"0123");
        cache.put(12, b"2345");
        check(&mut cache, 12..20, b"2345");
        cache.put(10, b"0123456789");
        assert_eq!(cache.spans.len(), 1);
        check(&mut cache, 12..20, b"23456789");
    }

    #[test]
    fn it_stays_under_its_limit_and_forgets_the_oldest() {
        let mut cache = SpanCache::default();
        let span = vec![7; MAX_SPAN as usize];
        for i in 0..=LIMIT / MAX_SPAN {
            cache.put(i * MAX_SPAN, &span);
            cache.get(&(0..1)); // the first is used again and again, while it is there
        }
        assert!(!cache.get(&(0..1)).is_empty());
        assert!(cache.get(&(MAX_SPAN..MAX_SPAN + 1)).is_empty());
        assert_eq!(cache.spans.len() as u64, LIMIT / MAX_SPAN);
        cache.put(0, &vec![0; MAX_SPAN as usize + 1]);
        assert_eq!(cache.spans.len() as u64, LIMIT / MAX_SPAN);
    }
}
