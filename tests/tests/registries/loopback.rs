//! The client's port to the network, for a process that is no browser.

use layerscope_core::port::{Body, Headers, Http, HttpError, HttpRequest, HttpResponse, Method};
use layerscope_tests::net::client;

/// Sends requests as a page would: nothing added, redirects followed by nobody here.
pub(crate) struct Loopback(reqwest::Client);

impl Loopback {
    pub(crate) fn new() -> Self {
        Self(client())
    }
}

pub(crate) struct Answer(reqwest::Response);

fn failed(error: &reqwest::Error) -> HttpError {
    HttpError::Network {
        url_host: "the proxy".into(),
        detail: error.to_string(),
    }
}

impl Http for Loopback {
    type Body = Answer;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Answer>, HttpError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
        };
        let mut asked = self.0.request(method, &request.url);
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        if let Some(body) = request.body {
            asked = asked.body(body);
        }
        let answer = asked.send().await.map_err(|error| failed(&error))?;
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            headers.push(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
        }
        Ok(HttpResponse {
            status: answer.status().as_u16(),
            headers,
            body: Answer(answer),
        })
    }
}

impl Body for Answer {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let piece = self.0.chunk().await.map_err(|error| failed(&error))?;
        Ok(piece.map(|bytes| bytes.to_vec()))
    }
}
