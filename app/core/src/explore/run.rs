//! A layer that streams in: where it stands, so that it can be stopped and gone on with.

use std::rc::Rc;

use crate::layer_index::BuildError;
use crate::port::Hash;

use super::error::ExploreError;
use super::feed::Feed;
use super::formats::Local;
use super::job_state::Job;
use super::ports::Ports;
use super::session::Inner;
use super::stream::End;
use crate::job::Phase;

/// Compressed bytes taken in one go, between two chances to look at other messages: some 5 ms of
/// inflating.
const SLICE: usize = 1024 * 1024;

/// Stores how a build stands, now and then (`keep.rs`).
pub(super) trait Keep<P: Ports> {
    /// If it is time to, takes so many of these bytes to the builder that it can be stored, and
    /// stores it, under the lock that the run has. Returns how many it took.
    fn pass(
        &mut self,
        job: &Job<P>,
        at: (&mut P::Hash, Option<&Rc<P::Lock>>),
        bytes: &[u8],
    ) -> usize;
    /// Keeps other tabs away again after a stop at a compressed position, and looks at what they
    /// have made meanwhile.
    fn again<'a>(
        &'a mut self,
        session: &'a Inner<P>,
        job: &'a Job<P>,
        at: u64,
    ) -> Local<'a, Result<Again<P>, End>>;
    /// The index is whole: nothing more is stored, and what was is removed.
    fn end<'a>(&self, job: &'a Job<P>) -> Local<'a, ()>;
}

/// How a stream goes on that was stopped.
pub(super) enum Again<P: Ports> {
    /// Where it was, under this lock.
    Same(Option<Rc<P::Lock>>),
    /// From where another tab has come to.
    Further(Box<Run<P>>),
    /// Not at all: its index is there.
    Made,
}

/// How far it is.
pub(super) struct Run<P: Ports> {
    pub(super) hash: P::Hash,
    /// Compressed position of the next byte to be fetched.
    pub(super) at: u64,
    /// What was fetched last.
    chunk: Vec<u8>,
    /// The hasher has it.
    hashed: bool,
    /// So much of it the builder has.
    done: usize,
    /// The first byte came so long ago, but for the time when it was stopped: milliseconds.
    elapsed_ms: Option<f64>,
    pub(super) keep: Option<Box<dyn Keep<P>>>,
    /// Others wait while somebody has it.
    pub(super) lock: Option<Rc<P::Lock>>,
}

impl<P: Ports> Run<P> {
    /// From a compressed position on, up to which the hasher and the job's builder are.
    pub(super) fn new(hash: P::Hash, at: u64) -> Self {
        Run {
            hash,
            at,
            chunk: Vec::new(),
            hashed: true,
            done: 0,
            elapsed_ms: None,
            keep: None,
            lock: None,
        }
    }

    /// Streams to the blob's end. Whatever stops it, it can go on from there.
    pub(super) async fn stream(&mut self, job: &Job<P>) -> Result<(), End> {
        let mut feed = Feed::whole(job, self.at);
        job.stop
            .guard(feed.connect())
            .await?
            .map_err(ExploreError::from)?;
        job.advance(|progress| {
            progress.phase = Phase::Streaming;
            progress.size = progress.size.or(feed.total());
        });
        let mut began = None;
        while self.done < self.chunk.len() || self.fetch(job, &mut feed).await? {
            let began = *began
                .get_or_insert_with(|| job.ports.now_ms() - self.elapsed_ms.unwrap_or_default());
            // First, so that it is hashed while it is inflated here.
            self.hash_chunk(job).await?;
            while self.done < self.chunk.len() {
                self.inflate(job).await?;
                let elapsed_ms = job.ports.now_ms() - began;
                self.elapsed_ms = Some(elapsed_ms);
                job.progress.borrow_mut().elapsed_ms = elapsed_ms;
                job.tick();
                job.stop.guard(job.ports.yield_now()).await?;
            }
        }
        Ok(())
    }

    /// The next chunk; false at the end. Cancelled, none is lost: what is noted is noted before.
    async fn fetch(&mut self, job: &Job<P>, feed: &mut Feed<'_, P>) -> Result<bool, End> {
        let next = async {
            let Some(chunk) = feed.next().await? else {
                return Ok(false);
            };
            self.at += chunk.len() as u64;
            (self.chunk, self.hashed, self.done) = (chunk, false, 0);
            Ok::<_, ExploreError>(true)
        };
        Ok(job.stop.guard(next).await??)
    }

    async fn hash_chunk(&mut self, job: &Job<P>) -> Result<(), End> {
        if self.hashed {
            return Ok(());
        }
        let push = async {
            self.hash.push(&self.chunk).await?;
            self.hashed = true;
            Ok::<_, ExploreError>(())
        };
        Ok(job.stop.guard(push).await??)
    }

    /// Gives the builder a slice.
    async fn inflate(&mut self, job: &Job<P>) -> Result<(), End> {
        let end = self.chunk.len().min(self.done + SLICE);
        let slice = &self.chunk[self.done..end];
        let taken = match &mut self.keep {
            Some(keep) => keep.pass(job, (&mut self.hash, self.lock.as_ref()), slice),
            None => 0,
        };
        let pushed = job.layer.borrow_mut().push(&slice[taken..]);
        job.progress.borrow_mut().received += slice.len() as u64;
        self.done = end;
        if let Err(BuildError::NoDecoder { .. }) = pushed {
            // The slice is not lost: what waits for a decoder is read when there is one.
            let formats = job.ports.formats().await.map_err(ExploreError::from)?;
            let given = job.layer.borrow_mut().set_decoders(formats.decoders);
            given.map_err(ExploreError::from)?;
        }
        Ok(())
    }
}
