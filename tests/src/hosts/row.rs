//! One line of what a registry is documented to answer.

use axum::http::{HeaderMap, Method, header};

/// A condition on a request beside its address.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// This very `Authorization`.
    Authorization(&'static str),
    /// Any `Authorization`.
    Authorized,
    /// No `Authorization`.
    Anonymous,
    /// Any `Range`.
    Ranged,
    /// The decoded query has this pair.
    Query(&'static str, &'static str),
    /// The decoded query does not have this name.
    NoQuery(&'static str),
    /// The form in the body has this pair.
    Form(&'static str, &'static str),
}

/// What an answer's body is. The image is the double's own.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// These bytes, after `{manifest}`, `{manifest-tag}`, `{config}`, `{layer}` and `{host}` are
    /// filled in.
    Text(&'static str),
    /// The image's manifest.
    Manifest,
    /// The image's configuration.
    Config,
    /// The image's layer, or of it what `Range` asks for.
    Layer,
    /// The image's layer whatever `Range` says.
    WholeLayer,
    /// The image's layer, and the connection closed after so many bytes.
    BreaksOff(usize),
}

/// A request that is answered, and how. Of several that fit the first counts.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub(super) host: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) when: &'static [When],
    pub(super) status: u16,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) content: Content,
}

/// Answers a GET of this path (in which `{layer}` and its like are digests) with 200 and nothing.
pub const fn get(host: &'static str, path: &'static str) -> Row {
    row(host, "GET", path)
}

/// The same for another method.
pub const fn row(host: &'static str, method: &'static str, path: &'static str) -> Row {
    Row {
        host,
        method,
        path,
        when: &[],
        status: 200,
        headers: &[],
        content: Content::Text(""),
    }
}

impl Row {
    /// Only under these conditions.
    #[must_use]
    pub const fn when(mut self, when: &'static [When]) -> Row {
        self.when = when;
        self
    }

    /// With this status and these headers; values are filled in as [`Content::Text`] is.
    #[must_use]
    pub const fn answers(
        mut self,
        status: u16,
        headers: &'static [(&'static str, &'static str)],
    ) -> Row {
        self.status = status;
        self.headers = headers;
        self
    }

    /// With this body.
    #[must_use]
    pub const fn body(mut self, content: Content) -> Row {
        self.content = content;
        self
    }

    /// With this text for a body.
    #[must_use]
    pub const fn text(self, text: &'static str) -> Row {
        self.body(Content::Text(text))
    }

    pub(super) fn fits(&self, asked: &Request, path: &str) -> bool {
        self.host == asked.host
            && self.method == asked.method.as_str()
            && path == asked.path
            && self.when.iter().all(|when| when.fits(asked))
    }
}

/// A request as the double looks at it.
pub(super) struct Request {
    pub(super) host: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) form: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
}

impl When {
    fn fits(&self, asked: &Request) -> bool {
        let authorization = asked.headers.get(header::AUTHORIZATION);
        let has = |pairs: &[(String, String)], name: &str, value: &str| {
            pairs.iter().any(|(n, v)| n == name && v == value)
        };
        match *self {
            When::Authorization(value) => authorization.is_some_and(|got| got == value),
            When::Authorized => authorization.is_some(),
            When::Anonymous => authorization.is_none(),
            When::Ranged => asked.headers.contains_key(header::RANGE),
            When::Query(name, value) => has(&asked.query, name, value),
            When::NoQuery(name) => !asked.query.iter().any(|(n, _)| n == name),
            When::Form(name, value) => has(&asked.form, name, value),
        }
    }
}
