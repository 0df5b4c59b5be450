//! `config.json`, served beside the app's page: what whoever runs it has set for everybody.
//!
//! ```json
//! { "index-source": "https://cdn.example/indices/",
//!   "proxy": "https://proxy.example",
//!   "direct": ["zot.example"] }
//! ```

use serde::Deserialize;

use crate::digest::Digest;
use crate::layer_index::index_file_name;

/// Bytes of the file that are read; it is a line of text.
pub const MAX_APP_CONFIG_BYTES: u64 = 64 << 10;

/// The file's name, from the page's folder on.
pub const APP_CONFIG: &str = "config.json";

/// The settings. Names that are not known are passed over: the file may be for a later version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AppConfig {
    /// A folder of index files (`cargo xtask index`): an address, or a path from the page's folder.
    pub index_source: Option<String>,
    /// Where the proxy is: an origin, the empty text for the page's own, or `false` for none.
    /// Without it the page looks for one at its own origin.
    pub proxy: Option<ProxyAt>,
    /// Registries that are asked directly unless the user chooses otherwise.
    pub direct: Vec<String>,
    /// Origins whose pages may talk to this one when they frame it, beside the app's own.
    pub embed_origins: Vec<String>,
}

/// Where the proxy is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ProxyAt {
    /// There is one at the page's own origin (`true`), or none.
    Here(bool),
    /// At this origin.
    Origin(String),
}

impl ProxyAt {
    /// What addresses at the proxy begin with; none where there is no proxy.
    pub fn base(&self) -> Option<&str> {
        match self {
            ProxyAt::Here(true) => Some(""),
            ProxyAt::Here(false) => None,
            ProxyAt::Origin(base) => Some(base.trim_end_matches('/')),
        }
    }
}

impl AppConfig {
    /// Whether bytes may say something at all: what is asked before the parser is at hand.
    pub fn is_set(bytes: &[u8]) -> bool {
        let key = b"index-source";
        bytes.windows(key.len()).any(|part| part == key)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is no JSON object of this form, in words.
    pub fn parse(bytes: &[u8]) -> Result<AppConfig, String> {
        let config: AppConfig = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if let Some(source) = config.index_source.as_ref().filter(|s| !is_folder(s)) {
            return Err(format!(
                "its index-source {source:?} is neither an http(s) address nor a path"
            ));
        }
        let base = config.proxy.as_ref().and_then(ProxyAt::base);
        match base.filter(|b| !b.is_empty() && !is_address(b)) {
            Some(base) => Err(format!("its proxy {base:?} is no http(s) address")),
            None => Ok(config),
        }
    }

    /// Where the index of a blob would be.
    pub fn index_url(&self, blob: &Digest) -> Option<String> {
        let source = self.index_source.as_deref().filter(|s| !s.is_empty())?;
        let slash = if source.ends_with('/') { "" } else { "/" };
        Some(format!("{source}{slash}{}", index_file_name(blob)))
    }
}

/// An address by which a folder can be asked for, to which a name can be added.
fn is_folder(source: &str) -> bool {
    let scheme = source.split_once("://").map(|(scheme, _)| scheme);
    let fits = match scheme {
        Some(scheme) => matches!(scheme, "http" | "https"),
        None => !source.contains(':') && !source.starts_with("//"),
    };
    fits && !source.contains(['?', '#', '\\'])
}

/// An address on which others can be built.
fn is_address(text: &str) -> bool {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', '\\', '@', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    #[track_caller]
    fn check(text: &str, expect: Result<Option<&str>, &str>) {
        let blob = Digest::of(Algorithm::Sha256, b"");
        let url = AppConfig::parse(text.as_bytes()).map(|config| config.index_url(&blob));
        let name = index_file_name(&blob);
        match (url, expect) {
            (Ok(url), Ok(folder)) => assert_eq!(url, folder.map(|f| format!("{f}{name}"))),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn sources() {
        check("{}", Ok(None));
        check(r#"{"later": 1}"#, Ok(None));
        check(r#"{"index-source": ""}"#, Ok(None));
        check(r#"{"index-source": "lsx"}"#, Ok(Some("lsx/")));
        check(r#"{"index-source": "./lsx/"}"#, Ok(Some("./lsx/")));
        check(r#"{"index-source": "/a/lsx"}"#, Ok(Some("/a/lsx/")));
        check(
            r#"{"index-source": "https://cdn.example/a"}"#,
            Ok(Some("https://cdn.example/a/")),
        );
        check(r#"{"index-source": "ftp://x/"}"#, Err("neither"));
        check(r#"{"index-source": "javascript:alert(1)"}"#, Err("neither"));
        check(r#"{"index-source": "//x/"}"#, Err("neither"));
        check(r#"{"index-source": "lsx?a"}"#, Err("neither"));
        check(r#"{"index-source": 7}"#, Err("string"));
        check("[]", Ok(None));
        check("", Err("EOF"));
        let proxy = |text: &str| {
            let config = AppConfig::parse(text.as_bytes());
            config.map(|c| c.proxy.map(|p| p.base().map(str::to_owned)))
        };
        assert_eq!(proxy("{}"), Ok(None));
        assert_eq!(proxy(r#"{"proxy": false}"#), Ok(Some(None)));
        assert_eq!(proxy(r#"{"proxy": true}"#), Ok(Some(Some(String::new()))));
        assert_eq!(proxy(r#"{"proxy": ""}"#), Ok(Some(Some(String::new()))));
        let named = Some(Some("https://p.example".to_owned()));
        assert_eq!(proxy(r#"{"proxy": "https://p.example/"}"#), Ok(named));
        for bad in ["ftp://x", "p.example", "https://u@p.example", "https://"] {
            assert!(proxy(&format!(r#"{{"proxy": "{bad}"}}"#)).is_err(), "{bad}");
        }
        assert!(AppConfig::is_set(br#"{"index-source": ""}"#));
        assert!(!AppConfig::is_set(b"{}"));
    }
}
