//! The world around a session: what it is given, and what it was seen to do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::digest::{Algorithm, Digest};
use crate::explore::formats::{Formats, FormatsError};
use crate::explore::ports::{
    FileError, FileSink, FinishedFile, MemoryFile, Ports, SaveEvery, Task,
};
use crate::explore::session::LayerSession;
use crate::job::{
    Access, Event, JobId, LayerSource, Phase, Progress, ReadId, Request, Row, SociIndex, Verified,
    ViewId, ViewInfo, ViewSpec,
};
use crate::layer_index::{BlobDigests, BlobHasher, TradeChoice};
use crate::port::memory::{Answer, MemoryClock, MemoryHttp, MemoryStore};
use crate::port::{Clock, EventSink, Hash, HashError, HttpError, HttpRequest};
use crate::reference::Repository;
use crate::registry::Endpoint;
use crate::view::problem::Problem;

pub(super) const BUILD: &str = "test-build";
/// A task that takes more turns than this hangs.
const MAX_TURNS: usize = 200_000;

/// An answer to one request for a blob.
pub(super) type Script = fn(&Blob, &HttpRequest) -> Result<Answer, HttpError>;

type Told = Rc<RefCell<Vec<(Event, Option<Vec<u8>>)>>>;

/// The ports of a test.
pub(super) struct TestPorts {
    http: MemoryHttp,
    store: MemoryStore,
    clock: MemoryClock,
    told: Told,
    sleeps: Rc<RefCell<Vec<u32>>>,
    hash_dies: Rc<Cell<bool>>,
    file_limit: Rc<Cell<u64>>,
    formats_fail: Rc<Cell<bool>>,
    app_config: Rc<RefCell<Option<Vec<u8>>>>,
    spawned: Rc<RefCell<Vec<Task>>>,
    locks: Locks,
    save_every: Rc<Cell<SaveEvery>>,
}

impl Clock for TestPorts {
    fn now_ms(&self) -> f64 {
        self.clock.now_ms()
    }
}

impl EventSink for TestPorts {
    fn send(&self, event: Event, bytes: Option<Vec<u8>>) {
        self.told.borrow_mut().push((event, bytes));
    }
}

/// Pending once.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Ports for TestPorts {
    type Http = MemoryHttp;
    type Store = MemoryStore;
    type Hash = TestHash;
    type File = TestFile;
    type Lock = TestLock;

    fn http(&self) -> MemoryHttp {
        self.http.clone()
    }

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn hash(&self, algorithm: Algorithm, states: Vec<u8>) -> TestHash {
        let hasher = match states.is_empty() {
            true => BlobHasher::new(algorithm),
            false => BlobHasher::resume(&states).expect("its own states"),
        };
        TestHash {
            hasher,
            dies: self.hash_dies.clone(),
        }
    }

    async fn lock(&self, name: &str, wait: bool) -> Option<TestLock> {
        loop {
            if self.locks.borrow_mut().insert(name.to_owned()) {
                return Some(TestLock(name.to_owned(), self.locks.clone()));
            }
            if !wait {
                return None;
            }
            Turn(false).await;
        }
    }

    fn spawn(&self, task: Task) {
        self.spawned.borrow_mut().push(task);
    }

    fn save_every(&self) -> SaveEvery {
        self.save_every.get()
    }

    async fn file(&self, name: &str) -> Result<TestFile, FileError> {
        Ok(TestFile(MemoryFile::new(name, self.file_limit.get())))
    }

    async fn yield_now(&self) {
        Turn(false).await;
    }

    async fn sleep_ms(&self, ms: u32) {
        self.sleeps.borrow_mut().push(ms);
        Turn(false).await;
    }

    async fn formats(&self) -> Result<Formats<TestPorts>, FormatsError> {
        Turn(false).await;
        match self.formats_fail.get() {
            true => Err(FormatsError {
                detail: "no connection".into(),
            }),
            false => Ok(Formats::here()),
        }
    }

    async fn app_config(&self) -> Option<Vec<u8>> {
        Turn(false).await;
        self.app_config.borrow().clone()
    }

    fn memory_bytes(&self) -> u64 {
        12 << 20
    }
}

/// Hashes at once, or stops.
pub(super) struct TestHash {
    hasher: BlobHasher,
    dies: Rc<Cell<bool>>,
}

impl Hash for TestHash {
    type Output = BlobDigests;

    async fn push(&mut self, bytes: &[u8]) -> Result<(), HashError> {
        if self.dies.get() {
            return Err(HashError {
                detail: "out of memory".into(),
            });
        }
        self.hasher.push(bytes);
        Ok(())
    }

    fn states(
        &mut self,
        told: usize,
    ) -> impl Future<Output = Result<Vec<u8>, HashError>> + 'static {
        let states = self.hasher.states_since(told).to_vec();
        async {
            Turn(false).await;
            Ok(states)
        }
    }

    async fn finish(self) -> Result<BlobDigests, HashError> {
        Ok(self.hasher.finish())
    }
}

pub(super) type Locks = Rc<RefCell<BTreeSet<String>>>;

/// Held until it is dropped.
pub(super) struct TestLock(String, Locks);

impl Drop for TestLock {
    fn drop(&mut self) {
        self.1.borrow_mut().remove(&self.0);
    }
}

/// A file in memory.
pub(super) struct TestFile(MemoryFile);

impl FileSink for TestFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.0.write(bytes)
    }

    fn finish(self) -> Result<FinishedFile, FileError> {
        self.0.finish()
    }
}

/// A layer on a registry.
#[derive(Clone)]
pub(super) struct Blob {
    pub(super) bytes: Rc<[u8]>,
    pub(super) digest: Digest,
}

impl Blob {
    pub(super) fn new(bytes: Vec<u8>) -> Blob {
        Blob {
            digest: Digest::of(Algorithm::Sha256, &bytes),
            bytes: bytes.into(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Bytes that do not compress.
pub(super) fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    })
    .take(len)
    .collect()
}

pub(super) const BIG: usize = 3_000_000;

/// The files of the layer that most tests open, in archive order; `None` is a directory.
pub(super) fn files() -> Vec<(&'static str, Option<Vec<u8>>)> {
    vec![
        ("etc/", None),
        ("etc/hostname", Some(b"layerscope\n".to_vec())),
        ("etc/empty", Some(Vec::new())),
        ("usr/share/noise.bin", Some(noise(BIG, 7))),
        ("usr/share/small.txt", Some(noise(12_000, 8))),
        ("usr/share/last.txt", Some(b"the end\n".to_vec())),
    ]
}

/// A file's ordinal and bytes.
pub(super) fn file(name: &str) -> (u32, Vec<u8>) {
    let all = files();
    let at = all.iter().position(|(path, _)| *path == name).unwrap();
    (at as u32, all[at].1.clone().unwrap())
}

pub(super) fn tar() -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for (path, bytes) in files() {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        match &bytes {
            Some(bytes) => header.set_size(bytes.len() as u64),
            None => {
                header.set_entry_type(::tar::EntryType::Directory);
                header.set_size(0);
            }
        }
        let bytes = bytes.unwrap_or_default();
        archive.append_data(&mut header, path, &*bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn layer() -> Blob {
    Blob::new(gzip(&tar()))
}

/// Answers as a registry does that knows ranges.
pub(super) fn serve(blob: &Blob, request: &HttpRequest) -> Answer {
    let bytes = &blob.bytes;
    let Some(range) = request.header("range") else {
        return Answer::ok(bytes.to_vec()).chunked(50_000);
    };
    let (start, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let start: usize = start.parse().unwrap();
    let end = last
        .parse::<usize>()
        .map_or(bytes.len(), |last| last + 1)
        .min(bytes.len());
    let part = bytes[start..end].to_vec();
    Answer::status(206)
        .header("Content-Length", part.len().to_string())
        .header(
            "Content-Range",
            format!("bytes {start}-{}/{}", end - 1, bytes.len()),
        )
        .body(part)
        .chunked(50_000)
}

/// A session, its tasks, and all that can be seen of it from outside.
pub(super) struct World {
    pub(super) session: LayerSession<TestPorts>,
    tasks: Vec<Task>,
    pub(super) http: MemoryHttp,
    pub(super) store: MemoryStore,
    pub(super) clock: MemoryClock,
    pub(super) sleeps: Rc<RefCell<Vec<u32>>>,
    pub(super) hash_dies: Rc<Cell<bool>>,
    pub(super) file_limit: Rc<Cell<u64>>,
    pub(super) formats_fail: Rc<Cell<bool>>,
    pub(super) app_config: Rc<RefCell<Option<Vec<u8>>>>,
    spawned: Rc<RefCell<Vec<Task>>>,
    pub(super) save_every: Rc<Cell<SaveEvery>>,
    told: Told,
}

impl World {
    pub(super) fn new(
        store: &MemoryStore,
        handler: impl Fn(&HttpRequest) -> Result<Answer, HttpError> + 'static,
    ) -> World {
        World::beside(&Locks::default(), store, handler)
    }

    /// One of several tabs.
    pub(super) fn beside(
        locks: &Locks,
        store: &MemoryStore,
        handler: impl Fn(&HttpRequest) -> Result<Answer, HttpError> + 'static,
    ) -> World {
        let told = Told::default();
        let (sleeps, hash_dies) = (Rc::default(), Rc::<Cell<bool>>::default());
        let file_limit = Rc::new(Cell::new(u64::MAX));
        let formats_fail = Rc::<Cell<bool>>::default();
        let app_config = Rc::<RefCell<Option<Vec<u8>>>>::default();
        let spawned = Rc::<RefCell<Vec<Task>>>::default();
        let save_every = Rc::new(Cell::new(SaveEvery::default()));
        let (http, clock) = (MemoryHttp::new(handler), MemoryClock::default());
        let ports = TestPorts {
            http: http.clone(),
            store: store.clone(),
            clock: clock.clone(),
            told: told.clone(),
            sleeps: Rc::clone(&sleeps),
            hash_dies: hash_dies.clone(),
            file_limit: file_limit.clone(),
            formats_fail: formats_fail.clone(),
            app_config: app_config.clone(),
            spawned: spawned.clone(),
            locks: locks.clone(),
            save_every: save_every.clone(),
        };
        World {
            session: LayerSession::new(ports, BUILD),
            tasks: Vec::new(),
            http,
            store: store.clone(),
            clock,
            sleeps,
            hash_dies,
            file_limit,
            formats_fail,
            app_config,
            spawned,
            save_every,
            told,
        }
    }

    /// A registry that has this blob and nothing is wrong with it.
    pub(super) fn of(blob: &Blob) -> World {
        Self::on(blob, &MemoryStore::default())
    }

    /// The same with a store from before.
    pub(super) fn on(blob: &Blob, store: &MemoryStore) -> World {
        let blob = blob.clone();
        World::new(store, move |request| Ok(serve(&blob, request)))
    }

    /// A registry that answers the requests in turn by functions.
    pub(super) fn scripted(blob: &Blob, answers: Vec<Script>) -> World {
        let (blob, asked) = (blob.clone(), Cell::new(0));
        World::new(&MemoryStore::default(), move |request| {
            let at = asked.replace(asked.get() + 1);
            match answers.get(at) {
                Some(answer) => answer(&blob, request),
                None => Ok(serve(&blob, request)),
            }
        })
    }

    /// Sends a request and lets it run until it first waits.
    pub(super) fn post(&mut self, request: Request) {
        let session = self.session.clone();
        self.start(async move { session.handle(request).await });
    }

    fn start(&mut self, task: impl Future<Output = ()> + 'static) {
        let mut task: Task = Box::pin(task);
        let mut context = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut context).is_pending() {
            self.tasks.push(task);
        }
    }

    /// Lets the session read what is stored of a layer until it first waits.
    pub(super) fn expect(&mut self, blob: &Blob) {
        let (session, digest) = (self.session.clone(), blob.digest.clone());
        self.start(async move { session.expect(&digest).await });
    }

    /// Gives every task one turn.
    pub(super) fn turn(&mut self) {
        self.tasks.append(&mut self.spawned.borrow_mut());
        let mut context = Context::from_waker(Waker::noop());
        self.tasks
            .retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
    }

    /// Runs every task to its end.
    #[track_caller]
    pub(super) fn run(&mut self) {
        for _ in 0..MAX_TURNS {
            if self.tasks.is_empty() && self.spawned.borrow().is_empty() {
                return;
            }
            self.turn();
        }
        panic!("{} tasks hang", self.tasks.len());
    }

    /// Runs until something holds.
    #[track_caller]
    pub(super) fn run_until(&mut self, holds: impl Fn(&World) -> bool) {
        for _ in 0..MAX_TURNS {
            if holds(self) {
                return;
            }
            self.turn();
        }
        panic!("it never came to that");
    }

    pub(super) fn open_as(&mut self, job: JobId, blob: &Blob, size: Option<u64>) {
        let source = Self::source(blob, size);
        self.open_source(job, source);
    }

    pub(super) fn source(blob: &Blob, size: Option<u64>) -> LayerSource {
        LayerSource {
            endpoint: Endpoint::proxy(""),
            repository: Repository::parse("registry.test/library/demo").unwrap(),
            digest: blob.digest.clone(),
            size,
            media_type: None,
            annotations: vec![(
                "org.opencontainers.image.title".to_owned(),
                "dir/file.bin.gz".to_owned(),
            )],
            manifest: None,
            soci: SociIndex::Unknown,
            given: None,
            whole: false,
            again: false,
            trade: TradeChoice::default(),
            unnamed: false,
        }
    }

    pub(super) fn open_source(&mut self, job: JobId, source: LayerSource) {
        let access = Access::default();
        self.post(Request::Open {
            job,
            source,
            access,
        });
    }

    pub(super) fn open(&mut self, blob: &Blob) {
        self.open_as(1, blob, Some(blob.len()));
    }

    pub(super) fn view(&mut self, view: ViewId, spec: ViewSpec) {
        self.post(Request::View { job: 1, view, spec });
    }

    pub(super) fn read(&mut self, read: ReadId, ordinal: u32, start: u64, len: u64) {
        self.post(Request::Read {
            job: 1,
            read,
            ordinal,
            start,
            len,
        });
    }

    /// Every event so far, taken away.
    pub(super) fn take_told(&self) -> Vec<(Event, Option<Vec<u8>>)> {
        std::mem::take(&mut self.told.borrow_mut())
    }

    pub(super) fn told(&self) -> Vec<Event> {
        self.told
            .borrow()
            .iter()
            .map(|(event, _)| event.clone())
            .collect()
    }

    /// How job 1 stands.
    #[track_caller]
    pub(super) fn progress(&self) -> Progress {
        self.progress_of(1).expect("no progress was told")
    }

    pub(super) fn progress_of(&self, id: JobId) -> Option<Progress> {
        self.told().into_iter().rev().find_map(|event| match event {
            Event::Progress { job, progress } if job == id => Some(progress),
            _ => None,
        })
    }

    pub(super) fn phase(&self) -> Phase {
        self.progress_of(1).map_or(Phase::Starting, |p| p.phase)
    }

    /// Bytes that job 1 has received, told or not.
    pub(super) fn received(&self) -> u64 {
        self.session.received(1).unwrap_or_default()
    }

    /// The last shape of a listing of job 1.
    pub(super) fn info(&self, id: ViewId) -> Option<ViewInfo> {
        self.told().into_iter().rev().find_map(|event| match event {
            Event::View { view, info, .. } if view == id => Some(info),
            _ => None,
        })
    }

    /// Asks for all rows of a listing of job 1.
    #[track_caller]
    pub(super) fn rows(&mut self, id: ViewId) -> Vec<Row> {
        self.post(Request::Rows {
            job: 1,
            view: id,
            start: 0,
            end: u32::MAX,
        });
        let rows = self.told().into_iter().rev().find_map(|event| match event {
            Event::Rows { view, rows, .. } if view == id => Some(rows),
            _ => None,
        });
        rows.expect("no rows were told")
    }

    /// The rows that were told last of a listing of any job.
    #[track_caller]
    pub(super) fn paths_of(&self, id: JobId, of: ViewId) -> Vec<String> {
        let rows = self.told().into_iter().rev().find_map(|event| match event {
            Event::Rows {
                job, view, rows, ..
            } if job == id && view == of => Some(rows),
            _ => None,
        });
        let rows = rows.expect("no rows were told");
        rows.iter().map(|row| row.path.encode()).collect()
    }

    pub(super) fn paths(&mut self, id: ViewId) -> Vec<String> {
        self.rows(id).iter().map(|row| row.path.encode()).collect()
    }

    /// What came of a read.
    #[track_caller]
    pub(super) fn content(&self, id: ReadId) -> Result<Content, Problem> {
        self.answer(id).expect("the read was not answered")
    }

    pub(super) fn answer(&self, id: ReadId) -> Option<Result<Content, Problem>> {
        self.told
            .borrow()
            .iter()
            .find_map(|(event, bytes)| match event {
                Event::Content {
                    read,
                    start,
                    total,
                    verified,
                    fetched,
                    ..
                } if *read == id => Some(Ok(Content {
                    bytes: bytes.clone().expect("content has bytes"),
                    start: *start,
                    total: *total,
                    verified: *verified,
                    fetched: *fetched,
                })),
                Event::ReadFailed { read, problem, .. } if *read == id => {
                    Some(Err(problem.clone()))
                }
                _ => None,
            })
    }

    /// The ranges asked for, in order; `None` for a whole blob.
    pub(super) fn ranges(&self) -> Vec<Option<String>> {
        let requests = self.http.requests();
        requests
            .iter()
            .map(|r| r.header("range").map(str::to_owned))
            .collect()
    }

    pub(super) fn notices(&self) -> Vec<String> {
        let codes = self.told().into_iter().filter_map(|event| match event {
            Event::Notice { problem } => Some(problem.code),
            _ => None,
        });
        codes.collect()
    }
}

/// What a read gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) start: u64,
    pub(super) total: u64,
    pub(super) verified: Verified,
    pub(super) fetched: u64,
}
