//! xz: streams one after the other, with zeros between them (the .xz file format, section 2).

use xz4rust::{XzDecoder, XzError, XzNextBlockResult};

use super::error::DecodeError;
use super::frames::{FrameIndex, FramePoint, Track};
use super::{DecodeLimits, Decoder};
use crate::layer_index::Compression;

/// Plain bytes decoded in one go.
const OUT_BYTES: usize = 64 << 10;
/// Stream padding comes in multiples of it.
const PADDING: u64 = 4;

/// All streams of a blob.
pub(super) struct XzStreams {
    track: Track,
    decoder: Box<XzDecoder<'static>>,
    buffer: Vec<u8>,
    /// Inside a stream.
    inside: bool,
    /// Zeros since the last stream's end.
    zeros: u64,
}

impl XzStreams {
    pub(super) fn new(at: FramePoint, limits: DecodeLimits) -> Self {
        // The dictionary grows to what a stream's header asks for, up to the limit.
        let decoder =
            XzDecoder::in_heap_with_alloc_dict_size(xz4rust::DICT_SIZE_MIN, limits.max_dictionary);
        XzStreams {
            track: Track::new(Compression::Xz, at, limits),
            decoder,
            buffer: vec![0; OUT_BYTES],
            inside: false,
            zeros: 0,
        }
    }

    fn take(&mut self, mut input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        loop {
            if !self.inside {
                let zeros = input.iter().take_while(|b| **b == 0).count();
                self.zeros += zeros as u64;
                self.track.index.in_len += zeros as u64;
                input = &input[zeros..];
                if input.is_empty() {
                    return Ok(());
                }
                if !self.zeros.is_multiple_of(PADDING) {
                    return Err(self.track.damaged("zeros between streams are not by fours"));
                }
                self.zeros = 0;
                self.inside = true;
                self.track.frame_start();
            }
            let before = (self.track.index.in_len, self.track.index.out_len);
            let result = match self.decoder.decode(input, &mut self.buffer) {
                // Not fatal: it had given all that there was.
                Err(XzError::NeedsLargerInputBuffer) if input.is_empty() => return Ok(()),
                result => result.map_err(|error| self.explain(&error))?,
            };
            let (taken, given) = (result.input_consumed(), result.output_produced());
            self.track.index.in_len += taken as u64;
            input = input.get(taken..).unwrap_or_default();
            let bytes = self.buffer.get(..given).unwrap_or_default();
            self.track.give(bytes, out)?;
            match result {
                XzNextBlockResult::EndOfStream(..) => {
                    self.decoder.reset();
                    self.inside = false;
                }
                XzNextBlockResult::NeedMoreData(..) => {
                    let after = (self.track.index.in_len, self.track.index.out_len);
                    // A full buffer means that there may be more without more input.
                    if input.is_empty() && given < OUT_BYTES {
                        return Ok(());
                    }
                    if before == after {
                        return Err(self.track.damaged("the decoder does not go on"));
                    }
                }
            }
        }
    }

    fn explain(&self, error: &XzError) -> DecodeError {
        match error {
            XzError::DictionaryTooLarge(_) => DecodeError::LimitExceeded {
                compression: Compression::Xz,
                which: "bytes in a stream's dictionary",
                limit: self.track.limits.max_dictionary as u64,
            },
            other => self.track.damaged(other.to_string()),
        }
    }
}

impl Decoder for XzStreams {
    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        self.track.check()?;
        if input.is_empty() {
            return Ok(());
        }
        let result = self.take(input, out);
        self.track.keep(result)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        self.track.check()?;
        match self.inside || !self.zeros.is_multiple_of(PADDING) {
            true => Err(self.track.truncated()),
            false => Ok(()),
        }
    }

    fn so_far(&self) -> &FrameIndex {
        &self.track.index
    }
}
