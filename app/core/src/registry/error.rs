//! What can go wrong between us and a registry, and the error bodies that registries send
//! (distribution specification, "Error Codes").

use serde_json::Value;

use crate::digest::Digest;
use crate::port::HttpError;

/// What kind of thing a request is for; a 404 means another thing for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// A manifest, a blob, what refers to a manifest.
    #[default]
    Content,
    /// A repository's tags.
    Tags,
    /// A registry's repositories.
    Catalog,
    /// The repositories of a namespace.
    Namespace,
}

/// What was tried, and where: part of every error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The registry's host and port.
    pub registry: String,
    /// What was asked for, such as `the manifest library/debian:latest`.
    pub what: String,
    /// What kind of thing that is.
    pub wanted: Wanted,
    /// Asked directly and not through the proxy.
    pub direct: bool,
}

/// A request that gave nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// 401, also after a token was fetched; or a sign-in that was refused.
    #[error("{} asks for a sign-in to give {}", .attempt.registry, .attempt.what)]
    Unauthorized {
        /// What was tried.
        attempt: Attempt,
        /// The schemes offered, in lower case.
        schemes: Vec<String>,
        /// User name and password were sent, and refused.
        with_credentials: bool,
        /// The registry's own words.
        message: Option<String>,
    },
    /// 403.
    #[error("{} refuses {}", .attempt.registry, .attempt.what)]
    Forbidden {
        /// What was tried.
        attempt: Attempt,
        /// The registry's own words.
        message: Option<String>,
    },
    /// 404.
    #[error("{} does not have {}", .attempt.registry, .attempt.what)]
    NotFound {
        /// What was tried.
        attempt: Attempt,
        /// `NAME_UNKNOWN`, `MANIFEST_UNKNOWN`, `BLOB_UNKNOWN`, … if it is said.
        code: Option<String>,
        /// The registry's own words.
        message: Option<String>,
    },
    /// 429.
    #[error("{} has had too many requests", .attempt.registry)]
    RateLimited {
        /// What was tried.
        attempt: Attempt,
        /// Seconds to wait, if they are said as a number.
        retry_after: Option<u64>,
        /// The registry's own words.
        message: Option<String>,
    },
    /// Any other status that is no success.
    #[error("{} answered {status} when asked for {}", .attempt.registry, .attempt.what)]
    Upstream {
        /// What was tried.
        attempt: Attempt,
        /// The status.
        status: u16,
        /// The registry's own words.
        detail: Option<String>,
    },
    /// Something else than JSON: a login page, for instance.
    #[error("{} sent something else than JSON for {}", .attempt.registry, .attempt.what)]
    NotJson {
        /// What was tried.
        attempt: Attempt,
        /// The answer's content type.
        content_type: Option<String>,
        /// What the parser says.
        detail: String,
    },
    /// The content is not what its digest says.
    #[error("{} sent {} with the digest {actual} and not {expected}", .attempt.registry, .attempt.what)]
    DigestMismatch {
        /// What was tried.
        attempt: Attempt,
        /// What was asked for, or what the registry itself said.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
    },
    /// More bytes than are taken.
    #[error("{} is larger than {limit} bytes", .attempt.what)]
    TooLarge {
        /// What was tried.
        attempt: Attempt,
        /// Most bytes taken.
        limit: u64,
    },
    /// 416.
    #[error("{} does not have that part of {}", .attempt.registry, .attempt.what)]
    RangeNotSatisfiable {
        /// What was tried.
        attempt: Attempt,
        /// The whole's length in bytes, if it is said.
        total: Option<u64>,
    },
    /// No answer, or it broke off.
    #[error("no answer for {} from {}: {error}", .attempt.what, .attempt.registry)]
    Network {
        /// What was tried.
        attempt: Attempt,
        /// What the network said.
        error: HttpError,
    },
    /// The proxy refused or failed.
    #[error("the proxy could not get {} from {}: {message}", .attempt.what, .attempt.registry)]
    Proxy {
        /// What was tried.
        attempt: Attempt,
        /// `x-layerscope-error`.
        code: String,
        /// The proxy's words.
        message: String,
        /// Seconds to wait, if they are said.
        retry_after: Option<u64>,
    },
    /// An answer that contradicts itself or the specification.
    #[error("{} sent an answer that cannot be used for {}: {detail}", .attempt.registry, .attempt.what)]
    BadAnswer {
        /// What was tried.
        attempt: Attempt,
        /// What is wrong with it.
        detail: String,
    },
}

impl RegistryError {
    /// What was tried.
    pub fn attempt(&self) -> &Attempt {
        match self {
            RegistryError::Unauthorized { attempt, .. }
            | RegistryError::Forbidden { attempt, .. }
            | RegistryError::NotFound { attempt, .. }
            | RegistryError::RateLimited { attempt, .. }
            | RegistryError::Upstream { attempt, .. }
            | RegistryError::NotJson { attempt, .. }
            | RegistryError::DigestMismatch { attempt, .. }
            | RegistryError::TooLarge { attempt, .. }
            | RegistryError::RangeNotSatisfiable { attempt, .. }
            | RegistryError::Network { attempt, .. }
            | RegistryError::Proxy { attempt, .. }
            | RegistryError::BadAnswer { attempt, .. } => attempt,
        }
    }

    /// Whether trying the same again later can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            RegistryError::Network { error, .. } => match error {
                HttpError::Unreached { why, .. } => why.is_temporary(),
                error => matches!(error, HttpError::Network { .. } | HttpError::TimedOut),
            },
            RegistryError::RateLimited { .. } => true,
            RegistryError::Upstream { status, .. } => *status >= 500 || *status == 408,
            RegistryError::Proxy { code, .. } => matches!(
                code.as_str(),
                "DNS_FAILED" | "CONNECT_FAILED" | "UPSTREAM_TIMEOUT" | "RATE_LIMITED" | "BUSY"
            ),
            _ => false,
        }
    }
}

/// Most bytes of an error body that are read.
pub const MAX_ERROR_BYTES: u64 = 64 << 10;

/// Most characters of a registry's words that are shown.
const MAX_WORDS: usize = 300;

/// The first error of a distribution error body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// `code`, such as `MANIFEST_UNKNOWN`.
    pub code: Option<String>,
    /// `message`, shortened, with nothing in it that would not be seen.
    pub message: Option<String>,
}

/// Reads an error body: distribution's form, the `details` of token servers and of Docker Hub, or
/// a short plain text. HTML is not shown.
pub fn parse_body(bytes: &[u8]) -> ErrorBody {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim();
        let plain = !text.is_empty() && !text.contains('<') && text.len() <= MAX_WORDS;
        return ErrorBody {
            code: None,
            message: plain.then(|| words(text)),
        };
    };
    let first = value.get("errors").and_then(|e| e.get(0));
    let holder = first.unwrap_or(&value);
    let text = |key: &str| {
        let text = holder.get(key).and_then(Value::as_str)?;
        (!text.trim().is_empty()).then(|| words(text))
    };
    ErrorBody {
        code: text("code"),
        message: text("message")
            .or_else(|| text("details"))
            .or_else(|| text("detail"))
            .or_else(|| text("error_description"))
            .or_else(|| text("error"))
            .or_else(|| value.as_str().map(words)),
    }
}

fn words(text: &str) -> String {
    let shown: String = text.trim().chars().take(MAX_WORDS).collect();
    crate::path::visible(shown.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, code: Option<&str>, message: Option<&str>) {
        let got = parse_body(body.as_bytes());
        assert_eq!(
            (got.code.as_deref(), got.message.as_deref()),
            (code, message),
            "{body}"
        );
    }

    #[test]
    fn bodies() {
        check(
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}},{"code":"B"}]}"#,
            Some("MANIFEST_UNKNOWN"),
            Some("manifest unknown"),
        );
        check(r#"{"errors":[{"code":"DENIED"}]}"#, Some("DENIED"), None);
        check(r#"{"errors":[]}"#, None, None);
        check(r#"{"errors":{"code":1}}"#, None, None);
        check(
            r#"{"details":"incorrect username or password"}"#,
            None,
            Some("incorrect username or password"),
        );
        check(
            r#"{"error":"invalid_grant","error_description":"expired"}"#,
            None,
            Some("expired"),
        );
        check(r#""just text""#, None, Some("just text"));
        check("404 page not found\n", None, Some("404 page not found"));
        check("<html>no</html>", None, None);
        check("", None, None);
        check("[1]", None, None);
        check("{\"message\":\"a\\n\\u202eb\"}", None, Some("a␊\\u{202e}b"));
        let long = parse_body(format!("{{\"message\":\"{}\"}}", "é".repeat(999)).as_bytes());
        assert_eq!(long.message.unwrap().chars().count(), MAX_WORDS);
    }
}
