//! What the operator allows: which registries are served, which hosts may be dialled, and how.

use crate::error::ProxyError;
use crate::target::{Host, HostPort, Registry, SAMPLE_NAME};
use url::Url;

/// Token hosts that belong to a registry of another name. Source: the registries' own challenges.
const BUILT_IN_REALMS: [(&str, &str); 3] = [
    ("index.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("docker.elastic.co", "docker-auth.elastic.co"),
];

/// The default port of https, the only one that is dialled unless the operator named another.
const HTTPS_PORT: u16 = 443;

/// The operator's choices about targets.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Registries that are served, and whose ports may be dialled.
    pub registries: Vec<Registry>,
    /// Any public host is served.
    pub any: bool,
    /// Host and port for which the address filter is lifted, and which are served.
    pub allow_private: Vec<Registry>,
    /// Host and port that speak http, and which are served.
    pub plain_http: Vec<Registry>,
    /// Token hosts that may be sent a registry's credentials.
    pub realms: Vec<(Registry, HostPort)>,
}

impl Policy {
    /// Checks that a registry is served, by name alone: addresses are the connector's business.
    pub fn check_served(&self, registry: &Registry) -> Result<(), ProxyError> {
        let listed = |list: &[Registry]| {
            list.iter().any(|entry| {
                let (_, port) = self.scheme_and_port(registry);
                entry == registry || entry.dialled().covers(&registry.dialled().host, port)
            })
        };
        if listed(&self.registries) || listed(&self.allow_private) || listed(&self.plain_http) {
            return Ok(());
        }
        let refused = |why: &str| {
            Err(ProxyError::RegistryNotServed(format!(
                "This proxy does not serve the registry {registry}: {why}"
            )))
        };
        if !self.any && !self.registries.is_empty() {
            return refused("it serves only those that its operator named with --registry.");
        }
        if !self.any {
            return refused(
                "it is not on a loopback address; its operator can name registries with --registry, or all with --any-registry.",
            );
        }
        if registry.dialled().host == Host::Name(SAMPLE_NAME.into()) {
            return refused("the sample registry is switched off.");
        }
        if !matches!(registry.dialled().port, None | Some(HTTPS_PORT)) {
            return refused(
                "ports other than 443 must be named with --registry HOST:PORT (and --allow-private or --plain-http where that is meant).",
            );
        }
        Ok(())
    }

    /// Whether the address filter is lifted for this dial.
    pub fn is_private_allowed(&self, host: &Host, port: u16) -> bool {
        self.allow_private
            .iter()
            .any(|entry| entry.dialled().covers(host, port))
    }

    fn is_plain_http(&self, host: &Host, port: u16) -> bool {
        self.plain_http
            .iter()
            .any(|entry| entry.dialled().covers(host, port))
    }

    fn is_port_named(&self, host: &Host, port: u16) -> bool {
        let named = |list: &[Registry]| list.iter().any(|e| e.dialled().covers(host, port));
        named(&self.registries)
            || named(&self.allow_private)
            || named(&self.plain_http)
            || self
                .realms
                .iter()
                .any(|(_, realm)| realm.covers(host, port))
    }

    fn scheme_and_port(&self, registry: &Registry) -> (&'static str, u16) {
        let HostPort { host, port } = registry.dialled();
        match port {
            Some(port) if self.is_plain_http(host, *port) => ("http", *port),
            Some(port) => ("https", *port),
            None if self.is_plain_http(host, 80) => ("http", 80),
            None => ("https", HTTPS_PORT),
        }
    }

    /// The URL of a path (with query) at the registry. `path` must be made of checked parts.
    pub fn url(&self, registry: &Registry, path: &str) -> Result<Url, ProxyError> {
        let (scheme, port) = self.scheme_and_port(registry);
        let text = format!("{scheme}://{}:{port}{path}", registry.dialled().host);
        Url::parse(&text).map_err(|problem| {
            ProxyError::TargetInvalid(format!(
                "No address could be made for {registry}: {problem}"
            ))
        })
    }

    /// Checks a URL that somebody else named (redirect, realm): scheme, userinfo, host, port.
    /// `origin` is a URL whose own host and port are fine. The text of a refusal has no query.
    pub fn check_foreign(&self, url: &Url, origin: &Url) -> Result<(), String> {
        let host = host_from_url(url).ok_or("it names no valid host")?;
        let port = url.port_or_known_default().ok_or("it has no port")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it has a user name in it".into());
        }
        match url.scheme() {
            "https" => {}
            "http" if self.is_plain_http(&host, port) => {}
            "http" => {
                return Err(format!(
                    "it is plain http; --plain-http {host}:{port} allows it"
                ));
            }
            _ => return Err("it is not https".into()),
        }
        let same = same_host(url, origin);
        if port != HTTPS_PORT && !same && !self.is_port_named(&host, port) {
            return Err(format!(
                "port {port} is not 443; --registry {host}:{port} or --allow-private {host}:{port} allows it"
            ));
        }
        Ok(())
    }

    /// Whether a realm may be sent this registry's credentials.
    pub fn may_have_credentials(
        &self,
        realm: &Url,
        registry: &Registry,
        registry_url: &Url,
    ) -> bool {
        let (Some(host), Some(port)) = (host_from_url(realm), realm.port_or_known_default()) else {
            return false;
        };
        if same_host(realm, registry_url) && realm.scheme() == registry_url.scheme() {
            return true;
        }
        let named = self
            .realms
            .iter()
            .any(|(of, at)| of == registry && at.covers(&host, port));
        let name = registry.to_string();
        let built_in = |(of, at): &(&str, &str)| *of == name && host == Host::Name((*at).into());
        named
            || (realm.scheme() == "https"
                && port == HTTPS_PORT
                && BUILT_IN_REALMS.iter().any(built_in))
    }
}

/// The host of a URL in our own, stricter grammar.
pub fn host_from_url(url: &Url) -> Option<Host> {
    url.host_str()?.parse().ok()
}

/// Same host and port.
pub fn same_host(a: &Url, b: &Url) -> bool {
    a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(text: &str) -> Registry {
        text.parse().unwrap()
    }

    #[track_caller]
    fn served(policy: &Policy, name: &str, expect: bool) {
        assert_eq!(
            policy.check_served(&registry(name)).is_ok(),
            expect,
            "{name}"
        );
    }

    #[test]
    fn any_public_host_is_443_only() {
        let policy = Policy {
            any: true,
            ..Policy::default()
        };
        served(&policy, "ghcr.io", true);
        served(&policy, "ghcr.io:443", true);
        served(&policy, "ghcr.io:8443", false);
        served(&policy, "sample.localhost", false);
    }

    #[test]
    fn a_list_is_the_whole_list() {
        let policy = Policy {
            registries: vec![registry("docker.io"), registry("reg.example:5000")],
            allow_private: vec![registry("10.0.0.1:5001")],
            ..Policy::default()
        };
        served(&policy, "index.docker.io", true);
        served(&policy, "registry-1.docker.io", true);
        served(&policy, "reg.example:5000", true);
        served(&policy, "reg.example", false);
        served(&policy, "10.0.0.1:5001", true);
        served(&policy, "10.0.0.1", false);
        served(&policy, "ghcr.io", false);
        served(&Policy::default(), "ghcr.io", false);
    }

    #[test]
    fn scheme_and_port_follow_plain_http() {
        let policy = Policy {
            plain_http: vec![registry("a.example:5000"), registry("b.example")],
            ..Policy::default()
        };
        let url = |name: &str| policy.url(&registry(name), "/v2/").unwrap().to_string();
        assert_eq!(url("a.example:5000"), "http://a.example:5000/v2/");
        assert_eq!(url("a.example"), "https://a.example/v2/");
        assert_eq!(url("b.example"), "http://b.example/v2/");
        assert_eq!(url("b.example:443"), "http://b.example:443/v2/");
        assert_eq!(url("docker.io"), "https://registry-1.docker.io/v2/");
    }

    #[track_caller]
    fn foreign(policy: &Policy, url: &str, expect: bool) {
        let origin = Url::parse("https://reg.example:5000/").unwrap();
        let got = policy.check_foreign(&Url::parse(url).unwrap(), &origin);
        assert_eq!(got.is_ok(), expect, "{url}: {got:?}");
    }

    #[test]
    fn foreign_urls() {
        let policy = Policy {
            plain_http: vec![registry("plain.example:81")],
            allow_private: vec![registry("store.example:9000")],
            ..Policy::default()
        };
        foreign(&policy, "https://cdn.example/x?sig=1", true);
        foreign(&policy, "https://reg.example:5000/x", true);
        foreign(&policy, "https://store.example:9000/x", true);
        foreign(&policy, "http://plain.example:81/x", true);
        foreign(&policy, "https://cdn.example:8443/x", false);
        foreign(&policy, "http://cdn.example/x", false);
        foreign(&policy, "http://reg.example:5000/x", false);
        foreign(&policy, "https://user@cdn.example/x", false);
        foreign(&policy, "https://user:pw@cdn.example/x", false);
        foreign(&policy, "ftp://cdn.example/x", false);
        foreign(&policy, "file:///etc/passwd", false);
        foreign(&policy, "data:text/plain,x", false);
    }

    #[track_caller]
    fn credentials(policy: &Policy, of: &str, realm: &str, expect: bool) {
        let of = registry(of);
        let at = policy.url(&of, "/v2/").unwrap();
        let got = policy.may_have_credentials(&Url::parse(realm).unwrap(), &of, &at);
        assert_eq!(got, expect, "{of} -> {realm}");
    }

    #[test]
    fn who_may_have_credentials() {
        let policy = Policy {
            realms: vec![(
                registry("reg.example"),
                "login.example:8443".parse().unwrap(),
            )],
            ..Policy::default()
        };
        credentials(&policy, "docker.io", "https://auth.docker.io/token", true);
        credentials(
            &policy,
            "docker.io",
            "https://auth.docker.io:8443/token",
            false,
        );
        credentials(
            &policy,
            "docker.io",
            "https://auth.docker.io.evil.example/token",
            false,
        );
        credentials(
            &policy,
            "registry.gitlab.com",
            "https://gitlab.com/jwt/auth",
            true,
        );
        credentials(&policy, "ghcr.io", "https://ghcr.io/token", true);
        credentials(&policy, "ghcr.io", "http://ghcr.io/token", false);
        credentials(&policy, "ghcr.io", "https://gitlab.com/jwt/auth", false);
        credentials(&policy, "reg.example", "https://login.example:8443/t", true);
        credentials(&policy, "reg.example", "https://login.example/t", false);
        credentials(
            &policy,
            "other.example",
            "https://login.example:8443/t",
            false,
        );
    }
}
