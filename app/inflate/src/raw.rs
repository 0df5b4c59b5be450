//! Deflated data (RFC 1951) that is held whole.

use crate::engine::{DefaultEngine, Engine, StepStatus};

/// Output room at first, and how much there is at least at every further step: the engine's fast
/// loop needs some hundred bytes free.
const ROOM: usize = 4096;

/// What `data`, one deflate stream and nothing else, inflates to: none if it is damaged, ends early,
/// goes on after its end, or gives more than `limit` bytes.
///
/// What is reserved grows with what comes out, so `limit` may be anything.
pub fn inflate_whole(data: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut engine = DefaultEngine::start();
    let mut input = data;
    // Most of what is read so is some three times as long as its deflated form.
    let mut out = vec![0; data.len().saturating_mul(4).min(limit).saturating_add(ROOM)];
    let mut len = 0;
    loop {
        if out.len() - len < ROOM {
            let more = out.len().min(limit.saturating_sub(len)).max(ROOM);
            out.resize(out.len() + more, 0);
        }
        let step = engine.step(input, &mut out, len);
        input = input.get(step.consumed..)?;
        len += step.produced;
        if len > limit {
            return None;
        }
        match step.status {
            StepStatus::BlockBoundary | StepStatus::NeedsOutput => {}
            StepStatus::Done if input.is_empty() => {
                out.truncate(len);
                return Some(out);
            }
            StepStatus::Done | StepStatus::NeedsInput | StepStatus::Failed => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec;

    use super::*;

    #[track_caller]
    fn check(plain: &[u8]) {
        for level in [0, 1, 6] {
            let packed = compress_to_vec(plain, level);
            let whole = inflate_whole(&packed, plain.len());
            assert!(whole.as_deref() == Some(plain));
            assert!(inflate_whole(&packed, usize::MAX).as_deref() == Some(plain));
            if let Some(less) = plain.len().checked_sub(1) {
                assert_eq!(inflate_whole(&packed, less), None, "over the limit");
            }
            assert_eq!(inflate_whole(&packed[..packed.len() - 1], usize::MAX), None);
            assert_eq!(
                inflate_whole(&[&packed[..], b"x"].concat(), usize::MAX),
                None
            );
        }
    }

    #[test]
    fn what_was_deflated_comes_back_and_nothing_else_does() {
        check(b"");
        check(b"a");
        check(&vec![0; 3_000_000]);
        let noise = |n: usize| (n.wrapping_mul(2_654_435_761) >> 9) as u8;
        check(&(0..500_000).map(noise).collect::<Vec<_>>());
        check(&(0..500_000).map(|n| noise(n / 9)).collect::<Vec<_>>());
        assert_eq!(inflate_whole(b"", 10), None);
        assert_eq!(inflate_whole(&[0xff; 9], 10), None);
    }
}
