//! Questions to the proxy and its answers, as the tests put them.

use layerscope_tests::{
    net::{client, wait},
    proxy::Proxy,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// A question to the proxy.
pub(crate) struct Ask {
    pub(crate) base: String,
    pub(crate) registry: String,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(response: Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: wait(response.bytes()).unwrap().to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The proxy's own refusal: its code, which the header and the body must agree on, and which
    /// must come with words.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let code = self.header("x-layerscope-error").unwrap_or_else(|| {
            panic!(
                "{} is no refusal: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        });
        let error = &self.json()["errors"][0];
        assert_eq!(error["code"], code);
        assert!(error["message"].as_str().unwrap().len() > 20, "{error}");
        (self.status.as_u16(), code.to_owned())
    }
}

impl Ask {
    pub(crate) fn new(proxy: &Proxy, registry: &str) -> Self {
        Self {
            base: proxy.base().to_owned(),
            registry: registry.to_owned(),
        }
    }

    pub(crate) fn send(
        &self,
        method: Method,
        what: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Response {
        let mut request = client()
            .request(method, format!("{}/api/v1/{what}", self.base))
            .query(&[("registry", &*self.registry)])
            .query(query);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        wait(request.send()).unwrap()
    }

    pub(crate) fn manifest(
        &self,
        repository: &str,
        reference: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let query = [("repository", repository), ("reference", reference)];
        Answer::of(self.send(Method::GET, "manifest", &query, headers))
    }

    pub(crate) fn blob(&self, repository: &str, digest: &str, headers: &[(&str, &str)]) -> Answer {
        Answer::of(self.blob_response(repository, digest, headers))
    }

    pub(crate) fn blob_response(
        &self,
        repository: &str,
        digest: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let query = [("repository", repository), ("digest", digest)];
        self.send(Method::GET, "blob", &query, headers)
    }

    pub(crate) fn token(&self, repository: &str, user: Option<(&str, &str)>) -> Answer {
        let mut ask = json!({
            "registry": self.registry, "repository": repository,
            "scope": [format!("repository:{repository}:pull")],
        });
        if let Some((name, password)) = user {
            ask["username"] = name.into();
            ask["password"] = password.into();
        }
        let request = client()
            .post(format!("{}/api/v1/token", self.base))
            .header("origin", &self.base)
            .json(&ask);
        Answer::of(wait(request.send()).unwrap())
    }
}
