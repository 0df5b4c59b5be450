//! A reverse proxy that writes down what passes: docker-registry's own access log has neither
//! `Range` nor the bytes of a body that was left half-way.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, header},
    response::Response,
};
use futures_util::StreamExt;

use crate::net::{Server, client};

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, empty if there is none.
    pub query: String,
    /// The `Range` header as it came.
    pub range: Option<String>,
    /// The scheme of the `Authorization` header, never its value.
    pub authorization: Option<String>,
    /// The `Accept-Encoding` header as it came.
    pub accept_encoding: Option<String>,
    /// The answer's status; 0 while there is none.
    pub status: u16,
    /// Bytes of the answer's body that were handed to the connection.
    pub sent: u64,
    /// When the first of them was, if one was.
    pub first_sent_at: Option<SystemTime>,
}

impl Recorded {
    /// What the log keeps of a request that has just come in.
    pub fn of(request: &Request) -> Self {
        let text = |name: HeaderName| {
            let value = request.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            range: text(header::RANGE),
            authorization: text(header::AUTHORIZATION)
                .map(|value| value.split(' ').next().unwrap_or_default().to_owned()),
            accept_encoding: text(header::ACCEPT_ENCODING),
            status: 0,
            sent: 0,
            first_sent_at: None,
        }
    }

    /// First and last byte asked for, of a `bytes=first-last` range.
    pub fn range_bounds(&self) -> Option<(u64, u64)> {
        let (first, last) = self
            .range
            .as_ref()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }

    /// Whether it asks for a blob.
    pub fn is_blob(&self) -> bool {
        self.path.contains("/blobs/")
    }
}

/// A shared list of requests, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Recorded>>>);

impl Log {
    fn with<T>(&self, use_it: impl FnOnce(&mut Vec<Recorded>) -> T) -> T {
        // A panic elsewhere leaves the list whole: each change is one push or one assignment.
        use_it(
            &mut self
                .0
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }

    /// Adds a request; the number is for [`Log::answered`] and [`Log::sent`].
    pub fn add(&self, request: Recorded) -> usize {
        self.with(|list| {
            list.push(request);
            list.len() - 1
        })
    }

    /// Notes the status of request `number`.
    pub fn answered(&self, number: usize, status: u16) {
        self.with(|list| {
            if let Some(entry) = list.get_mut(number) {
                entry.status = status;
            }
        });
    }

    /// Notes more body bytes of request `number`.
    pub fn sent(&self, number: usize, bytes: u64) {
        self.with(|list| {
            if let Some(entry) = list.get_mut(number) {
                entry.sent += bytes;
                entry.first_sent_at.get_or_insert_with(SystemTime::now);
            }
        });
    }

    /// How many requests there are; [`Log::since`] takes it.
    pub fn mark(&self) -> usize {
        self.with(|list| list.len())
    }

    /// The requests after a mark.
    pub fn since(&self, mark: usize) -> Vec<Recorded> {
        self.with(|list| list.get(mark..).unwrap_or_default().to_vec())
    }

    /// Every request.
    pub fn all(&self) -> Vec<Recorded> {
        self.since(0)
    }

    /// The requests for a blob after a mark.
    pub fn blobs_since(&self, mark: usize) -> Vec<Recorded> {
        let mut list = self.since(mark);
        list.retain(Recorded::is_blob);
        list
    }
}

#[derive(Clone)]
struct Forward {
    upstream: String,
    client: reqwest::Client,
    log: Log,
    /// Bytes a second for whole-blob answers; 0 is as fast as it goes.
    pace: Arc<AtomicU64>,
    cuts: Cuts,
}

/// Where blobs' transfers break off, the next place first.
type Cuts = Arc<Mutex<VecDeque<u64>>>;

/// The recording reverse proxy.
pub struct Recorder {
    server: Server,
    log: Log,
    pace: Arc<AtomicU64>,
    cuts: Cuts,
}

impl Recorder {
    /// Starts one before `upstream` (`host:port`, plain HTTP).
    pub fn start(upstream: &str) -> std::io::Result<Self> {
        let forward = Forward {
            upstream: format!("http://{upstream}"),
            client: client(),
            log: Log::default(),
            pace: Arc::default(),
            cuts: Cuts::default(),
        };
        let (log, pace) = (forward.log.clone(), forward.pace.clone());
        let cuts = forward.cuts.clone();
        let server = Server::start(Router::new().fallback(pass).with_state(forward))?;
        Ok(Self {
            server,
            log,
            pace,
            cuts,
        })
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// What passed.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Breaks the connection of whoever is sent a blob, each time before these bytes of it (from the
    /// blob's first, rising), once each.
    pub fn set_cuts(&self, places: impl IntoIterator<Item = u64>) {
        *locked(&self.cuts) = places.into_iter().collect();
    }

    /// How many of these are still to come.
    pub fn cuts_left(&self) -> usize {
        locked(&self.cuts).len()
    }

    /// Slows the bodies of whole blobs (requests without `Range`) to so many bytes a second, from
    /// the next piece on, so that a test has time while a layer streams; none lifts it.
    pub fn set_pace(&self, bytes_per_second: Option<u64>) {
        self.pace
            .store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }
}

fn locked(cuts: &Cuts) -> MutexGuard<'_, VecDeque<u64>> {
    // Each change is one assignment or one removal: a panic elsewhere leaves them whole.
    cuts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Headers that speak of one connection and not of the message (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 4] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
];

async fn pass(State(forward): State<Forward>, request: Request) -> Response {
    let recorded = Recorded::of(&request);
    let from = recorded.range.as_ref().and_then(|range| {
        let (first, _) = range.strip_prefix("bytes=")?.split_once('-')?;
        first.parse::<u64>().ok()
    });
    let is_blob = recorded.is_blob() && recorded.method == "GET";
    let paced = recorded.is_blob() && recorded.range.is_none() && recorded.method == "GET";
    let number = forward.log.add(recorded);
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    HOP_BY_HOP.iter().for_each(|name| {
        headers.remove(name);
    });
    let mut outgoing = forward
        .client
        .request(
            parts.method.clone(),
            format!("{}{target}", forward.upstream),
        )
        .headers(headers);
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        outgoing = outgoing.body(reqwest::Body::wrap_stream(body.into_data_stream()));
    }
    let answer = match outgoing.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let mut response = Response::new(Body::from(format!("recorder: {error}")));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            forward.log.answered(number, 502);
            return response;
        }
    };
    forward.log.answered(number, answer.status().as_u16());
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    HOP_BY_HOP.iter().for_each(|name| {
        headers.remove(name);
    });
    let (log, pace, cuts) = (forward.log, forward.pace, forward.cuts);
    let mut at = from.unwrap_or(0);
    let body = answer.bytes_stream().then(move |piece| {
        let (log, pace) = (log.clone(), pace.clone());
        let len = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        at += len;
        let cut = is_blob && {
            let mut cuts = locked(&cuts);
            // One that lies before the piece was passed by nobody.
            cuts.pop_front_if(|cut| (at - len..at).contains(cut))
                .is_some()
        };
        async move {
            let piece = piece.map_err(axum::Error::new)?;
            if cut {
                return Err(axum::Error::new(std::io::Error::other("cut by the test")));
            }
            let rate = pace.load(Ordering::Relaxed);
            if paced && rate > 0 {
                tokio::time::sleep(Duration::from_secs_f64(piece.len() as f64 / rate as f64)).await;
            }
            log.sent(number, piece.len() as u64);
            Ok::<_, axum::Error>(piece)
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
