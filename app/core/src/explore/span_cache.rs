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

    /// The bytes of a range of compressed positions, if a kept span covers it.
    pub(super) fn get(&mut self, in_range: &Range<u64>) -> Option<Vec<u8>> {
        let covers = |(start, bytes): &(u64, Rc<[u8]>)| {
            *start <= in_range.start && in_range.end <= start + bytes.len() as u64
        };
        let at = self.spans.iter().position(covers)?;
        let (start, bytes) = self.spans.remove(at)?;
        let from = (in_range.start - start) as usize; // below the span's length
        let len = in_range.end.saturating_sub(in_range.start) as usize;
        let found = bytes[from..from + len].to_vec();
        self.spans.push_front((start, bytes));
        Some(found)
    }

    /// Keeps the bytes from a compressed position on.
    pub(super) fn put(&mut self, in_offset: u64, bytes: &[u8]) {
        if bytes.len() as u64 > MAX_SPAN {
            return;
        }
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
    fn check(cache: &mut SpanCache, range: Range<u64>, expect: Option<&[u8]>) {
        assert_eq!(cache.get(&range).as_deref(), expect, "{range:?}");
    }

    #[test]
    fn only_what_is_covered_is_found() {
        let mut cache = SpanCache::default();
        cache.put(10, b"0123456789");
        check(&mut cache, 10..20, Some(b"0123456789"));
        check(&mut cache, 12..14, Some(b"23"));
        check(&mut cache, 15..15, Some(b""));
        check(&mut cache, 9..12, None);
        check(&mut cache, 18..21, None);
    }

    #[test]
    fn it_stays_under_its_limit_and_forgets_the_oldest() {
        let mut cache = SpanCache::default();
        let span = vec![7; MAX_SPAN as usize];
        for i in 0..=LIMIT / MAX_SPAN {
            cache.put(i * MAX_SPAN, &span);
            cache.get(&(0..1)); // the first is used again and again, while it is there
        }
        assert!(cache.get(&(0..1)).is_some());
        assert!(cache.get(&(MAX_SPAN..MAX_SPAN + 1)).is_none());
        assert_eq!(cache.spans.len() as u64, LIMIT / MAX_SPAN);
        cache.put(0, &vec![0; MAX_SPAN as usize + 1]);
        assert_eq!(cache.spans.len() as u64, LIMIT / MAX_SPAN);
    }
}
