//! The fast engine against miniz_oxide, against flate2 and against streams made by hand.

mod codes;
mod differential;
mod headers;
mod writer;

use crate::engine::{Engine, StepStatus};

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// The input ended before.
    CutShort,
    Failed,
}

/// All that a caller sees of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    out: Vec<u8>,
    /// Where blocks that are not the last ended: input bits, output bytes.
    boundaries: Vec<(u64, usize)>,
    end: End,
    /// Input bytes taken; nothing if the stream failed, where engines may differ.
    taken: Option<usize>,
}

/// Inflates `input` in chunks of `chunk` bytes, with output space by turns as in `rooms`.
#[track_caller]
fn trace<E: Engine>(input: &[u8], chunk: usize, rooms: &[usize]) -> Trace {
    trace_from(E::start(), &[], input, chunk, rooms)
}

#[track_caller]
fn trace_from<E: Engine>(
    mut engine: E,
    window: &[u8],
    input: &[u8],
    chunk: usize,
    rooms: &[usize],
) -> Trace {
    let mut out = window.to_vec();
    let (mut at, mut pos) = (0usize, window.len());
    let mut boundaries = Vec::new();
    let mut rooms = rooms.iter().cycle();
    let end = loop {
        let piece = &input[at..input.len().min(at.saturating_add(chunk))];
        let room = *rooms.next().expect("some");
        out.resize(pos + room, 0xee);
        let step = engine.step(piece, &mut out, pos);
        assert!(
            step.consumed <= piece.len() && step.produced <= room,
            "{step:?}"
        );
        at += step.consumed;
        pos += step.produced;
        out.truncate(pos);
        match step.status {
            StepStatus::NeedsInput => {
                assert_eq!(step.consumed, piece.len(), "input is left");
                assert!(step.produced < room, "output is full");
                if at == input.len() {
                    break End::CutShort;
                }
            }
            StepStatus::NeedsOutput => assert_eq!(step.produced, room, "output has room"),
            StepStatus::BlockBoundary => {
                assert!(engine.pending_bits() < 8);
                let bits = at as u64 * 8 - u64::from(engine.pending_bits());
                boundaries.push((bits, pos - window.len()));
            }
            StepStatus::Done => break End::Done,
            StepStatus::Failed => break End::Failed,
        }
    };
    if end != End::CutShort {
        let again = engine.step(b"more", &mut [0; 600], 0);
        assert_eq!((again.consumed, again.produced), (0, 0), "the end is final");
    }
    Trace {
        out: out.split_off(window.len()),
        boundaries,
        end,
        taken: (end != End::Failed).then_some(at),
    }
}

/// Enough for most tests' output in one step.
const PLENTY: usize = 1 << 17;

/// Ways to cut input and output; the fast loop's own limits and their neighbours are among them.
const CUTS: [(usize, &[usize]); 12] = [
    (1, &[600]),
    (2, &[0, 1]),
    (3, &[1]),
    (7, &[0, 0, 3, 500]),
    (23, &[277]),
    (24, &[278]),
    (25, &[279]),
    (100, &[300, 7]),
    (4096, &[4096]),
    (usize::MAX, &[1]),
    (usize::MAX, &[1000, 0, 333]),
    (usize::MAX, &[PLENTY]),
];
