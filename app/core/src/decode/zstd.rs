//! Zstandard (RFC 8878): frames one after the other, skippable ones between them.
//!
//! `ruzstd` decodes a block that is there as a whole; cutting the stream into headers and blocks
//! is done here, so that nothing larger than a block is ever held back.

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::DecodeError;
use super::frames::{FrameIndex, FramePoint, Track};
use super::{DecodeLimits, Decoder};
use crate::layer_index::Compression;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes that a block may have (RFC 8878 section 3.1.1.2.3).
const MAX_BLOCK: usize = 128 << 10;

/// Where the stream stands.
enum State {
    /// Before a frame's magic.
    Between,
    /// In a skippable frame, so many bytes before its end.
    Skipping(u64),
    /// Before a block's header.
    Block { checksum: bool },
}

pub(super) struct ZstdDecoder {
    track: Track,
    frame: FrameDecoder,
    state: State,
    /// The beginning of a header or block that is not whole yet.
    pending: Vec<u8>,
    /// Plain bytes that the frame's header states.
    stated: Option<u64>,
    /// Where the frame's plain bytes start.
    frame_out: u64,
    seen_frame: bool,
}

impl ZstdDecoder {
    pub(super) fn new(at: FramePoint, limits: DecodeLimits) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(limits.max_window);
        ZstdDecoder {
            track: Track::new(Compression::Zstd, at, limits),
            frame,
            state: State::Between,
            pending: Vec::new(),
            stated: None,
            frame_out: 0,
            seen_frame: false,
        }
    }

    fn take(&mut self, mut input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        while !input.is_empty() {
            if let State::Skipping(left) = &mut self.state {
                let n = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                *left -= n as u64;
                let done = *left == 0;
                self.track.index.in_len += n as u64;
                input = &input[n..];
                if done {
                    self.state = State::Between;
                }
                continue;
            }
            if self.pending.is_empty() {
                let len = self.unit_len(input)?;
                if len <= input.len() {
                    let (unit, rest) = input.split_at(len);
                    input = rest;
                    self.unit(unit, out)?;
                } else {
                    self.pending.extend_from_slice(input);
                    return Ok(());
                }
                continue;
            }
            let len = self.unit_len(&self.pending)?;
            if len > self.pending.len() {
                let n = (len - self.pending.len()).min(input.len());
                self.pending.extend_from_slice(&input[..n]);
                input = &input[n..];
                continue;
            }
            self.whole_pending(out)?;
        }
        // The last bytes may have made it whole.
        if !self.pending.is_empty() && self.unit_len(&self.pending)? <= self.pending.len() {
            self.whole_pending(out)?;
        }
        Ok(())
    }

    fn whole_pending(&mut self, out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        let mut unit = std::mem::take(&mut self.pending);
        self.unit(&unit, out)?;
        unit.clear();
        self.pending = unit; // its room is used again
        Ok(())
    }

    /// How long the header or block is that begins so, as far as these bytes tell: if that is more
    /// than there are, more are needed to go on.
    fn unit_len(&self, head: &[u8]) -> Result<usize, DecodeError> {
        match self.state {
            State::Between | State::Skipping(_) => match head {
                [a, b, c, d, rest @ ..] if [*a, *b, *c, *d] == MAGIC => Ok(match rest {
                    [] => 5,
                    [descriptor, ..] => 5 + header_rest(*descriptor),
                }),
                [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(8),
                [_, _, _, _, ..] => {
                    Err(self.track.damaged("a frame does not begin with its magic"))
                }
                _ => Ok(4),
            },
            State::Block { checksum } => {
                let &[a, b, c, ..] = head else { return Ok(3) };
                let header = u32::from_le_bytes([a, b, c, 0]);
                let size = (header >> 3) as usize;
                let len = match header >> 1 & 3 {
                    1 => 1, // a run: one byte
                    3 => return Err(self.track.damaged("a block of the reserved type")),
                    _ if size > MAX_BLOCK => {
                        return Err(self.track.damaged("a block larger than any may be"));
                    }
                    _ => size,
                };
                let last = header & 1 == 1;
                Ok(3 + len + if last && checksum { 4 } else { 0 })
            }
        }
    }

    /// Takes a whole header or block.
    fn unit(&mut self, unit: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        match self.state {
            State::Between | State::Skipping(_) if unit[0] & 0xf0 == 0x50 => {
                let [_, _, _, _, a, b, c, d] = *unit else {
                    return Err(self.track.damaged("a skippable frame is cut short"));
                };
                let left = u64::from(u32::from_le_bytes([a, b, c, d]));
                self.track.index.in_len += unit.len() as u64;
                self.state = match left {
                    0 => State::Between,
                    left => State::Skipping(left),
                };
            }
            State::Between | State::Skipping(_) => self.header(unit)?,
            State::Block { checksum } => self.block(unit, checksum, out)?,
        }
        Ok(())
    }

    fn header(&mut self, unit: &[u8]) -> Result<(), DecodeError> {
        self.track.frame_start();
        self.seen_frame = true;
        self.frame_out = self.track.index.out_len;
        if let Err(error) = self.frame.reset(unit) {
            return Err(match error {
                FrameDecoderError::WindowSizeTooBig { max, .. } => DecodeError::LimitExceeded {
                    compression: Compression::Zstd,
                    which: "bytes in a frame's window",
                    limit: max,
                },
                other => self.track.damaged(other.to_string()),
            });
        }
        let descriptor = unit[4];
        let states_size = descriptor >> 6 != 0 || descriptor & 0x20 != 0;
        self.stated = states_size.then(|| self.frame.content_size());
        self.track.index.in_len += unit.len() as u64;
        self.state = State::Block {
            checksum: descriptor & 4 != 0,
        };
        Ok(())
    }

    fn block(
        &mut self,
        unit: &[u8],
        checksum: bool,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DecodeError> {
        let decoded = self
            .frame
            .decode_blocks(unit, BlockDecodingStrategy::UptoBlocks(1));
        if let Err(error) = decoded {
            // What the window still holds is good.
            let detail = error.to_string();
            self.drain(out)?;
            return Err(self.track.damaged(detail));
        }
        self.track.index.in_len += unit.len() as u64;
        self.drain(out)?;
        if !self.frame.is_finished() {
            return Ok(());
        }
        let given = self.track.index.out_len - self.frame_out;
        if self.stated.is_some_and(|stated| stated != given) {
            return Err(self
                .track
                .damaged("a frame's size is not the one that it states"));
        }
        if checksum && self.frame.get_checksum_from_data() != self.frame.get_calculated_checksum() {
            return Err(self.track.damaged("a frame's checksum is wrong"));
        }
        self.state = State::Between;
        Ok(())
    }

    /// Gives on what no later block can refer to.
    fn drain(&mut self, out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        let mut sink = Sink {
            track: &mut self.track,
            out,
            refused: None,
        };
        let drained = self.frame.collect_to_writer(&mut sink);
        match (sink.refused, drained) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(self.track.damaged(error.to_string())),
            (None, Ok(_)) => Ok(()),
        }
    }
}

/// Where the decoder's bytes go.
struct Sink<'a> {
    track: &'a mut Track,
    out: &'a mut dyn FnMut(&[u8]),
    refused: Option<DecodeError>,
}

impl std::io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Err(error) = self.track.give(bytes, self.out) {
            self.refused = Some(error);
            return Err(std::io::ErrorKind::Other.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Bytes of a frame's header after its descriptor (RFC 8878 section 3.1.1.1).
fn header_rest(descriptor: u8) -> usize {
    let single = descriptor & 0x20 != 0;
    let window = usize::from(!single);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        n => 1 << n,
    };
    window + dictionary + size
}

impl Decoder for ZstdDecoder {
    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        self.track.check()?;
        let result = self.take(input, out);
        self.track.keep(result)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        self.track.check()?;
        let between = matches!(self.state, State::Between) && self.pending.is_empty();
        match between {
            true => Ok(()),
            false => Err(self.track.truncated()),
        }
    }

    fn so_far(&self) -> &FrameIndex {
        &self.track.index
    }
}
