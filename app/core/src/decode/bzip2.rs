//! bzip2: members one after the other, as pbzip2 writes one for each block.

use bzip2::{Decompress, Status};

use super::error::DecodeError;
use super::frames::{FrameIndex, FramePoint, Track};
use super::{DecodeLimits, Decoder};
use crate::layer_index::Compression;

/// Plain bytes decoded in one go.
const OUT_BYTES: usize = 64 << 10;
const MAGIC: &[u8; 3] = b"BZh";

/// Where the stream stands.
enum State {
    /// Before a member, with so many bytes of its magic seen.
    Between(usize),
    Member(Box<Decompress>),
    /// After the last member: what follows is not bzip2, and is ignored as bzip2 itself does.
    Trailing,
}

pub(super) struct Bzip2Decoder {
    track: Track,
    state: State,
    buffer: Vec<u8>,
}

impl Bzip2Decoder {
    pub(super) fn new(at: FramePoint, limits: DecodeLimits) -> Self {
        Bzip2Decoder {
            track: Track::new(Compression::Bzip2, at, limits),
            state: State::Between(0),
            buffer: vec![0; OUT_BYTES],
        }
    }

    fn take(&mut self, mut input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        loop {
            match &mut self.state {
                State::Trailing => {
                    self.track.index.in_len += input.len() as u64;
                    return Ok(());
                }
                State::Between(seen) => {
                    let Some((&byte, rest)) = input.split_first() else {
                        return Ok(());
                    };
                    if byte != MAGIC[*seen] {
                        if self.track.index.points.is_empty() {
                            return Err(self.track.damaged("it does not begin as bzip2 does"));
                        }
                        self.state = State::Trailing;
                        continue;
                    }
                    self.track.index.in_len += 1;
                    input = rest;
                    *seen += 1;
                    if *seen == MAGIC.len() {
                        let at = self.track.index.in_len - MAGIC.len() as u64;
                        self.track.frame_start_at(at);
                        let mut member = Box::new(Decompress::new(false));
                        // It takes the magic as any other bytes, and gives nothing for it.
                        member
                            .decompress(MAGIC, &mut self.buffer)
                            .map_err(|error| self.track.damaged(error.to_string()))?;
                        self.state = State::Member(member);
                    }
                }
                State::Member(member) => {
                    let (was_in, was_out) = (member.total_in(), member.total_out());
                    let status = member
                        .decompress(input, &mut self.buffer)
                        .map_err(|error| self.track.damaged(error.to_string()))?;
                    // At most the lengths of what was given.
                    let taken = (member.total_in() - was_in) as usize;
                    let given = (member.total_out() - was_out) as usize;
                    self.track.index.in_len += taken as u64;
                    input = input.get(taken..).unwrap_or_default();
                    let bytes = self.buffer.get(..given).unwrap_or_default();
                    self.track.give(bytes, out)?;
                    match status {
                        Status::StreamEnd => self.state = State::Between(0),
                        Status::MemNeeded => {
                            return Err(self.track.damaged("a block cannot be decoded"));
                        }
                        // A full buffer means that there may be more without more input.
                        _ if input.is_empty() && given < OUT_BYTES => return Ok(()),
                        _ if taken == 0 && given == 0 => {
                            return Err(self.track.damaged("the decoder does not go on"));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

impl Decoder for Bzip2Decoder {
    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        self.track.check()?;
        let result = self.take(input, out);
        self.track.keep(result)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        self.track.check()?;
        match self.state {
            State::Member(_) => Err(self.track.truncated()),
            State::Between(seen) if seen > 0 => Err(self.track.truncated()),
            State::Between(_) | State::Trailing => Ok(()),
        }
    }

    fn so_far(&self) -> &FrameIndex {
        &self.track.index
    }
}
