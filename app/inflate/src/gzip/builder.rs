//! Builds an index of a gzip stream while it is decoded once.

mod saved;

pub use saved::{GzipSaved, GzipTold};

use std::collections::VecDeque;
use std::ops::Range;

use crate::engine::{DefaultEngine, Engine};
use crate::gzip::checkpoint::{BlockStart, Checkpoint, CheckpointKind};
use crate::gzip::error::GzipError;
use crate::gzip::index::GzipIndex;
use crate::gzip::landmarks::Landmark;
use crate::gzip::limits::GzipLimits;
use crate::gzip::placement::{Placed, Placement, thin};
use crate::gzip::stream::{GzipStream, Happened};
use crate::gzip::window::{GROUP, GROUP_BYTES, PackedWindow, Unpacked, group, keep_runs};

/// How an index is built.
#[derive(Debug, Clone)]
pub struct GzipOptions {
    /// What the index may take, and for what.
    pub trade: Trade,
    /// Check each member's CRC-32. Its length is always checked.
    pub check_crc: bool,
    /// What the stream may cost.
    pub limits: GzipLimits,
}

/// What is stored against what is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// So many bytes of fetches, summed over one read of each file, are worth one stored byte.
    pub price: u64,
    /// Windows take at most some so many millionths of the compressed bytes.
    pub windows_ppm: u64,
    /// Landmarks, with the states of the hash at them, likewise.
    pub landmarks_ppm: u64,
}

impl Trade {
    /// Some 0.2 % of the layer is stored, and a file takes some 130 to 190 KB.
    pub const SMALL: Trade = Trade {
        price: 600,
        windows_ppm: 1_400,
        landmarks_ppm: 600,
    };
    /// Under half a percent of the layer is stored, and a file takes well under 100 KB.
    pub const BALANCED: Trade = Trade {
        price: 600,
        windows_ppm: 4_800,
        landmarks_ppm: 1_300,
    };
    /// Some one and a half percent of the layer is stored, and a file takes about 35 to 50 KB: little
    /// more than it would with a checkpoint at every block.
    pub const FINE: Trade = Trade {
        price: 40,
        windows_ppm: 20_000,
        landmarks_ppm: 4_500,
    };
    /// No checkpoint but the first: for who only inflates.
    pub const NONE: Trade = Trade {
        price: u64::MAX,
        windows_ppm: 0,
        landmarks_ppm: 0,
    };
    /// Every block boundary is a checkpoint.
    pub const ALL: Trade = Trade {
        price: 0,
        windows_ppm: u64::MAX,
        landmarks_ppm: u64::MAX,
    };
}

/// A large file's middle is read as well: each such stretch of uncompressed bytes counts as a file
/// that starts there.
const STRETCH: u64 = 1 << 20;

/// What may be taken beyond a share: a small layer is all beginning.
const START_BYTES: u64 = 8 * 1024;

/// The bytes that may be stored for a blob's `in_len` compressed bytes, at so many millionths.
pub(crate) fn allowed_bytes(in_len: u64, ppm: u64) -> u64 {
    let share = (in_len / 1_000).saturating_mul(ppm) / 1_000;
    START_BYTES.saturating_add(share)
}

/// A member that starts fewer compressed bytes after the last candidate member is none.
const MIN_MEMBER_GAP: u64 = 4 * 1024;

/// Windows take some five eighths of their bytes when they are packed in groups.
fn packed_estimate(runs: usize) -> u64 {
    runs as u64 * 5 / 8 + 8
}

/// What a checkpoint without a window takes.
const BARE_BYTES: u64 = 6;

impl Default for GzipOptions {
    fn default() -> Self {
        GzipOptions {
            trade: Trade::BALANCED,
            check_crc: true,
            limits: GzipLimits::default(),
        }
    }
}

/// What becomes of the uncompressed bytes.
pub trait Sink {
    /// Takes the next uncompressed bytes.
    fn write(&mut self, bytes: &[u8]);

    /// Adds where files start (uncompressed positions, rising) that were found in what was
    /// written, and were not told of yet. Checkpoints are placed for them.
    fn take_starts(&mut self, starts: &mut VecDeque<u64>) {
        let _ = starts;
    }
}

/// Bytes without files.
struct Plain<'a>(&'a mut dyn FnMut(&[u8]));

impl Sink for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }
}

/// Compressed chunks of any size in, uncompressed bytes out, checkpoints collected. Every way of
/// cutting the same stream into chunks gives the same index.
pub struct GzipIndexBuilder<E: Engine = DefaultEngine> {
    stream: GzipStream<E>,
    index: GzipIndex,
    placement: Placement,
    /// The block that is watched, and its window.
    watching: Option<(BlockStart, Vec<u8>)>,
    /// Where files start that no boundary has come behind yet.
    starts: VecDeque<u64>,
    /// Files that start before the last boundary.
    files: u64,
    last_member: u64,
    /// Uncompressed bytes before the last candidate.
    last_out: Option<u64>,
    /// The last checkpoints, whose windows are not packed yet.
    loose: usize,
    /// What the window of each checkpoint will take, about, in bytes.
    costs: Vec<u64>,
    trade: Trade,
    /// Where it has stopped, if it was asked to stop ([`Self::push_to_stop`]).
    stopped: Option<Stop>,
}

/// A place at which a builder can be put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Before a block.
    Block,
    /// Behind the magic bytes of the member that begins here.
    Member { in_offset: u64 },
}

impl<E: Engine> GzipIndexBuilder<E> {
    /// At the blob's first byte.
    pub fn new(options: GzipOptions) -> Self {
        let trade = options.trade;
        GzipIndexBuilder {
            stream: GzipStream::at_member(0, 0, options.check_crc, options.limits),
            index: GzipIndex::default(),
            placement: Placement::new(trade.price),
            watching: None,
            starts: VecDeque::new(),
            files: 0,
            last_member: 0,
            last_out: None,
            loose: 0,
            costs: Vec::new(),
            trade,
            stopped: None,
        }
    }

    /// Decodes `input`; `out` gets the uncompressed bytes in order, in pieces of any size.
    ///
    /// # Errors
    /// [`GzipError`]; `out` has had all that was good before it, and [`Self::so_far`] tells of it.
    /// Every later push gives the same error.
    pub fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), GzipError> {
        self.push_to(input, &mut Plain(out))
    }

    /// As [`Self::push`], into a sink that knows of files.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_to(&mut self, input: &[u8], sink: &mut dyn Sink) -> Result<(), GzipError> {
        self.push_some(input, sink, false).map(drop)
    }

    /// As [`Self::push_to`], but only up to the next place at which the builder can be put aside
    /// ([`Self::save`]); returns what is left of the input. None: it was used up before such a
    /// place.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_to_stop<'i>(
        &mut self,
        input: &'i [u8],
        sink: &mut dyn Sink,
    ) -> Result<Option<&'i [u8]>, GzipError> {
        self.push_some(input, sink, true)
    }

    fn push_some<'i>(
        &mut self,
        mut input: &'i [u8],
        sink: &mut dyn Sink,
        stop: bool,
    ) -> Result<Option<&'i [u8]>, GzipError> {
        let done = self.decode(&mut input, sink, stop);
        self.index.in_len = self.stream.in_total;
        self.index.out_len = self.stream.out_total;
        self.index.members = self.stream.members;
        self.index.trailing = self.stream.trailing;
        Ok(done?.then_some(input))
    }

    /// True if it has stopped at a place where it can be put aside.
    fn decode(
        &mut self,
        rest: &mut &[u8],
        sink: &mut dyn Sink,
        stop: bool,
    ) -> Result<bool, GzipError> {
        self.go_on();
        loop {
            match self.stream.next(rest)? {
                Happened::NeedsInput => return Ok(false),
                Happened::MemberStart { in_offset } => {
                    self.stopped = Some(Stop::Member { in_offset });
                }
                Happened::Decoded {
                    boundary,
                    member_end,
                    line,
                } => {
                    let output = self.stream.output();
                    if !output.is_empty() {
                        sink.write(output);
                        sink.take_starts(&mut self.starts);
                    }
                    if line {
                        self.index.landmarks.add(Landmark {
                            in_offset: self.stream.in_total,
                            out_offset: self.stream.out_total,
                        });
                    }
                    self.settle_watched(member_end);
                    if boundary {
                        self.stopped = Some(Stop::Block);
                    }
                }
            }
            // What is watched would have to be put aside as well: the next place is as good.
            if stop && self.stopped.is_some() && self.watching.is_none() {
                return Ok(true);
            }
            self.go_on();
        }
    }

    /// Does what is to be done at the place that it has come to.
    fn go_on(&mut self) {
        match self.stopped.take() {
            None => {}
            Some(Stop::Member { in_offset }) => self.member_start(in_offset),
            Some(Stop::Block) if self.is_worth_watching() => {
                self.stream.watch();
                self.watching = Some((self.stream.block_start(), self.stream.window().to_vec()));
            }
            Some(Stop::Block) => {}
        }
    }

    /// Whether the block that begins here may become a checkpoint.
    fn is_worth_watching(&self) -> bool {
        self.watching.is_none()
            && self.trade != Trade::NONE
            && self.last_out != Some(self.stream.out_total)
    }

    /// Compressed bytes taken so far.
    pub fn in_len(&self) -> u64 {
        self.stream.in_total
    }

    /// Uncompressed bytes given so far.
    pub fn out_len(&self) -> u64 {
        self.stream.out_total
    }

    /// What is known now. A file whose bytes have passed can be read by it while the rest still
    /// streams in.
    pub fn so_far(&self) -> &GzipIndex {
        &self.index
    }

    /// The index of all that was decoded, and why that is not all if it is not. What is stored
    /// keeps to the trade, for files at these uncompressed positions, in the archive's order.
    pub fn finish_for(
        mut self,
        files: impl IntoIterator<Item = Range<u64>>,
    ) -> (GzipIndex, Option<GzipError>) {
        self.end_placement();
        let (starts, ends): (Vec<u64>, Vec<u64>) =
            files.into_iter().map(|file| (file.start, file.end)).unzip();
        let allowed = allowed_bytes(self.stream.in_total, self.trade.windows_ppm);
        if self.costs.iter().sum::<u64>() > allowed {
            let out_len = self.stream.out_total;
            self.thin(allowed, &|at| {
                let before = starts.partition_point(|start| *start < at);
                before as u64 + at.min(out_len) / STRETCH
            });
        }
        let trade = self.trade;
        let (mut index, problem) = self.finish();
        index.choose_landmarks(trade, ends);
        (index, problem)
    }

    /// Takes back the checkpoints that are over what is allowed.
    fn thin(&mut self, allowed: u64, files: &dyn Fn(u64) -> u64) {
        self.loose = 0;
        let all = std::mem::take(&mut self.index.checkpoints);
        let placed = all
            .into_iter()
            .zip(std::mem::take(&mut self.costs))
            .collect();
        let kept = thin(placed, self.trade.price, allowed, files);
        let mut unpacked = Unpacked::default();
        for (mut checkpoint, cost) in kept {
            // Its group is not whole any more.
            checkpoint.window = unpacked.loosen(checkpoint.window);
            self.take(vec![(checkpoint, cost)]);
        }
    }

    /// The index of all that was decoded, and why that is not all if it is not. All lines are
    /// landmarks.
    pub fn finish(mut self) -> (GzipIndex, Option<GzipError>) {
        self.end_placement();
        self.pack_windows();
        let problem = self.stream.finish().err();
        (self.index, problem)
    }

    fn end_placement(&mut self) {
        self.go_on();
        self.end_watch();
        let placement = std::mem::replace(&mut self.placement, Placement::new(0));
        let to_come = self.starts.len() as u64 + self.stream.out_total / STRETCH;
        let last = placement.finish(self.files + to_come);
        self.take(last);
    }

    fn member_start(&mut self, in_offset: u64) {
        let first = self.last_member == 0 && in_offset == 0;
        if !first && in_offset - self.last_member < MIN_MEMBER_GAP {
            return;
        }
        self.last_member = in_offset;
        let checkpoint = Checkpoint {
            in_bit_offset: in_offset * 8,
            out_offset: self.stream.out_total,
            kind: CheckpointKind::MemberStart,
            window: PackedWindow::default(),
        };
        if first {
            // Nothing comes before it, and reads may begin at once.
            self.candidate(checkpoint, 0);
        } else {
            self.candidate(checkpoint, BARE_BYTES);
        }
    }

    /// Settles the watched block once all that can refer to its window has come.
    fn settle_watched(&mut self, member_end: bool) {
        let Some(watched) = self.stream.take_watched(member_end) else {
            return;
        };
        let Some((start, window)) = self.watching.take() else {
            return;
        };
        if member_end && start.out_offset == self.stream.out_total {
            return; // nothing can be read from it
        }
        let runs = keep_runs(&window, watched.runs());
        self.block_candidate(start, runs);
    }

    /// The bytes have ended while a block was watched: what is not known to be unreferenced stays.
    fn end_watch(&mut self) {
        if let Some((start, window)) = self.watching.take()
            && start.out_offset < self.stream.out_total
        {
            let all = 0..window.len();
            let runs = keep_runs(&window, std::iter::once(all));
            self.block_candidate(start, runs);
        }
    }

    fn block_candidate(&mut self, start: BlockStart, runs: Vec<u8>) {
        let cost = packed_estimate(runs.len()) + BARE_BYTES;
        let checkpoint = Checkpoint {
            in_bit_offset: start.in_bit_offset,
            out_offset: start.out_offset,
            kind: CheckpointKind::Block,
            window: PackedWindow::loose(runs),
        };
        self.candidate(checkpoint, cost);
    }

    fn candidate(&mut self, checkpoint: Checkpoint, cost: u64) {
        let at = checkpoint.out_offset;
        if self.last_out == Some(at) {
            return; // the one before gives the same bytes
        }
        self.last_out = Some(at);
        while self.starts.front().is_some_and(|start| *start < at) {
            self.starts.pop_front();
            self.files += 1;
        }
        let files = self.files + at / STRETCH;
        self.placement.add(checkpoint, cost, files);
        let settled = self.placement.settled(files);
        self.take(settled);
    }

    /// Takes settled checkpoints into the index, and packs their windows by groups.
    fn take(&mut self, settled: Vec<Placed>) {
        for (checkpoint, cost) in settled {
            self.index.checkpoints.push(checkpoint);
            self.costs.push(cost);
            self.loose += 1;
            let open = self.index.checkpoints.len() - self.loose;
            let bytes: usize = self.index.checkpoints[open..]
                .iter()
                .map(|c| c.window.packed_len())
                .sum();
            if self.loose == GROUP || bytes >= GROUP_BYTES {
                self.pack_windows();
            }
        }
    }

    fn pack_windows(&mut self) {
        let open = self.index.checkpoints.len() - self.loose;
        let loose = &mut self.index.checkpoints[open..];
        group(loose.iter_mut().map(|c| &mut c.window));
        self.loose = 0;
    }
}
