//! The messages between page and worker, and the page's side of several workers. The workers here
//! are small scripts that do what a layer worker would.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used)] // a test's panic is its message

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, ArrayBuffer, JSON, Uint8Array};
use layerscope_app::browser::message::{pack, unpack};
use layerscope_app::browser::page::{ObjectUrl, object_url};
use layerscope_app::browser::pool::{LayerPool, MAX_IDLE, MAX_STREAMING};
use layerscope_app::browser::timer;
use layerscope_app::browser::worker::LayerWorker;
use layerscope_core::digest::{Algorithm, Digest};
use layerscope_core::job::{
    Access, Event, JobId, LayerSource, Phase, Progress, Request, Verified, ViewSpec,
};
use layerscope_core::reference::Repository;
use layerscope_core::registry::Endpoint;
use layerscope_core::view::problem::Problem;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const BUILD: &str = "test";

fn source(name: &str) -> LayerSource {
    LayerSource {
        endpoint: Endpoint::proxy(""),
        repository: Repository::parse("registry.test/library/demo").unwrap(),
        digest: Digest::of(Algorithm::Sha256, name.as_bytes()),
        size: Some(u64::MAX >> 12),
        media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
        annotations: Vec::new(),
        manifest: None,
        soci: Default::default(),
        given: None,
        whole: false,
        again: false,
        trade: Default::default(),
        unnamed: false,
    }
}

#[wasm_bindgen_test]
fn a_message_crosses_with_its_bytes() {
    let event = Event::Content {
        job: 1,
        read: 2,
        start: 3,
        total: 1 << 53,
        verified: Verified::Span,
        fetched: 4,
    };
    let packed = pack(&event, Some(&[0, 1, 255])).unwrap();
    assert_eq!(packed.transfer.length(), 1);
    let buffer: ArrayBuffer = packed.transfer.get(0).unchecked_into();
    assert_eq!(buffer.byte_length(), 3);
    let (got, bytes) = unpack::<Event>(&packed.message).unwrap();
    assert_eq!((got, bytes), (event, Some(vec![0, 1, 255])));
}

#[wasm_bindgen_test]
fn a_request_crosses_without_bytes() {
    let request = Request::Open {
        job: 7,
        source: source("a"),
        access: Access {
            authorization: Some("Bearer x".to_owned()),
            credentials: None,
            renewed: false,
        },
    };
    let packed = pack(&request, None).unwrap();
    assert_eq!(packed.transfer.length(), 0);
    assert_eq!(unpack::<Request>(&packed.message), Some((request, None)));
}

#[wasm_bindgen_test]
fn what_others_post_is_no_message() {
    for foreign in ["null", "1", "\"x\"", "[]", "{}", "[1]", "[\"text\"]"] {
        let value = JSON::parse(foreign).unwrap();
        assert!(unpack::<Event>(&value).is_none(), "{foreign}");
        assert!(unpack::<Request>(&value).is_none(), "{foreign}");
    }
    for bytes in [&[][..], &[99], &[0], &[0, 1], &[0, 0, 0]] {
        let value = Array::of1(&Uint8Array::from(bytes).buffer());
        assert!(unpack::<Event>(&value).is_none(), "{bytes:?}");
        assert!(unpack::<Request>(&value).is_none(), "{bytes:?}");
    }
}

/// Whatever else changes, a page and a worker of different builds still understand this.
#[wasm_bindgen_test]
fn the_first_words_stay_the_same() {
    let build = "b1".to_owned();
    let form = Array::of1(&Uint8Array::from(&[0, 2, b'b', b'1'][..]).buffer());
    let hello = Request::Hello {
        build: build.clone(),
    };
    assert_eq!(unpack::<Request>(&form), Some((hello, None)));
    assert_eq!(unpack::<Event>(&form), Some((Event::Ready { build }, None)));
}

/// The requests in the order of their kinds, by which they begin.
const REQUESTS: &str =
    "['hello', 'open', 'inner', 'cancel', 'goon', 'close', 'view', 'rows', 'read', 'download']";
/// Jobs of which the scripts can tell how they stand; their numbers are one byte long.
const JOBS: JobId = 40;

/// An event as a script posts it.
fn literal(event: &Event) -> String {
    let packed = pack(event, None).unwrap();
    let message: Array = packed.message.unchecked_into();
    let bytes = Uint8Array::new(&message.get(0)).to_vec();
    format!("new Uint8Array({bytes:?}).buffer")
}

fn notice(code: &str) -> Event {
    Event::Notice {
        problem: Problem::new(code, "title", "cause", "remedy"),
    }
}

/// What a script knows to say: `ready`, `notice.NAME` for each request, `progress.PHASE[job]`.
fn words(build: &str) -> String {
    let mut words = format!(
        "const ready = {};\n",
        literal(&Event::Ready {
            build: build.to_owned()
        })
    );
    words.push_str("const notice = {");
    for name in REQUESTS
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|name| !name.is_empty())
    {
        words.push_str(&format!("{name}: {}, ", literal(&notice(name))));
    }
    words.push_str("};\nconst phases = {");
    for (name, phase) in [
        ("streaming", Phase::Streaming),
        ("done", Phase::Done),
        ("cancelled", Phase::Cancelled),
        ("failed", Phase::Failed),
    ] {
        let at = |job| {
            let verified = match phase {
                Phase::Done => Verified::Blob,
                _ => Verified::None,
            };
            let progress = Progress {
                phase,
                verified,
                ..Progress::default()
            };
            literal(&Event::Progress { job, progress })
        };
        let jobs: Vec<String> = (0..JOBS).map(at).collect();
        words.push_str(&format!("{name}: [{}], ", jobs.join(", ")));
    }
    words.push_str("};\n");
    words
}

/// A worker that is up after `delay` ms and then does what `on_request` says, with `request.t` (its
/// kind) and `request.job`.
fn script(build: &str, delay: u32, on_request: &str) -> ObjectUrl {
    let words = words(build);
    let text = format!(
        "{words}
         const send = (event) => postMessage([event]);
         const progress = (job, phase) => send(phases[phase][job]);
         setTimeout(() => {{
           onmessage = (message) => {{
             const [kind, job] = new Uint8Array(message.data[0]);
             const request = {{ t: {REQUESTS}[kind], job }};
             {on_request}
           }};
           send(ready);
         }}, {delay});"
    );
    object_url(text.as_bytes(), "text/javascript").unwrap()
}

/// Tells what it was asked.
const ECHO: &str = "send(notice[request.t]);";

/// What a worker that echoes was asked.
fn heard(told: &Told) -> Vec<String> {
    let told = told.borrow();
    let codes = told.iter().filter_map(|event| match event {
        Event::Notice { problem } => Some(problem.code.clone()),
        _ => None,
    });
    codes.collect()
}

type Told = Rc<RefCell<Vec<Event>>>;

fn listener(told: &Told) -> impl Fn(Event, Option<Vec<u8>>) + 'static {
    let told = told.clone();
    move |event, _| told.borrow_mut().push(event)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        timer::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to this: {what}");
}

#[wasm_bindgen_test]
async fn what_is_asked_before_a_worker_is_up_is_not_lost() {
    let told = Told::default();
    let url = script(BUILD, 50, ECHO);
    let worker = LayerWorker::spawn_at(url.href(), BUILD, listener(&told), |_| {}).unwrap();
    worker.post(&Request::Cancel { job: 1 });
    worker.post(&Request::Close { job: 1 });
    until("all were heard", || heard(&told).len() == 3).await;
    assert_eq!(heard(&told), ["hello", "cancel", "close"]);
}

#[wasm_bindgen_test]
async fn a_worker_that_does_not_load_is_told_as_a_death() {
    let deaths = Rc::new(RefCell::new(Vec::new()));
    let died = deaths.clone();
    let url = object_url(b"throw new Error('boom')", "text/javascript").unwrap();
    let worker = LayerWorker::spawn_at(
        url.href(),
        BUILD,
        |_, _| {},
        move |problem| {
            died.borrow_mut().push(problem.code);
        },
    )
    .unwrap();
    until("it died", || !deaths.borrow().is_empty()).await;
    worker.post(&Request::Cancel { job: 1 });
    assert_eq!(*deaths.borrow(), ["WORKER_STOPPED"]);
}

/// Which jobs were opened by a worker, by the progress it told.
fn phase(told: &Told, job: JobId) -> Option<Phase> {
    told.borrow().iter().rev().find_map(|event| match event {
        Event::Progress { job: of, progress } if *of == job => Some(progress.phase),
        _ => None,
    })
}

/// Streams until it is cancelled or closed.
const STREAMS: &str = "if (request.t === 'open') progress(request.job, 'streaming');
    if (request.t === 'cancel') progress(request.job, 'cancelled');";

#[wasm_bindgen_test]
async fn only_so_many_layers_stream_at_once() {
    let told = Told::default();
    let url = script(BUILD, 0, STREAMS);
    let pool = LayerPool::new_at(url.href(), BUILD, listener(&told));
    let most = layerscope_app::browser::page::hardware_concurrency().min(MAX_STREAMING);
    let jobs: Vec<JobId> = (0..most + 2)
        .map(|i| pool.open(source(&format!("{i}")), Access::default()))
        .collect();
    let (running, waiting) = jobs.split_at(most);
    until("the first ones stream", || {
        running
            .iter()
            .all(|job| phase(&told, *job) == Some(Phase::Streaming))
    })
    .await;
    timer::sleep(Duration::from_millis(100)).await;
    assert!(waiting.iter().all(|job| phase(&told, *job).is_none()));

    pool.cancel(running[0]);
    until("the next one streams", || {
        phase(&told, waiting[0]) == Some(Phase::Streaming)
    })
    .await;
    assert_eq!(phase(&told, running[0]), Some(Phase::Cancelled));

    pool.cancel(waiting[1]); // it has not begun
    until("it is cancelled all the same", || {
        phase(&told, waiting[1]) == Some(Phase::Cancelled)
    })
    .await;

    pool.close(running[most - 1]);
    let another = pool.open(source("another"), Access::default());
    until("there is room for another", || {
        phase(&told, another) == Some(Phase::Streaming)
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_layer_opened_twice_is_one_job() {
    let told = Told::default();
    let url = script(
        BUILD,
        0,
        "if (request.t === 'open') progress(request.job, 'done');",
    );
    let pool = LayerPool::new_at(url.href(), BUILD, listener(&told));
    let job = pool.open(source("a"), Access::default());
    assert_eq!(pool.open(source("a"), Access::default()), job);
    until("it is done", || phase(&told, job) == Some(Phase::Done)).await;
    let other = pool.open(source("b"), Access::default());
    assert_ne!(other, job);
    until("the other is done", || {
        phase(&told, other) == Some(Phase::Done)
    })
    .await;

    // Left and come back to: the same job, and how it stands is told again.
    pool.close(job);
    told.borrow_mut().clear();
    assert_eq!(pool.open(source("a"), Access::default()), job);
    until("it is told", || phase(&told, job) == Some(Phase::Done)).await;

    // Left for many others: forgotten.
    pool.close(job);
    for i in 0..=MAX_IDLE {
        let one = pool.open(source(&format!("many {i}")), Access::default());
        until("it is done", || phase(&told, one) == Some(Phase::Done)).await;
        pool.close(one);
    }
    assert_ne!(pool.open(source("a"), Access::default()), job);
}

#[wasm_bindgen_test]
async fn a_failed_or_cancelled_layer_is_opened_anew() {
    let told = Told::default();
    let url = script(
        BUILD,
        0,
        "if (request.t === 'open') progress(request.job, 'failed');",
    );
    let pool = LayerPool::new_at(url.href(), BUILD, listener(&told));
    let job = pool.open(source("a"), Access::default());
    until("it failed", || phase(&told, job) == Some(Phase::Failed)).await;
    assert_ne!(pool.open(source("a"), Access::default()), job);
}

#[wasm_bindgen_test]
async fn questions_asked_while_a_job_waits_reach_it_in_order() {
    let told = Told::default();
    let url = script(BUILD, 30, ECHO);
    let pool = LayerPool::new_at(url.href(), BUILD, listener(&told));
    let job = pool.open(source("a"), Access::default());
    let spec = ViewSpec::default();
    pool.post(Request::View { job, view: 1, spec });
    pool.post(Request::Rows {
        job,
        view: 1,
        start: 0,
        end: 9,
    });
    until("all were heard", || heard(&told).len() == 4).await;
    assert_eq!(heard(&told), ["hello", "open", "view", "rows"]);
}

#[wasm_bindgen_test]
async fn a_worker_that_dies_fails_its_own_job_alone() {
    let told = Told::default();
    let url = script(
        BUILD,
        0,
        "if (request.t === 'open') progress(request.job, 'done');
         if (request.t === 'read') setTimeout(() => { throw new Error('out of memory'); });",
    );
    let pool = LayerPool::new_at(url.href(), BUILD, listener(&told));
    let (one, two) = (
        pool.open(source("one"), Access::default()),
        pool.open(source("two"), Access::default()),
    );
    until("both are done", || {
        [one, two]
            .iter()
            .all(|job| phase(&told, *job) == Some(Phase::Done))
    })
    .await;
    pool.post(Request::Read {
        job: one,
        read: 1,
        ordinal: 0,
        start: 0,
        len: 1,
    });
    until("one failed", || phase(&told, one) == Some(Phase::Failed)).await;
    assert_eq!(phase(&told, two), Some(Phase::Done));
    let problem = told.borrow().iter().rev().find_map(|event| match event {
        Event::Progress {
            progress: Progress { problem, .. },
            ..
        } => problem.clone(),
        _ => None,
    });
    assert_eq!(problem.unwrap().code, "WORKER_STOPPED");
    // It is opened anew, in a new worker.
    let again = pool.open(source("one"), Access::default());
    assert_ne!(again, one);
    until("it is done", || phase(&told, again) == Some(Phase::Done)).await;
}

#[wasm_bindgen_test]
async fn the_same_notice_is_told_once() {
    let told = Told::default();
    let url = script(
        BUILD,
        0,
        "send(notice.hello);
         if (request.t === 'open') progress(request.job, 'done');",
    );
    let pool = LayerPool::new_at(url.href(), BUILD, listener(&told));
    for name in ["a", "b"] {
        let job = pool.open(source(name), Access::default());
        until("it is done", || phase(&told, job) == Some(Phase::Done)).await;
    }
    let is_notice = |event: &&Event| matches!(event, Event::Notice { .. });
    assert_eq!(told.borrow().iter().filter(is_notice).count(), 1);
}
