//! Which way each registry is asked: through the proxy, or directly where it lets pages of other
//! origins read its answers (CORS). Chosen by the user, or found out and remembered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Endpoint;
use super::error::RegistryError;
use crate::reference::Registry;

/// Registries that are remembered; the list is kept in the browser as one short text.
pub const MAX_REGISTRIES: usize = 200;

/// What the user wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The proxy where there is one that serves it, else directly.
    #[default]
    Automatic,
    /// The proxy alone.
    Proxy,
    /// Directly, by https.
    Direct,
    /// Directly, by http: a registry in one's own network.
    DirectHttp,
}

impl Way {
    /// All of them, in the order of the settings page.
    pub const ALL: [Way; 4] = [Way::Automatic, Way::Proxy, Way::Direct, Way::DirectHttp];

    /// The name it is kept under.
    pub fn name(self) -> &'static str {
        match self {
            Way::Automatic => "automatic",
            Way::Proxy => "proxy",
            Way::Direct => "direct",
            Way::DirectHttp => "direct-http",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Way> {
        Way::ALL.into_iter().find(|way| way.name() == name)
    }

    /// For the user.
    pub fn label(self) -> &'static str {
        match self {
            Way::Automatic => "Automatic",
            Way::Proxy => "Through the proxy",
            Way::Direct => "Directly",
            Way::DirectHttp => "Directly, by http",
        }
    }
}

/// What is known of a registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// What the user wants.
    pub way: Way,
    /// It was found to answer pages directly: by http, or by https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_http: Option<bool>,
}

/// What is known of each, by its canonical name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ways(BTreeMap<String, Known>);

/// What there is beside the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The proxy's address, empty for the page's own origin; none where there is no proxy.
    pub proxy: Option<String>,
    /// Only a link has named it.
    pub by_link: bool,
    /// Registries that whoever runs the page wants asked directly.
    pub direct: Vec<String>,
    /// The page's own policy lets it ask nobody but the proxy: our proxy has served it.
    pub closed: bool,
}

impl Ways {
    /// Reads what was kept. What makes no sense is as good as nothing.
    pub fn parse(text: &str) -> Ways {
        let mut ways: Ways = serde_json::from_str(text).unwrap_or_default();
        ways.0
            .retain(|name, _| Registry::parse(name).is_ok_and(|r| r.as_str() == name));
        while ways.0.len() > MAX_REGISTRIES {
            ways.0.pop_last();
        }
        ways
    }

    /// What is to be kept.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What is known of a registry.
    pub fn known(&self, registry: &Registry) -> Known {
        self.0.get(registry.as_str()).copied().unwrap_or_default()
    }

    /// Every registry of which something is known.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Known)> {
        self.0.iter().map(|(name, known)| (name.as_str(), *known))
    }

    /// The user chooses. What was found out is found out anew.
    pub fn choose(&mut self, registry: &Registry, way: Way) {
        self.put(registry, |known| {
            known.way = way;
            known.found_http = None;
        });
    }

    /// A registry answers directly, or does so no longer.
    pub fn found(&mut self, registry: &Registry, http: Option<bool>) {
        self.put(registry, |known| known.found_http = http);
    }

    /// Forgets a registry.
    pub fn forget(&mut self, registry: &Registry) {
        self.0.remove(registry.as_str());
    }

    fn put(&mut self, registry: &Registry, change: impl FnOnce(&mut Known)) {
        let name = registry.as_str();
        if self.0.len() >= MAX_REGISTRIES && !self.0.contains_key(name) {
            self.0.pop_last();
        }
        change(self.0.entry(name.to_owned()).or_default());
    }

    /// How a registry is reached.
    pub fn endpoint(&self, registry: &Registry, around: &Surroundings) -> Endpoint {
        let Known { way, found_http } = self.known(registry);
        let direct = |plain_http| Endpoint::Direct { plain_http };
        let listed = || {
            let parsed = |name: &String| Registry::parse(name).ok();
            around
                .direct
                .iter()
                .filter_map(parsed)
                .any(|r| r == *registry)
        };
        match (way, found_http, &around.proxy) {
            (Way::Direct, ..) => direct(false),
            (Way::DirectHttp, ..) => direct(true),
            (Way::Proxy, _, base) => Endpoint::proxy(base.as_deref().unwrap_or_default()),
            (Way::Automatic, Some(http), _) => direct(http),
            // A registry on this machine has no certificate that a browser knows.
            (Way::Automatic, None, None) => direct(registry.is_loopback()),
            (Way::Automatic, None, Some(_)) if listed() => direct(registry.is_loopback()),
            (Way::Automatic, None, Some(base)) => Endpoint::proxy(base),
        }
    }

    /// Whether a failure through the proxy is a reason to try directly: the proxy does not serve
    /// the registry, or does not reach what the user's own network may.
    pub fn may_turn_direct(
        &self,
        registry: &Registry,
        around: &Surroundings,
        error: &RegistryError,
    ) -> bool {
        let RegistryError::Proxy { code, .. } = error else {
            return false;
        };
        !around.closed
            && self.known(registry).way == Way::Automatic
            && matches!(
                code.as_str(),
                "REGISTRY_NOT_SERVED" | "ADDRESS_REFUSED" | "DNS_FAILED" | "CONNECT_FAILED"
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::error::{Attempt, Wanted};

    fn registry(name: &str) -> Registry {
        Registry::parse(name).unwrap()
    }

    #[track_caller]
    fn check(ways: &Ways, name: &str, proxy: Option<&str>, expect: &str) {
        let around = Surroundings {
            proxy: proxy.map(str::to_owned),
            by_link: false,
            direct: vec!["listed.example".into()],
            closed: false,
        };
        let shown = match ways.endpoint(&registry(name), &around) {
            Endpoint::Proxy { base } => format!("proxy {base}"),
            Endpoint::Direct { plain_http: true } => "http".into(),
            Endpoint::Direct { plain_http: false } => "https".into(),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn each_registry_its_own_way() {
        let mut ways = Ways::default();
        check(&ways, "a.example", Some("http://p"), "proxy http://p");
        check(&ways, "a.example", None, "https");
        check(&ways, "localhost:5000", None, "http");
        check(&ways, "listed.example", Some(""), "https");
        ways.choose(&registry("a.example"), Way::Direct);
        check(&ways, "a.example", Some(""), "https");
        check(&ways, "b.example", Some(""), "proxy ");
        ways.choose(&registry("a.example"), Way::DirectHttp);
        check(&ways, "a.example", None, "http");
        ways.choose(&registry("listed.example"), Way::Proxy);
        check(&ways, "listed.example", Some("http://p"), "proxy http://p");
        ways.found(&registry("b.example"), Some(true));
        check(&ways, "b.example", Some(""), "http");
        ways.found(&registry("b.example"), None);
        check(&ways, "b.example", Some(""), "proxy ");
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut ways = Ways::default();
        ways.choose(&registry("docker.io"), Way::Direct);
        ways.found(&registry("127.0.0.1:5000"), Some(true));
        assert_eq!(Ways::parse(&ways.to_text()), ways);
        assert!(ways.to_text().contains("index.docker.io"));
        assert_eq!(Ways::parse("{}"), Ways::default());
        assert_eq!(Ways::parse("nonsense"), Ways::default());
        assert_eq!(
            Ways::parse(r#"{"not a host":{},"UPPER.example":{}}"#),
            Ways::default()
        );
        for n in 0..MAX_REGISTRIES + 5 {
            ways.choose(&registry(&format!("r{n}.example")), Way::Direct);
        }
        assert_eq!(ways.0.len(), MAX_REGISTRIES);
        for way in Way::ALL {
            assert_eq!(Way::from_name(way.name()), Some(way));
            let json = serde_json::to_string(&way).unwrap();
            assert_eq!(json, format!("{:?}", way.name()));
        }
    }

    #[test]
    fn what_the_proxy_cannot_reach_may_be_asked_directly() {
        let proxied = |code: &str| RegistryError::Proxy {
            attempt: Attempt {
                registry: "r.example".into(),
                what: String::new(),
                wanted: Wanted::Content,
                direct: false,
            },
            code: code.into(),
            message: String::new(),
            retry_after: None,
        };
        let mut ways = Ways::default();
        let r = registry("r.example");
        let mut around = Surroundings::default();
        let refused = proxied("REGISTRY_NOT_SERVED");
        assert!(ways.may_turn_direct(&r, &around, &refused));
        assert!(!ways.may_turn_direct(&r, &around, &proxied("RATE_LIMITED")));
        around.closed = true;
        assert!(!ways.may_turn_direct(&r, &around, &refused));
        around.closed = false;
        ways.choose(&r, Way::Proxy);
        assert!(!ways.may_turn_direct(&r, &around, &refused));
    }
}
