//! Streams and parts of blobs. Offsets are compressed bytes from the blob's first.

use std::ops::Range;

use super::client::{Purpose, bad_answer, network};
use super::content_range::{self, ContentRange};
use super::error::{Attempt, RegistryError};
use super::read::content_length;
use crate::port::{Body, HttpError, HttpResponse};

/// A blob on its way. Its digest is not checked here.
#[derive(Debug)]
pub struct BlobStream<B> {
    /// The whole blob's length, when the answer tells.
    pub total: Option<u64>,
    /// The bytes, from the byte asked for if `ranged`, else from the blob's first.
    pub body: B,
    /// The answer starts where it was asked to; otherwise skip up to there.
    pub ranged: bool,
    /// Bytes that the body promises to have, when the answer tells: fewer means that the
    /// connection broke.
    pub expected: Option<u64>,
}

impl<B: Body> BlobStream<B> {
    pub(super) fn new(
        purpose: &Purpose<'_>,
        response: HttpResponse<B>,
        from: u64,
    ) -> Result<BlobStream<B>, RegistryError> {
        let len = content_length(&response.headers);
        if response.status == 200 {
            return Ok(BlobStream {
                total: len,
                body: response.body,
                ranged: from == 0,
                expected: len,
            });
        }
        let (range, total) = part(purpose, &response)?;
        if range.start != from || total.is_some_and(|t| t != range.end) {
            let detail = format!("bytes {from} on were asked for, and {range:?} came");
            return Err(bad_answer(purpose, &detail));
        }
        Ok(BlobStream {
            total,
            body: response.body,
            ranged: true,
            expected: Some(range.end - range.start),
        })
    }
}

/// A part of a blob on its way. Its content is not checked here.
#[derive(Debug)]
pub struct RangeAnswer<B> {
    /// The bytes.
    pub body: B,
    /// Where the body's first byte is in the blob: the start that was asked for, or 0 if the
    /// registry sends the whole.
    pub start: u64,
    /// Bytes that the body promises to have, when the answer tells.
    pub expected: Option<u64>,
    /// The whole blob's length, when the answer tells.
    pub total: Option<u64>,
    /// The registry ignored the range: skip and cut.
    pub whole: bool,
    asked: Range<u64>,
    attempt: Attempt,
}

impl<B: Body> RangeAnswer<B> {
    pub(super) fn new(
        purpose: &Purpose<'_>,
        response: HttpResponse<B>,
        asked: Range<u64>,
    ) -> Result<RangeAnswer<B>, RegistryError> {
        let attempt = purpose.attempt.clone();
        if response.status == 200 {
            let len = content_length(&response.headers);
            return Ok(RangeAnswer {
                body: response.body,
                start: 0,
                expected: len,
                total: len,
                whole: true,
                asked,
                attempt,
            });
        }
        let (range, total) = part(purpose, &response)?;
        let end = total.map_or(asked.end, |t| asked.end.min(t));
        if range != (asked.start..end) {
            let detail = format!("bytes {asked:?} were asked for, and {range:?} came");
            return Err(bad_answer(purpose, &detail));
        }
        Ok(RangeAnswer {
            body: response.body,
            start: range.start,
            expected: Some(range.end - range.start),
            total,
            whole: false,
            asked,
            attempt,
        })
    }

    /// The next piece of exactly what was asked for, whichever way it was answered; none at its
    /// end. `seen` counts the body's bytes so far; start it with 0.
    ///
    /// # Errors
    /// The body broke, or ended before the part that was promised.
    pub async fn next(&mut self, seen: &mut u64) -> Result<Option<Vec<u8>>, RegistryError> {
        loop {
            let at = self.start.saturating_add(*seen);
            if at >= self.asked.end {
                return Ok(None);
            }
            let piece = match self.body.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => return self.ended(at),
                Err(error) => {
                    let attempt = self.attempt.clone();
                    return Err(RegistryError::Network { attempt, error });
                }
            };
            let len = piece.len() as u64;
            *seen += len;
            let skip = self.asked.start.saturating_sub(at).min(len);
            let keep = self.asked.end.saturating_sub(at).min(len);
            if skip < keep {
                // Both are at most the piece's length, which is a usize.
                return Ok(Some(piece[skip as usize..keep as usize].to_vec()));
            }
        }
    }

    /// The body ended at `at` before the part's end: fine only where the blob ends too.
    fn ended(&self, at: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        match self.total {
            Some(total) if at >= total => Ok(None),
            _ => Err(RegistryError::Network {
                attempt: self.attempt.clone(),
                error: HttpError::Network {
                    url_host: self.attempt.registry.clone(),
                    detail: format!("the transfer ended at byte {at} of {}", self.asked.end),
                },
            }),
        }
    }

    /// All bytes that were asked for, up to the blob's end; `max` bounds what is held.
    pub async fn read_all(mut self, max: u64) -> Result<Vec<u8>, RegistryError> {
        let (mut out, mut seen) = (Vec::new(), 0);
        while let Some(piece) = self.next(&mut seen).await? {
            if (out.len() + piece.len()) as u64 > max {
                let attempt = self.attempt;
                return Err(RegistryError::TooLarge {
                    attempt,
                    limit: max,
                });
            }
            out.extend_from_slice(&piece);
        }
        Ok(out)
    }
}

/// The part that a 206 says it is, checked against its own length.
fn part<B>(
    purpose: &Purpose<'_>,
    response: &HttpResponse<B>,
) -> Result<(Range<u64>, Option<u64>), RegistryError> {
    let header = response.headers.get("content-range");
    let parsed = header.and_then(content_range::parse);
    let Some(ContentRange::Part { range, total }) = parsed else {
        return Err(bad_answer(
            purpose,
            "the part it sent does not say which it is",
        ));
    };
    match content_length(&response.headers) {
        Some(len) if len != range.end - range.start => Err(network(
            purpose,
            HttpError::Network {
                url_host: purpose.attempt.registry.clone(),
                detail: "the length of the part contradicts its place".into(),
            },
        )),
        _ => Ok((range, total)),
    }
}
