//! A blob's bytes in order, the whole of it or a range, over as many connections as it takes.

use std::ops::Range;

use crate::port::{Body, Http, HttpError};
use crate::registry::RegistryError;

use super::error::ExploreError;
use super::job_state::Job;
use super::ports::Ports;

/// How often a lost connection is taken up again, with no byte gained, before it is given up.
const MAX_RETRIES: u32 = 5;
/// Milliseconds before the first try; each further one waits twice as long, sixteen seconds in all,
/// and up to half as long again.
const FIRST_PAUSE_MS: u32 = 500;

type BodyOf<P> = <<P as Ports>::Http as Http>::Body;

pub(super) struct Feed<'a, P: Ports> {
    job: &'a Job<P>,
    body: Option<BodyOf<P>>,
    /// Compressed position, from the blob's start, of the next byte to give out.
    at: u64,
    /// Compressed position to end at; none for the blob's end.
    end: Option<u64>,
    /// Bytes to drop first: a server that ignores Range begins at the blob's start.
    skip: u64,
    /// Compressed bytes of the whole blob, as the server says.
    total: Option<u64>,
    received: u64,
    /// Connections lost since a byte was gained.
    lost: u32,
}

impl<'a, P: Ports> Feed<'a, P> {
    /// The whole blob from a compressed position on.
    pub(super) fn whole(job: &'a Job<P>, from: u64) -> Self {
        Feed {
            job,
            body: None,
            at: from,
            end: None,
            skip: 0,
            total: None,
            received: 0,
            lost: 0,
        }
    }

    /// A range of compressed positions; not an empty one.
    pub(super) fn range(job: &'a Job<P>, in_range: Range<u64>) -> Self {
        Feed {
            at: in_range.start,
            end: Some(in_range.end),
            ..Self::whole(job, 0)
        }
    }

    /// The blob's length as the server says.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// Bytes that came, those included that nobody asked for.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Asks for the bytes from where we are.
    pub(super) async fn connect(&mut self) -> Result<(), RegistryError> {
        let (repository, digest) = (&self.job.source.repository, &self.job.source.digest);
        let client = &self.job.client;
        if let Some(end) = self.end {
            let answer = client.blob_range(repository, digest, self.at..end).await?;
            self.skip = self.at.saturating_sub(answer.start);
            self.body = Some(answer.body);
        } else {
            let (from, stream) = match client.blob_stream(repository, digest, self.at).await {
                // There is no byte there: the digest will tell whether that is right.
                Err(RegistryError::RangeNotSatisfiable { total, .. }) if self.ends_here(total) => {
                    return Ok(());
                }
                // There are more, which cannot be had so: perhaps together with all others.
                Err(RegistryError::RangeNotSatisfiable { .. }) if self.at > 0 => {
                    (0, client.blob_stream(repository, digest, 0).await?)
                }
                stream => (self.at, stream?),
            };
            self.skip = if stream.ranged {
                self.at - from
            } else {
                self.at
            };
            self.total = self.total.or(stream.total);
            self.body = Some(stream.body);
        }
        Ok(())
    }

    /// The next bytes, at least one; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, ExploreError> {
        loop {
            if self.end.is_some_and(|end| self.at >= end) {
                self.body = None;
            }
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            let cause = match body.next().await {
                Ok(Some(mut chunk)) => {
                    self.received += chunk.len() as u64;
                    self.cut(&mut chunk);
                    if chunk.is_empty() {
                        continue;
                    }
                    self.at += chunk.len() as u64;
                    self.lost = 0;
                    self.check_length()?;
                    return Ok(Some(chunk));
                }
                Ok(None) if !self.is_short() => {
                    self.body = None;
                    return Ok(None);
                }
                Ok(None) => "the transfer ended early".to_owned(),
                Err(error @ (HttpError::Network { .. } | HttpError::TimedOut)) => error.to_string(),
                Err(error) => return Err(self.connection_lost(error.to_string())),
            };
            self.reconnect(cause).await?;
        }
    }

    /// Takes away what is before and after the bytes wanted.
    fn cut(&mut self, chunk: &mut Vec<u8>) {
        let skipped = self.skip.min(chunk.len() as u64);
        self.skip -= skipped;
        chunk.drain(..skipped as usize); // at most the chunk's length
        if let Some(end) = self.end {
            let left = usize::try_from(end - self.at).unwrap_or(usize::MAX);
            chunk.truncate(left);
        }
    }

    /// Whether a refusal of the bytes from here on means that the blob ends here: by the length that
    /// comes with it, else by what is known of the blob's.
    fn ends_here(&self, refused_total: Option<u64>) -> bool {
        let known = self.total.or(self.job.source.size);
        self.at > 0
            && match refused_total {
                Some(total) => total == self.at,
                None => known.is_none_or(|known| known <= self.at),
            }
    }

    /// The server ended before the length that it stated itself; or that the manifest states,
    /// where it stated none.
    fn is_short(&self) -> bool {
        let end = self.end.or(self.total).or(self.job.source.size);
        end.is_some_and(|end| self.at < end)
    }

    /// A blob larger than its descriptor says is not the one we want; it may never end.
    fn check_length(&self) -> Result<(), ExploreError> {
        match self.job.source.size {
            Some(size) if self.at > size => Err(ExploreError::TooLong { size }),
            _ => Ok(()),
        }
    }

    async fn reconnect(&mut self, mut cause: String) -> Result<(), ExploreError> {
        self.body = None;
        if self.end.is_none() {
            self.tell_lost();
        }
        // Counted over connections: one that is made each time and brings nothing would go on for ever.
        while self.lost < MAX_RETRIES {
            let pause = FIRST_PAUSE_MS << self.lost;
            // Not all at the same moment, where a server has lost many: its microseconds are chance
            // enough.
            let chance = (self.job.ports.now_ms() * 1000.0) as u64 % u64::from(pause / 2);
            self.job.ports.sleep_ms(pause + chance as u32).await; // under a pause
            self.lost += 1;
            match self.connect().await {
                Ok(()) => return Ok(()),
                Err(error) if is_passing(&error) => cause = error.to_string(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(self.connection_lost(cause))
    }

    /// A line for the user, once for each loss.
    fn tell_lost(&self) {
        self.job.advance(|progress| {
            let lost = progress.lost.get_or_insert_default();
            lost.times += u32::from(self.lost == 0 || lost.at != self.at);
            lost.at = self.at;
        });
    }

    fn connection_lost(&self, cause: String) -> ExploreError {
        ExploreError::ConnectionLost {
            received: self.at,
            size: self.total.or(self.job.source.size),
            cause,
        }
    }
}

/// Trying again may help.
fn is_passing(error: &RegistryError) -> bool {
    match error {
        RegistryError::Network { .. } | RegistryError::RateLimited { .. } => true,
        RegistryError::Upstream { status, .. } => *status >= 500,
        _ => false,
    }
}
