//! Which way each registry is asked: through the proxy, or directly where it lets pages of other
//! origins read its answers (CORS). Chosen by the user, or found out and remembered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Endpoint;
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

/// What this visit has found of a registry that the proxy should serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    /// The proxy did not reach it, and it answers directly: by http, or by https.
    Direct { http: bool },
    /// Nor did that lead anywhere: the proxy is asked all the same.
    ProxyAgain,
}

/// What a failure is a reason for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// To see whether the registry answers directly.
    Direct {
        /// The proxy will not serve it tomorrow either.
        for_good: bool,
    },
    /// To go back to the proxy.
    Back,
}

/// What is known of each, by its canonical name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    kept: BTreeMap<String, Known>,
    /// What is not kept.
    visit: BTreeMap<String, Visit>,
}

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

/// The name by which our proxy says what it is.
const PROXY_NAME: &str = "layerscope-proxy";

/// Whether there is a proxy at an origin that was asked for `api/v1/info`: by the status and the body
/// of its answer, if one came in time. A plain web server says that there is no such page; what is
/// too busy to answer is no plain web server.
pub fn is_proxy(answer: Option<(u16, &[u8])>) -> bool {
    match answer {
        Some((200, body)) => {
            let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
            let name = value.as_ref().and_then(|v| v.get("name")?.as_str());
            name == Some(PROXY_NAME)
        }
        Some((status, _)) => status == 429 || status >= 500,
        None => true,
    }
}

impl Ways {
    /// Reads what was kept. What makes no sense is as good as nothing.
    pub fn parse(text: &str) -> Ways {
        let mut kept: BTreeMap<String, Known> = serde_json::from_str(text).unwrap_or_default();
        kept.retain(|name, _| Registry::parse(name).is_ok_and(|r| r.as_str() == name));
        while kept.len() > MAX_REGISTRIES {
            kept.pop_last();
        }
        Ways {
            kept,
            visit: BTreeMap::new(),
        }
    }

    /// What is to be kept.
    pub fn to_text(&self) -> String {
        serde_json::to_string(&self.kept).unwrap_or_default()
    }

    /// The same with what this visit has found, which `before` knows: what is kept is read again
    /// before each change, because other tabs change it too.
    #[must_use]
    pub fn in_visit_of(mut self, before: Ways) -> Ways {
        self.visit = before.visit;
        self
    }

    /// What is known of a registry.
    pub fn known(&self, registry: &Registry) -> Known {
        self.kept
            .get(registry.as_str())
            .copied()
            .unwrap_or_default()
    }

    /// Every registry of which something is kept.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Known)> {
        self.kept
            .iter()
            .map(|(name, known)| (name.as_str(), *known))
    }

    /// The user chooses. What was found out is found out anew.
    pub fn choose(&mut self, registry: &Registry, way: Way) {
        self.visit.remove(registry.as_str());
        self.put(registry, |known| {
            known.way = way;
            known.found_http = None;
        });
    }

    /// A registry answers directly, or does so no longer; to be kept.
    pub fn found(&mut self, registry: &Registry, http: Option<bool>) {
        self.put(registry, |known| known.found_http = http);
    }

    /// A registry that the proxy did not reach answers directly: that counts for this visit, the
    /// proxy may reach it tomorrow.
    pub fn found_for_now(&mut self, registry: &Registry, http: bool) {
        self.note(registry, Visit::Direct { http });
    }

    /// It did not help: for the rest of this visit the proxy is asked.
    pub fn turn_back(&mut self, registry: &Registry) {
        self.note(registry, Visit::ProxyAgain);
    }

    /// Forgets a registry.
    pub fn forget(&mut self, registry: &Registry) {
        self.kept.remove(registry.as_str());
        self.visit.remove(registry.as_str());
    }

    fn put(&mut self, registry: &Registry, change: impl FnOnce(&mut Known)) {
        let name = registry.as_str();
        if self.kept.len() >= MAX_REGISTRIES && !self.kept.contains_key(name) {
            self.kept.pop_last();
        }
        change(self.kept.entry(name.to_owned()).or_default());
    }

    fn note(&mut self, registry: &Registry, visit: Visit) {
        if self.visit.len() < MAX_REGISTRIES {
            self.visit.insert(registry.as_str().to_owned(), visit);
        }
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
        let for_now = self.visit.get(registry.as_str());
        match (way, found_http, &around.proxy) {
            (Way::Direct, ..) => direct(false),
            (Way::DirectHttp, ..) => direct(true),
            (Way::Proxy, _, base) => Endpoint::proxy(base.as_deref().unwrap_or_default()),
            // Whatever was found: this page may ask nobody else.
            (Way::Automatic, _, Some(base)) if around.closed => Endpoint::proxy(base),
            (Way::Automatic, Some(http), _) => direct(http),
            // A registry on this machine has no certificate that a browser knows.
            (Way::Automatic, None, None) => direct(registry.is_loopback()),
            (Way::Automatic, None, Some(base)) => match for_now {
                Some(Visit::Direct { http }) => direct(*http),
                None if listed() => direct(registry.is_loopback()),
                _ => Endpoint::proxy(base),
            },
        }
    }

    /// Whether a failure is a reason to ask another way, by the code of the problem that it is. The
    /// proxy does not serve the registry, or does not reach what the user's own network may; or what
    /// was found to answer directly does not give what is asked.
    pub fn turn(&self, registry: &Registry, around: &Surroundings, code: &str) -> Option<Turn> {
        if around.closed || self.known(registry).way != Way::Automatic {
            return None;
        }
        let for_now = self.visit.get(registry.as_str());
        match code {
            _ if around.proxy.is_none() => None,
            "PROXY_REGISTRY_NOT_SERVED" | "PROXY_ADDRESS_REFUSED" => {
                Some(Turn::Direct { for_good: true })
            }
            // Often passing.
            "PROXY_DNS_FAILED" | "PROXY_CONNECT_FAILED" if for_now.is_none() => {
                Some(Turn::Direct { for_good: false })
            }
            _ if code.starts_with("DIRECT_") && matches!(for_now, Some(Visit::Direct { .. })) => {
                Some(Turn::Back)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(ways.iter().count(), MAX_REGISTRIES);
        for way in Way::ALL {
            assert_eq!(Way::from_name(way.name()), Some(way));
            let json = serde_json::to_string(&way).unwrap();
            assert_eq!(json, format!("{:?}", way.name()));
        }
    }

    #[test]
    fn what_the_proxy_does_not_serve_may_be_asked_directly() {
        let mut ways = Ways::default();
        let r = registry("r.example");
        let mut around = Surroundings {
            proxy: Some(String::new()),
            ..Surroundings::default()
        };
        let refused = "PROXY_REGISTRY_NOT_SERVED";
        let for_good = Some(Turn::Direct { for_good: true });
        assert_eq!(ways.turn(&r, &around, refused), for_good);
        assert_eq!(ways.turn(&r, &around, "PROXY_ADDRESS_REFUSED"), for_good);
        assert_eq!(ways.turn(&r, &around, "PROXY_RATE_LIMITED"), None);
        around.closed = true;
        assert_eq!(ways.turn(&r, &around, refused), None);
        around.closed = false;
        ways.choose(&r, Way::Proxy);
        assert_eq!(ways.turn(&r, &around, refused), None);
    }

    #[test]
    fn what_the_proxy_does_not_reach_now_is_not_kept() {
        let mut ways = Ways::default();
        let r = registry("r.example");
        let around = Surroundings {
            proxy: Some(String::new()),
            ..Surroundings::default()
        };
        let passing = Some(Turn::Direct { for_good: false });
        for code in ["PROXY_DNS_FAILED", "PROXY_CONNECT_FAILED"] {
            assert_eq!(ways.turn(&r, &around, code), passing);
        }
        assert_eq!(ways.turn(&r, &around, "DIRECT_BEYOND"), None);
        ways.found_for_now(&r, false);
        check(&ways, "r.example", Some(""), "https");
        assert_eq!(ways.to_text(), "{}");
        // Another tab has changed what is kept: what was found stays.
        let mut ways = Ways::parse(r#"{"a.example":{"way":"direct"}}"#).in_visit_of(ways);
        check(&ways, "r.example", Some(""), "https");
        check(&ways, "a.example", Some(""), "https");
        // Its layers do not come: back, and not to and fro.
        assert_eq!(ways.turn(&r, &around, "DIRECT_BEYOND"), Some(Turn::Back));
        ways.turn_back(&r);
        check(&ways, "r.example", Some(""), "proxy ");
        assert_eq!(ways.turn(&r, &around, "PROXY_DNS_FAILED"), None);
        assert_eq!(ways.turn(&r, &around, "DIRECT_BEYOND"), None);
    }

    #[test]
    fn a_proxy_says_so_or_is_busy() {
        let ours = br#"{"name":"layerscope-proxy"}"#;
        assert!(is_proxy(Some((200, ours))));
        for busy in [Some((429, &b""[..])), Some((503, b"")), None] {
            assert!(is_proxy(busy), "{busy:?}");
        }
        for other in [(200, &b"<html>"[..]), (200, b"{}"), (404, ours), (403, b"")] {
            assert!(!is_proxy(Some(other)), "{other:?}");
        }
    }

    #[test]
    fn a_page_that_may_ask_nobody_else_asks_the_proxy() {
        let mut ways = Ways::default();
        let r = registry("r.example");
        ways.found(&r, Some(false));
        let around = Surroundings {
            proxy: Some(String::new()),
            direct: vec!["r.example".into()],
            closed: true,
            ..Surroundings::default()
        };
        assert_eq!(ways.endpoint(&r, &around), Endpoint::proxy(""));
        // What the user wants is done, and fails by its name.
        ways.choose(&r, Way::Direct);
        assert!(ways.endpoint(&r, &around).is_direct());
    }
}
