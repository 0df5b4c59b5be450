//! Why a registry that is asked directly gave no answer, in words.

use super::Problem;
use crate::port::HttpError;
use crate::registry::unreached::Unreached;

/// The error for a host that was asked directly and gave no answer.
pub fn error(url_host: String, why: Unreached) -> HttpError {
    let problem = Box::new(problem(&url_host, why));
    HttpError::Unreached {
        url_host,
        why,
        problem,
    }
}

/// What is said where a page could not read what the referrers API answers, if there is one: other
/// words than those for a request that had to be answered.
pub fn referrers_unread(registry: &str) -> Problem {
    Problem::new(
        "REFERRERS_UNREAD",
        "The referrers API could not be read",
        format!(
            "{registry} gave this page nothing to read of it. Registries without that API often answer so; the connection may also have broken. Whether there is more than what is shown is not known"
        ),
        "Try again. If it stays so, let this registry be asked through a proxy, on the settings page.",
    )
}

/// The problem for a cause.
fn problem(host: &str, why: Unreached) -> Problem {
    let asked = format!("{host} was asked directly");
    const BY_PROXY: &str = "On the settings page, let this registry be asked through a proxy.";
    let (code, title, cause, remedy) = match why {
        Unreached::Offline => (
            "OFFLINE",
            "There is no connection",
            format!("This browser says that it is offline. {asked}"),
            "Connect and try again.".to_owned(),
        ),
        Unreached::Policy => (
            "DIRECT_POLICY",
            "This page may not ask the registry itself",
            format!("{asked}, and this page's own security policy (connect-src) does not allow that host"),
            format!("{BY_PROXY} Only from a plain web server, or with that host in its connect-src, may this page ask it directly."),
        ),
        Unreached::Mixed => (
            "DIRECT_MIXED",
            "A page loaded by https may not ask by http",
            format!("{asked} by http, which browsers refuse to a page that came by https"),
            format!("Give the registry a certificate, or open this page by http. {BY_PROXY}"),
        ),
        Unreached::Local => (
            "DIRECT_LOCAL",
            "The browser keeps this page from the local network",
            format!("{asked}, which is in the local network, and this browser was told not to let this page reach it"),
            "Allow local network access for this page in the browser's site settings, then try again.".to_owned(),
        ),
        Unreached::Cors => (
            "DIRECT_CORS",
            "The registry does not let this page read its answers (CORS)",
            format!("{host} answers, but without the headers that let a page of another origin read it (Access-Control-Allow-Origin)"),
            format!("{BY_PROXY} Whoever runs the registry can allow this page's origin there."),
        ),
        Unreached::Preflight => (
            "DIRECT_PREFLIGHT",
            "The registry lets pages ask, but not with the headers that are needed (CORS)",
            format!("{host} lets this page read plain answers, but refuses what the browser asks before a request with Accept or Authorization (OPTIONS)"),
            format!("{BY_PROXY} Whoever runs the registry can allow these headers, and answer OPTIONS without a sign-in."),
        ),
        Unreached::Beyond => (
            "DIRECT_BEYOND",
            "The registry answers, but this did not come",
            format!("{host} lets this page read its answers. What it was asked for either led to a storage that does not let this page read (CORS), or the transfer broke off"),
            format!("Try again. If it stays so: {BY_PROXY}"),
        ),
        Unreached::Tls => (
            "DIRECT_TLS",
            "No secure connection to the registry",
            format!("{host} answers by http, but not by https that this browser accepts: it may have no certificate, or one of its own"),
            "Open the registry's address in a tab to see what the browser says of its certificate. A registry without https can be asked directly by http: see the settings page.".to_owned(),
        ),
        Unreached::WantsHttps => (
            "DIRECT_WANTS_HTTPS",
            "The registry speaks https",
            format!("{asked} by http, and answers only by https"),
            "On the settings page, choose Directly for it, without http.".to_owned(),
        ),
        Unreached::Nowhere => (
            "DIRECT_NOWHERE",
            "Nothing answers at the registry's address",
            format!("The browser gets no connection to {host} and does not say why: the name may not be known (DNS), nothing may listen there, or its certificate (TLS) may not be accepted"),
            format!("Check the name and the port, and open the address in a tab: there the browser says which it is. {BY_PROXY}"),
        ),
    };
    Problem::new(code, title, cause, &remedy)
}
