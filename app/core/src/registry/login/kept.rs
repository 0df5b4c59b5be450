//! Sign-ins that are remembered, each for the proxy by which it was made: another proxy, which any
//! link can name, never learns of them. And which proxies may have sign-ins at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Renewal;
use crate::reference::Registry;
use crate::registry::client::Credentials;

/// Proxies that the user lets have sign-ins; the oldest makes room.
const MAX_ACCEPTED: usize = 20;

/// What is kept of one sign-in. Not Debug: all of it is secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// For the registry.
    pub credentials: Credentials,
    /// As whom, or at whom.
    pub how: String,
    /// How it is renewed, if it is.
    pub renewal: Option<Renewal>,
    /// Seconds for which it was good when it was got, if that was said.
    pub expires_s: Option<u64>,
}

/// All that is kept: by the proxy's address (empty for the page's own origin), by registry.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllKept(BTreeMap<String, BTreeMap<String, Kept>>);

impl AllKept {
    /// Reads what was kept. What makes no sense is as good as nothing.
    pub fn parse(text: &str) -> AllKept {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// What is to be kept; none if that is nothing.
    pub fn to_text(&self) -> Option<String> {
        let text = serde_json::to_string(self).ok();
        text.filter(|_| !self.0.is_empty())
    }

    /// The sign-ins made by way of a proxy.
    pub fn of(&self, proxy: &str) -> impl Iterator<Item = (Registry, &Kept)> {
        let all = self.0.get(proxy).into_iter().flatten();
        all.filter_map(|(name, kept)| Some((Registry::parse(name).ok()?, kept)))
    }

    /// One of them.
    pub fn get(&self, proxy: &str, registry: &Registry) -> Option<&Kept> {
        self.0.get(proxy)?.get(registry.as_str())
    }

    /// Keeps one.
    pub fn put(&mut self, proxy: &str, registry: &Registry, kept: Kept) {
        let all = self.0.entry(proxy.to_owned()).or_default();
        all.insert(registry.to_string(), kept);
    }

    /// Forgets all that were made by way of a proxy.
    pub fn remove_all(&mut self, proxy: &str) {
        self.0.remove(proxy);
    }

    /// Forgets one. Returns whether there was one.
    pub fn remove(&mut self, proxy: &str, registry: &Registry) -> bool {
        let Some(all) = self.0.get_mut(proxy) else {
            return false;
        };
        let was = all.remove(registry.as_str()).is_some();
        if all.is_empty() {
            self.0.remove(proxy);
        }
        was
    }
}

/// Whether a proxy may have sign-ins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// It is the page's own, or whoever runs the page named it, or the user said so.
    #[default]
    Given,
    /// The user has to say so of this host first: a link named it.
    Asked(String),
    /// It is named in a way in which nobody can see who it is.
    Never,
}

/// Whether a proxy may have sign-ins. `set` is the one that whoever runs the page has named,
/// `accepted` those that the user has.
pub fn trust(proxy: &str, set: Option<&str>, accepted: &[String]) -> Trust {
    if proxy.is_empty() || set == Some(proxy) || accepted.iter().any(|one| one == proxy) {
        return Trust::Given;
    }
    match host(proxy) {
        Some(host) => Trust::Asked(host.to_owned()),
        None => Trust::Never,
    }
}

/// The host of an address in which nothing can be mistaken for it: no user name before it, and no
/// letters that look like others.
fn host(proxy: &str) -> Option<&str> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| proxy.strip_prefix(scheme))?;
    let host = rest.split('/').next()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b);
    let path = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let fits = !host.is_empty() && host.bytes().all(plain) && rest[host.len()..].bytes().all(path);
    fits.then_some(host)
}

/// The list of accepted proxies with one more at its end.
pub fn accept(mut accepted: Vec<String>, proxy: &str) -> Vec<String> {
    accepted.retain(|one| one != proxy);
    accepted.push(proxy.to_owned());
    let over = accepted.len().saturating_sub(MAX_ACCEPTED);
    accepted.split_off(over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(name: &str) -> Registry {
        Registry::parse(name).unwrap()
    }

    fn kept(password: &str) -> Kept {
        Kept {
            credentials: Credentials::typed("me", password),
            how: "as me".into(),
            renewal: None,
            expires_s: None,
        }
    }

    #[test]
    fn each_proxy_has_its_own() {
        let mut all = AllKept::default();
        assert!(all.to_text().is_none());
        let r = registry("r.example");
        all.put("", &r, kept("own"));
        all.put("https://p.example", &r, kept("other"));
        let all = &mut AllKept::parse(&all.to_text().unwrap());
        let seen = |all: &AllKept, proxy: &str| {
            let passwords = all
                .of(proxy)
                .map(|(_, kept)| kept.credentials.password.clone());
            passwords.collect::<Vec<_>>()
        };
        assert_eq!(seen(all, ""), ["own"]);
        assert_eq!(seen(all, "https://p.example"), ["other"]);
        for evil in [
            "https://evil.example",
            "https://p.example/",
            "http://p.example",
        ] {
            assert!(seen(all, evil).is_empty() && all.get(evil, &r).is_none());
            assert!(!all.remove(evil, &r));
        }
        assert!(all.remove("", &r) && !all.remove("", &r));
        assert_eq!(seen(all, "https://p.example"), ["other"]);
        all.remove_all("https://p.example");
        assert!(all.to_text().is_none());
        // Neither nonsense nor names that are no registry's.
        for text in ["", "[]", "{\"r.example\": {\"credentials\": {}}}"] {
            assert!(AllKept::parse(text) == AllKept::default(), "{text}");
        }
    }

    #[track_caller]
    fn check(proxy: &str, expect: &Trust) {
        let accepted = ["https://mine.example".to_owned()];
        assert_eq!(
            trust(proxy, Some("https://set.example"), &accepted),
            *expect
        );
    }

    #[test]
    fn whom_a_link_may_name() {
        check("", &Trust::Given);
        check("https://set.example", &Trust::Given);
        check("https://mine.example", &Trust::Given);
        for (proxy, host) in [
            ("https://evil.example", "evil.example"),
            ("http://mine.example", "mine.example"),
            ("https://mine.example:8443", "mine.example:8443"),
            (
                "https://mine.example.evil.example",
                "mine.example.evil.example",
            ),
            ("http://[::1]:8080/sub", "[::1]:8080"),
        ] {
            check(proxy, &Trust::Asked(host.into()));
        }
        for unclear in [
            "//evil.example",
            "evil.example",
            "https://",
            "https://mine.example@evil.example",
            "https://mine.example/@x",
            "https://mine.example\\.evil.example",
            "https://mine.example?x",
            "https://m\u{456}ne.example",
            "https://Mine.example",
            "javascript:0",
        ] {
            check(unclear, &Trust::Never);
        }
    }

    #[test]
    fn the_last_that_were_accepted() {
        let mut all = Vec::new();
        for n in 0..30 {
            all = accept(all, &format!("https://p{n}.example"));
        }
        all = accept(all, "https://p20.example");
        assert_eq!(all.len(), 20);
        assert_eq!(all.first().unwrap(), "https://p10.example");
        assert_eq!(all.last().unwrap(), "https://p20.example");
    }
}
