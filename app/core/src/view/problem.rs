//! A problem as the user reads it: what happened, why, and what to do.
//!
//! Plain words, no blame. A browser says nothing about why a request failed, so its possible
//! causes are named.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::digest::DigestError;
use crate::manifest::{ManifestError, PlatformError};
use crate::port::{HashError, HttpError, StoreError};
use crate::reference::{ReferenceError, Registry};
use crate::registry::error::{Attempt, RegistryError, Wanted};

/// A problem in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable name in capitals, such as `NOT_FOUND`; tests and hosts may rely on it.
    pub code: String,
    /// What happened, in a line.
    pub title: String,
    /// Why, as far as it is known.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem in one's own words.
    pub fn new(code: &str, title: &str, cause: impl Into<String>, remedy: &str) -> Problem {
        Problem {
            code: code.to_owned(),
            title: title.to_owned(),
            cause: sentence(cause.into()),
            remedy: remedy.to_owned(),
        }
    }
}

/// With a capital in front and a stop behind. A host's name keeps its spelling.
fn sentence(mut text: String) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let is_host = word.contains(['.', ':']) || word == "localhost";
    let first = text.chars().next().filter(char::is_ascii_lowercase);
    if let Some(first) = first.filter(|_| !is_host) {
        text.replace_range(..1, &first.to_ascii_uppercase().to_string());
    }
    if !text.is_empty() && !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}. {} {}", self.title, self.cause, self.remedy)
    }
}

impl From<&RegistryError> for Problem {
    fn from(error: &RegistryError) -> Problem {
        let attempt = error.attempt();
        let registry = &attempt.registry;
        if *registry == *Registry::local().as_str() {
            return super::local::problem_of_request(error);
        }
        let what = &attempt.what;
        let said = |message: &Option<String>, otherwise: String| match message {
            Some(words) => format!("{otherwise} It said: {words}"),
            None => otherwise,
        };
        match error {
            RegistryError::Unauthorized {
                with_credentials: true,
                schemes,
                message,
                ..
            } if attempt.direct && schemes.is_empty() => Problem::new(
                "CREDENTIALS_REFUSED",
                "The sign-in could not be used",
                said(
                    message,
                    format!(
                        "{registry} does not let this page read how it wants to be signed in to (it does not expose WWW-Authenticate). A password can only be tried as it is (Basic), which it did not accept; an identity token cannot be tried at all."
                    ),
                ),
                "Ask the registry through a proxy, on the settings page: a proxy reads what this page may not. If the registry takes Basic, check user name and password.",
            ),
            RegistryError::Unauthorized {
                with_credentials: true,
                message,
                ..
            } => Problem::new(
                "CREDENTIALS_REFUSED",
                "The sign-in was refused",
                said(message, format!("{registry} did not accept the sign-in.")),
                "Check user name and password: many registries want an access token in place of the password. A sign-in elsewhere may have run out, or not be meant for this.",
            ),
            RegistryError::Unauthorized {
                schemes, message, ..
            } if schemes.iter().all(|s| s != "bearer" && s != "basic") && !schemes.is_empty() => {
                Problem::new(
                    "SCHEME_UNKNOWN",
                    "This kind of sign-in is not supported",
                    said(
                        message,
                        format!("{registry} asks for {}.", schemes.join(" or ")),
                    ),
                    "Look for a registry address or token of it that allows Bearer or Basic sign-in.",
                )
            }
            RegistryError::Unauthorized {
                schemes, message, ..
            } if attempt.direct && schemes.is_empty() => Problem::new(
                "UNAUTHORIZED",
                "A sign-in is needed",
                said(
                    message,
                    format!(
                        "{registry} asks for a sign-in to give {what}, and does not let this page read how (it does not expose WWW-Authenticate)."
                    ),
                ),
                "Sign in: user name and password are sent with each request (Basic). If that is refused, ask the registry through a proxy, on the settings page.",
            ),
            RegistryError::Unauthorized { message, .. } => Problem::new(
                "UNAUTHORIZED",
                "A sign-in is needed",
                said(
                    message,
                    format!("{registry} does not give {what} to everybody; it may also not exist."),
                ),
                "Check the name. If it is private, sign in.",
            ),
            RegistryError::Forbidden { message, .. } => Problem::new(
                "FORBIDDEN",
                "The registry refuses this",
                said(message, format!("{registry} refuses {what}.")),
                "Check the name, and that the account you signed in with may read it.",
            ),
            RegistryError::NotFound { code, message, .. } => {
                let cause = said(message, format!("{registry} does not have {what}."));
                let (code, title, remedy) = not_found(attempt.wanted, code.as_deref());
                Problem::new(code, title, cause, remedy)
            }
            RegistryError::RateLimited {
                retry_after,
                message,
                ..
            } => Problem::new(
                "RATE_LIMITED",
                "Too many requests",
                said(
                    message,
                    format!("{registry} has a limit on requests, and it is reached."),
                ),
                &wait(*retry_after, "Signing in often raises the limit."),
            ),
            RegistryError::Upstream { status, detail, .. } if *status >= 500 => Problem::new(
                "REGISTRY_FAILED",
                "The registry has a problem",
                said(
                    detail,
                    format!("{registry} answered {status} when asked for {what}."),
                ),
                "Try again in a while; the registry's status page may say more.",
            ),
            RegistryError::Upstream { status, detail, .. } => Problem::new(
                "REGISTRY_ANSWER",
                "The registry did not do it",
                said(
                    detail,
                    format!("{registry} answered {status} when asked for {what}."),
                ),
                "Check that this address is a registry, and that it serves the distribution API.",
            ),
            RegistryError::NotJson {
                content_type,
                detail,
                ..
            } => Problem::new(
                "NOT_JSON",
                "The answer is not what a registry sends",
                match content_type {
                    Some(t) => format!(
                        "{registry} sent {} for {what}: {detail}",
                        crate::path::visible(t.as_bytes())
                    ),
                    None => {
                        format!("{registry} sent something else than JSON for {what}: {detail}")
                    }
                },
                "Check that this address is a registry: a web site or a login page may be answering.",
            ),
            RegistryError::DigestMismatch {
                expected, actual, ..
            } => Problem::new(
                "DIGEST_MISMATCH",
                "The content is not what was asked for",
                format!(
                    "{registry} sent {what} with the digest {actual}, where {expected} was expected. Nothing of it is shown or stored"
                ),
                "Try again. If it stays so, the content was damaged or changed: tell those who run the registry.",
            ),
            RegistryError::TooLarge { limit, .. } => Problem::new(
                "TOO_LARGE",
                "This is too large",
                format!(
                    "{what} from {registry} is larger than {}, more than is read here",
                    super::human::size(*limit)
                ),
                "Copy the command below to fetch it to your disk.",
            ),
            RegistryError::RangeNotSatisfiable { total, .. } => Problem::new(
                "RANGE",
                "That part does not exist",
                match total {
                    Some(total) => format!("{registry} has only {total} bytes of {what}"),
                    None => format!("{registry} does not have that part of {what}"),
                },
                "Open the layer again: its stored index may be of another content.",
            ),
            RegistryError::Network { error, .. } => network(attempt, error),
            RegistryError::Proxy {
                code,
                message,
                retry_after,
                ..
            } => proxy(attempt, code, message, *retry_after),
            RegistryError::BadAnswer { detail, .. } => Problem::new(
                "BAD_ANSWER",
                "The answer cannot be used",
                format!("{registry} answered, but {detail} (asked for {what})"),
                "Try again. If it stays so, a cache or firewall on the way may be changing answers.",
            ),
        }
    }
}

/// Code, title and remedy of a 404.
fn not_found(wanted: Wanted, code: Option<&str>) -> (&'static str, &'static str, &'static str) {
    match (wanted, code) {
        (Wanted::Catalog, _) => (
            "NO_CATALOG",
            "This registry does not list its repositories",
            "Type the whole name of a repository, such as owner/name, after the registry's.",
        ),
        (Wanted::Namespace, _) => (
            "NAMESPACE_MISSING",
            "There is no such namespace",
            "Check the spelling. A namespace is the name of a user or an organisation; official images are in library.",
        ),
        // Distribution specification, "Error Codes" and "Listing Tags".
        (Wanted::Tags, _) | (_, Some("NAME_UNKNOWN" | "NAME_INVALID")) => (
            "REPOSITORY_MISSING",
            "There is no such repository, or it is not public",
            "Check the spelling, or look at the registry's list if it gives one. Many registries say of a private repository that it does not exist: if it may be private, sign in.",
        ),
        (Wanted::Content, _) => (
            "NOT_FOUND",
            "Not found",
            "Check the spelling of repository and tag, or open the repository to see its tags.",
        ),
    }
}

fn wait(seconds: Option<u64>, more: &str) -> String {
    match seconds {
        Some(s) => format!("Try again in {}. {more}", super::human::duration_s(s)),
        None => format!("Try again in a few minutes. {more}"),
    }
}

fn network(attempt: &Attempt, error: &HttpError) -> Problem {
    let what = &attempt.what;
    let registry = &attempt.registry;
    match error {
        HttpError::Unreached { problem, .. } => {
            let mut told = Problem::clone(problem);
            told.cause.push_str(&format!(" It was asked for {what}."));
            told
        }
        HttpError::Network { .. } if attempt.direct => Problem::new(
            "NETWORK_DIRECT",
            "The registry cannot be reached from this page",
            format!(
                "The browser got no answer for {what} from {registry} and does not say why. Either there is no connection, or the host is wrong, or its certificate, or the registry does not allow other pages to ask it (CORS)"
            ),
            "Check the connection and the name. If other programs reach the registry, switch from direct mode to a proxy on the settings page.",
        ),
        HttpError::Network { url_host, .. } => Problem::new(
            "NETWORK",
            "No answer",
            format!(
                "The browser got no answer from the proxy ({url_host}) when asked for {what}. It may have stopped, the connection may be down, or the transfer broke off"
            ),
            "Check that the proxy runs and that you are online, then try again.",
        ),
        HttpError::Aborted => Problem::new(
            "CANCELLED",
            "Cancelled",
            format!("The transfer of {what} was stopped before its end"),
            "Open it again to start anew.",
        ),
        HttpError::TimedOut => Problem::new(
            "TIMEOUT",
            "No answer in time",
            format!("{registry} took too long to send {what}"),
            "Try again; if it stays so, the registry or the connection is overloaded.",
        ),
        HttpError::BadUrl { detail } => Problem::new(
            "BAD_URL",
            "The address cannot be asked",
            format!("The browser does not accept the address for {what}: {detail}"),
            "Check the registry's name, and the proxy's address on the settings page.",
        ),
    }
}

/// The proxy's own refusals, by their code.
fn proxy(attempt: &Attempt, code: &str, message: &str, retry_after: Option<u64>) -> Problem {
    let registry = &attempt.registry;
    let busy = wait(retry_after, "The proxy has limits of its own.");
    let (title, remedy): (&str, &str) = match code {
        "TARGET_INVALID" => (
            "The proxy cannot ask for this",
            "Check the registry's name and port.",
        ),
        "REGISTRY_NOT_SERVED" => (
            "This proxy does not serve that registry",
            "Use another proxy, or have its operator start it with --registry for this host.",
        ),
        "ADDRESS_REFUSED" => (
            "The proxy does not ask private addresses",
            "For a registry in your own network, start the proxy with --allow-private HOST:PORT (and --plain-http HOST:PORT if it has no https).",
        ),
        "REALM_REFUSED" => (
            "The registry's sign-in server is not trusted",
            "Do not enter a password here unless you know that server; then start the proxy with --realm REGISTRY=HOST.",
        ),
        "ORIGIN_REFUSED" => (
            "The proxy does not serve this page",
            "Start the proxy with --origin and this page's origin.",
        ),
        "DNS_FAILED" => (
            "The registry's name is not known",
            "Check the spelling of the host; if it is right, the proxy's name server does not know it.",
        ),
        "CONNECT_FAILED" => (
            "The registry cannot be reached",
            "Check host and port, and that the registry runs. A registry without https needs --plain-http HOST:PORT.",
        ),
        "TLS_FAILED" => (
            "No secure connection to the registry",
            "Its certificate may have expired or be its own: start the proxy with --ca-file, or with --plain-http HOST:PORT if it has no https.",
        ),
        "UPSTREAM_TIMEOUT" => (
            "The registry did not answer in time",
            "Try again; if it stays so, the registry is overloaded or unreachable for the proxy.",
        ),
        "UPSTREAM_INVALID" => (
            "The registry's answer makes no sense",
            "Check that this host is a registry; a web site or a login page may be answering.",
        ),
        "REDIRECT_REFUSED" => (
            "The registry sent the proxy to a place it does not go",
            "If that place is yours, start the proxy with --allow-private for it.",
        ),
        "TOO_MANY_REDIRECTS" => (
            "The registry sent the proxy round in circles",
            "Try again later; the registry's storage may be set up wrongly.",
        ),
        "BODY_TOO_LARGE" => (
            "This is too large for the proxy",
            "Copy the command below to fetch it to your disk.",
        ),
        "REQUEST_TIMEOUT" => (
            "The proxy did not get the request in time",
            "Try again; if it stays so, the connection is slow, or something between here and the proxy holds requests up.",
        ),
        "RATE_LIMITED" => ("Too many requests to the proxy", &busy),
        "BUSY" => ("The proxy is busy", &busy),
        _ => (
            "The proxy could not do it",
            "Try again; the proxy's log says more. Page and proxy may be of different versions.",
        ),
    };
    let cause = match message {
        "" => format!("The proxy could not get {} from {registry}.", attempt.what),
        words => words.to_owned(),
    };
    Problem::new(&format!("PROXY_{code}"), title, cause, remedy)
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Problem {
        Problem::from(&error)
    }
}

impl From<&ReferenceError> for Problem {
    fn from(error: &ReferenceError) -> Problem {
        let shown = crate::path::visible(error.text.as_bytes());
        Problem::new(
            "REFERENCE",
            "This reference cannot be read",
            match shown.is_empty() {
                true => error.to_string(),
                false => format!("in “{shown}”: {error}"),
            },
            "Write it as [registry/]repository[:tag][@digest], such as debian:12 or ghcr.io/owner/name:tag.",
        )
    }
}

impl From<ReferenceError> for Problem {
    fn from(error: ReferenceError) -> Problem {
        Problem::from(&error)
    }
}

impl From<DigestError> for Problem {
    fn from(error: DigestError) -> Problem {
        Problem::new(
            "DIGEST",
            "This digest cannot be read",
            error.to_string(),
            "Copy the whole digest: sha256: and 64 hex digits.",
        )
    }
}

impl From<PlatformError> for Problem {
    fn from(error: PlatformError) -> Problem {
        Problem::new(
            "PLATFORM",
            "This platform cannot be read",
            error.to_string(),
            "Choose a platform from the list on the image's page.",
        )
    }
}

impl From<ManifestError> for Problem {
    fn from(error: ManifestError) -> Problem {
        Problem::new(
            "MANIFEST",
            "The manifest cannot be read",
            error.to_string(),
            "Check that the address is a registry, and tell those who pushed this manifest.",
        )
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Problem {
        Problem::new(
            "CONFIG",
            "The image's configuration cannot be read",
            error.to_string(),
            "The layers can be opened all the same, from the manifest.",
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Unavailable { detail } => Problem::new(
                "STORE_UNAVAILABLE",
                "Nothing can be kept for the next visit",
                format!("this browser's storage is not available here: {detail}"),
                "All else works; a layer is read anew each time. Private windows and blocked site data are usual reasons.",
            ),
            StoreError::Full { detail } => Problem::new(
                "STORE_FULL",
                "The index was not kept: storage is full",
                format!("this browser's storage has no room: {detail}"),
                "All else works. Remove stored layers on the settings page, or free space on the disk.",
            ),
            error @ (StoreError::Changed | StoreError::Failed { .. }) => Problem::new(
                "STORE_FAILED",
                "The index was not kept",
                error.to_string(),
                "All else works. Reload the page; clearing the stored layers on the settings page may help.",
            ),
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Problem {
        Problem::new(
            "HASH_STOPPED",
            "The layer could not be checked",
            error.to_string(),
            "Open the layer again; the tab may have run out of memory.",
        )
    }
}

pub mod unreached;

#[cfg(test)]
mod tests;
