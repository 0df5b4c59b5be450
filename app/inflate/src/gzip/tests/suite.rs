//! The index and its reader against flate2, on data of several natures.

mod damage;
mod differential;
mod limits;
mod saved;
mod stored;

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;

use flate2::{Compression, write::GzEncoder};

use super::Tested;
use crate::gzip::builder::{GzipOptions, Sink, Trade};
use crate::gzip::error::GzipError;
use crate::gzip::index::GzipIndex;
use crate::gzip::read::ReadState;
use crate::testing::nature;

type GzipIndexBuilder<E = Tested> = crate::GzipIndexBuilder<E>;
type GzipReader<E = Tested> = crate::GzipReader<E>;

fn gz(data: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

/// As [`gz`], with a block's end at least every `every` bytes: encoders write few of them.
fn gz_blocks(data: &[u8], level: u32, every: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    for piece in data.chunks(every) {
        encoder.write_all(piece).expect("memory");
        encoder.flush().expect("memory");
    }
    encoder.finish().expect("memory")
}

fn options(price: u64) -> GzipOptions {
    GzipOptions {
        trade: Trade {
            price,
            ..Trade::ALL
        },
        ..GzipOptions::default()
    }
}

/// Uncompressed bytes with a file in each such stretch.
const FILE_EVERY: u64 = 5_000;

/// Keeps everything, and tells of made-up files.
#[derive(Default)]
struct Files {
    out: Vec<u8>,
    told: u64,
}

impl Sink for Files {
    fn write(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn take_starts(&mut self, starts: &mut VecDeque<u64>) {
        while self.told * FILE_EVERY < self.out.len() as u64 {
            starts.push_back(self.told * FILE_EVERY);
            self.told += 1;
        }
    }
}

fn finish(builder: GzipIndexBuilder, files: &Files, price: u64) -> (GzipIndex, Option<GzipError>) {
    let (mut index, problem) = builder.finish();
    let ends = (1..=files.told).map(|n| n * FILE_EVERY - 1_000);
    index.choose_landmarks(options(price).trade, ends);
    (index, problem)
}

fn build(blob: &[u8], chunk: usize, price: u64) -> (GzipIndex, Vec<u8>, Option<GzipError>) {
    let mut files = Files::default();
    let mut builder: GzipIndexBuilder = GzipIndexBuilder::new(options(price));
    for piece in blob.chunks(chunk.max(1)) {
        if let Err(problem) = builder.push_to(piece, &mut files) {
            return (finish(builder, &files, price).0, files.out, Some(problem));
        }
    }
    let (index, problem) = finish(builder, &files, price);
    (index, files.out, problem)
}

/// What a reader gives for a range, up to its error if there is one.
fn try_read(
    index: &GzipIndex,
    blob: &[u8],
    range: Range<u64>,
    chunk: usize,
) -> (Vec<u8>, Result<ReadState, GzipError>) {
    let plan = index.plan(range).expect("inside");
    let mut out = Vec::new();
    let mut reader: GzipReader = match GzipReader::new(&index.checkpoints[plan.checkpoint], &plan) {
        Ok(reader) => reader,
        Err(error) => return (out, Err(error)),
    };
    let bytes = &blob[plan.in_range.start as usize..plan.in_range.end as usize];
    let mut state = reader.push(&[], &mut |_| {});
    for piece in bytes.chunks(chunk.max(1)) {
        state = reader.push(piece, &mut |b| out.extend_from_slice(b));
        if state.is_err() {
            break;
        }
    }
    assert!(out.len() as u64 <= plan.len);
    (out, state)
}

#[track_caller]
fn read(index: &GzipIndex, blob: &[u8], range: Range<u64>, chunk: usize) -> Vec<u8> {
    let (out, state) = try_read(index, blob, range, chunk);
    assert_eq!(state, Ok(ReadState::Done));
    out
}

#[track_caller]
fn check(blob: &[u8], data: &[u8]) {
    let price = 20;
    let (index, out, problem) = build(blob, usize::MAX, price);
    assert_eq!(problem, None);
    assert!(out == data, "inflated bytes differ");
    index.validate().expect("valid");
    for chunk in [1, 7, 4096, 65_537] {
        let (other, out, problem) = build(blob, chunk, price);
        assert_eq!(problem, None, "chunk {chunk}");
        assert!(out == data, "chunk {chunk}");
        assert!(other == index, "chunk {chunk} gives another index");
    }
    let stored = index.to_bytes();
    assert!(GzipIndex::from_bytes(&stored).expect("own bytes") == index);
    let len = data.len() as u64;
    for checkpoint in &index.checkpoints {
        // From the checkpoint itself, and far enough to use all of its window.
        let end = (checkpoint.out_offset + 70_000).min(len);
        let wanted = checkpoint.out_offset..end;
        let got = read(&index, blob, wanted.clone(), 1000);
        assert!(
            got == data[wanted.start as usize..wanted.end as usize],
            "{wanted:?}"
        );
    }
    for start in (0..len).step_by(30_011) {
        let range = start..(start + 777).min(len);
        let got = read(&index, blob, range.clone(), 64);
        assert!(
            got == data[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
}
