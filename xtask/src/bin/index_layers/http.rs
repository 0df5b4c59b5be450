//! The core's network, without a browser: each request waits for its answer.

use std::io::Read;
use std::time::Duration;

use layerscope_core::port::{Body, Headers, Http, HttpError, HttpRequest, HttpResponse};
use ureq::Agent;

/// How long a registry may take to connect, and to begin its answer.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a body read at once.
const CHUNK: usize = 256 * 1024;

/// Sends requests one after the other.
pub struct NativeHttp {
    agent: Agent,
}

impl NativeHttp {
    pub fn new() -> Self {
        let config = Agent::config_builder()
            // Every status is an answer; what it means is the core's business.
            .http_status_as_error(false)
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT))
            .user_agent(concat!("layerscope-index/", env!("CARGO_PKG_VERSION")))
            .build();
        NativeHttp {
            agent: Agent::new_with_config(config),
        }
    }
}

impl Http for NativeHttp {
    type Body = NativeBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<NativeBody>, HttpError> {
        let host = host_of(&request.url);
        let bad_url = |error: ureq::http::Error| HttpError::BadUrl {
            detail: error.to_string(),
        };
        let mut builder = ureq::http::Request::builder()
            .method(request.method.name())
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let sent = match request.body {
            Some(body) => self.agent.run(builder.body(body).map_err(bad_url)?),
            None => self.agent.run(builder.body(()).map_err(bad_url)?),
        };
        let answer = sent.map_err(|error| match error {
            ureq::Error::Timeout(_) => HttpError::TimedOut,
            error => network(&host, &error),
        })?;
        let headers: Headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        Ok(HttpResponse {
            status: answer.status().as_u16(),
            headers,
            body: NativeBody {
                reader: Box::new(answer.into_body().into_reader()),
                host,
            },
        })
    }
}

/// An answer's body.
pub struct NativeBody {
    reader: Box<dyn Read>,
    host: String,
}

impl Body for NativeBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let mut chunk = vec![0; CHUNK];
        match self.reader.read(&mut chunk) {
            Ok(0) => Ok(None),
            Ok(n) => {
                chunk.truncate(n);
                Ok(Some(chunk))
            }
            Err(error) => Err(network(&self.host, &error)),
        }
    }
}

fn network(host: &str, error: &dyn std::fmt::Display) -> HttpError {
    HttpError::Network {
        url_host: host.to_owned(),
        detail: error.to_string(),
    }
}

/// The host in an address, for messages.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}
