use super::*;
use crate::digest::{Algorithm, Digest};
use crate::reference::Reference;

fn attempt(direct: bool) -> Attempt {
    Attempt {
        registry: "r.example".into(),
        what: "the manifest a/b:c".into(),
        wanted: Wanted::Content,
        direct,
    }
}

fn network(direct: bool, error: HttpError) -> RegistryError {
    RegistryError::Network {
        attempt: attempt(direct),
        error,
    }
}

fn proxy(code: &str) -> RegistryError {
    RegistryError::Proxy {
        attempt: attempt(false),
        code: code.into(),
        message: String::new(),
        retry_after: Some(30),
    }
}

fn not_found(wanted: Wanted, code: Option<&str>) -> RegistryError {
    let mut attempt = attempt(false);
    attempt.wanted = wanted;
    RegistryError::NotFound {
        attempt,
        code: code.map(str::to_owned),
        message: None,
    }
}

fn unauthorized(schemes: &[&str], with_credentials: bool) -> RegistryError {
    RegistryError::Unauthorized {
        attempt: attempt(false),
        schemes: schemes.iter().map(|s| (*s).to_owned()).collect(),
        with_credentials,
        message: None,
    }
}

/// The codes of the proxy's contract.
const PROXY_CODES: [&str; 16] = [
    "TARGET_INVALID",
    "REGISTRY_NOT_SERVED",
    "ADDRESS_REFUSED",
    "REALM_REFUSED",
    "ORIGIN_REFUSED",
    "DNS_FAILED",
    "CONNECT_FAILED",
    "TLS_FAILED",
    "UPSTREAM_TIMEOUT",
    "UPSTREAM_INVALID",
    "REDIRECT_REFUSED",
    "TOO_MANY_REDIRECTS",
    "BODY_TOO_LARGE",
    "REQUEST_TIMEOUT",
    "RATE_LIMITED",
    "BUSY",
];

fn every_registry_error() -> Vec<RegistryError> {
    let lost = || HttpError::Network {
        url_host: "p".into(),
        detail: "TypeError".into(),
    };
    let bad_url = HttpError::BadUrl { detail: "x".into() };
    let digest = Digest::of(Algorithm::Sha256, b"");
    let attempt = || attempt(false);
    let mut all = vec![
        unauthorized(&["bearer"], false),
        unauthorized(&["basic"], true),
        unauthorized(&["negotiate"], false),
        RegistryError::Forbidden {
            attempt: attempt(),
            message: Some("denied".into()),
        },
        not_found(Wanted::Content, None),
        not_found(Wanted::Tags, None),
        not_found(Wanted::Catalog, None),
        RegistryError::RateLimited {
            attempt: attempt(),
            retry_after: Some(90),
            message: None,
        },
        RegistryError::Upstream {
            attempt: attempt(),
            status: 503,
            detail: None,
        },
        RegistryError::Upstream {
            attempt: attempt(),
            status: 418,
            detail: None,
        },
        RegistryError::NotJson {
            attempt: attempt(),
            content_type: Some("text/html".into()),
            detail: "x".into(),
        },
        RegistryError::DigestMismatch {
            attempt: attempt(),
            expected: digest.clone(),
            actual: digest,
        },
        RegistryError::TooLarge {
            attempt: attempt(),
            limit: 4 << 20,
        },
        RegistryError::RangeNotSatisfiable {
            attempt: attempt(),
            total: Some(7),
        },
        RegistryError::BadAnswer {
            attempt: attempt(),
            detail: "it lies".into(),
        },
        network(false, lost()),
        network(true, lost()),
        network(false, HttpError::Aborted),
        network(false, HttpError::TimedOut),
        network(false, bad_url),
    ];
    all.extend(PROXY_CODES.iter().map(|c| proxy(c)));
    all.push(proxy("SOMETHING_NEW"));
    all
}

fn others() -> Vec<Problem> {
    let store = |n: u8| {
        let detail = "QuotaExceeded".to_owned();
        match n {
            0 => StoreError::Unavailable { detail },
            1 => StoreError::Full { detail },
            _ => StoreError::Failed { detail },
        }
    };
    vec![
        Reference::parse("Debian").unwrap_err().into(),
        DigestError::NoColon.into(),
        PlatformError.into(),
        ManifestError::NotAnObject.into(),
        ConfigError::TooLarge { actual: 9 }.into(),
        store(0).into(),
        store(1).into(),
        store(2).into(),
        HashError { detail: "x".into() }.into(),
    ]
}

#[test]
fn each_has_a_cause_and_a_remedy() {
    let mut codes = std::collections::HashSet::new();
    let registry = every_registry_error();
    for problem in registry.iter().map(Problem::from).chain(others()) {
        let text = problem.to_string();
        assert!(
            problem.title.len() >= 5 && !problem.title.ends_with('.'),
            "{text}"
        );
        assert!(
            problem.cause.len() > 10 && problem.cause.ends_with(['.', '!', '?']),
            "{text}"
        );
        assert!(
            problem.remedy.len() > 20 && problem.remedy.ends_with('.'),
            "{text}"
        );
        assert!(
            text.len() < 600 && !text.contains("  ") && !text.contains(".."),
            "{text}"
        );
        let plain = |c: char| c.is_ascii_uppercase() || c == '_';
        assert!(problem.code.chars().all(plain), "{}", problem.code);
        assert!(codes.insert(problem.code.clone()), "{} twice", problem.code);
    }
}

#[test]
fn each_names_the_registry_or_the_proxy() {
    for error in every_registry_error() {
        let cause = Problem::from(&error).cause;
        let named = ["r.example", "proxy", "the manifest a/b:c"];
        assert!(named.iter().any(|n| cause.contains(n)), "{cause}");
        assert_eq!(error.attempt().registry, "r.example");
    }
}

#[track_caller]
fn check(error: RegistryError, code: &str, words: &[&str]) {
    let problem = Problem::from(error);
    assert_eq!(problem.code, code);
    let text = problem.to_string();
    for word in words {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn says_what_helps() {
    let lost = HttpError::Network {
        url_host: "p:8080".into(),
        detail: "TypeError: Failed to fetch".into(),
    };
    check(
        network(true, lost.clone()),
        "NETWORK_DIRECT",
        &["CORS", "certificate", "proxy"],
    );
    check(network(false, lost), "NETWORK", &["p:8080", "online"]);
    check(
        proxy("ADDRESS_REFUSED"),
        "PROXY_ADDRESS_REFUSED",
        &["--allow-private"],
    );
    check(proxy("BUSY"), "PROXY_BUSY", &["in 30 s"]);
    check(
        unauthorized(&["basic"], true),
        "CREDENTIALS_REFUSED",
        &["access token"],
    );
    check(unauthorized(&[], false), "UNAUTHORIZED", &["sign in"]);
    let limited = RegistryError::RateLimited {
        attempt: attempt(false),
        retry_after: Some(90),
        message: Some("toomanyrequests".into()),
    };
    check(limited, "RATE_LIMITED", &["1 min 30 s", "toomanyrequests"]);
}

/// What is advised is something else than what was just done.
#[test]
fn a_404_means_what_was_asked_for() {
    let content = |code| not_found(Wanted::Content, Some(code));
    let missing = ["spelling", "list", "sign in"];
    check(content("NAME_UNKNOWN"), "REPOSITORY_MISSING", &missing);
    check(content("NAME_INVALID"), "REPOSITORY_MISSING", &missing);
    check(
        not_found(Wanted::Tags, None),
        "REPOSITORY_MISSING",
        &missing,
    );
    check(
        content("MANIFEST_UNKNOWN"),
        "NOT_FOUND",
        &["tag", "open the repository"],
    );
    check(
        not_found(Wanted::Catalog, None),
        "NO_CATALOG",
        &["name of a repository"],
    );
    for error in [content("NAME_UNKNOWN"), not_found(Wanted::Tags, None)] {
        assert!(!Problem::from(error).remedy.contains("open the repository"));
    }
}

#[test]
fn travels() {
    let problem = Problem::from(proxy("BUSY"));
    let json = serde_json::to_string(&problem).unwrap();
    assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
}
