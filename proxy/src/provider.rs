//! OpenID and OAuth 2 providers that an operator registered this proxy with, checked at start.
//!
//! The client secret is the only thing here that is one: [`Secret`] shows itself to nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{ConfigError, without_values};
use crate::target::{HostPort, Registry};

/// Providers that one proxy may have: a list for people to choose from.
const MAX_PROVIDERS: usize = 32;
/// Bytes of an id: it stands in requests and in variables.
const MAX_ID_LEN: usize = 32;
/// Bytes of a name on a button.
const MAX_NAME_LEN: usize = 64;
/// Bytes of a file with a secret; real ones have under a hundred.
const MAX_SECRET_BYTES: u64 = 4096;
/// Further parameters of the authorization request.
const MAX_PARAMETERS: usize = 16;
/// Parameters that the protocol itself sets.
const RESERVED: [&str; 10] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// A secret. It has no way into a log or a printed configuration.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// What it is, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How the token reaches the registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Present {
    /// As the password of a user name: with each request, or to the registry's token server.
    #[default]
    Basic,
    /// As it is, by `Authorization: Bearer`.
    Bearer,
}

/// Which of the provider's tokens the registry wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// The access token.
    #[default]
    Access,
    /// The ID token.
    Id,
}

/// Where the client secret goes in a request to the token endpoint (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretIn {
    /// `Authorization: Basic`.
    Header,
    /// The form.
    Body,
}

/// A provider as it is written in the file or after `--provider`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    id: String,
    name: Option<String>,
    registry: Vec<String>,
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    client_id: String,
    client_secret: Option<Secret>,
    client_secret_file: Option<PathBuf>,
    secret_in: Option<SecretIn>,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    parameter: BTreeMap<String, String>,
    #[serde(default)]
    token: TokenKind,
    #[serde(default)]
    present: Present,
    username: Option<String>,
}

impl FromStr for Entry {
    type Err = String;

    /// An inline table of TOML. What is wrong is told without the text, which can hold a secret.
    fn from_str(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct One {
            provider: Entry,
        }
        let one: Result<One, _> = toml::from_str(&format!("provider = {}", text.trim()));
        one.map(|one| one.provider)
            .map_err(|problem| without_values(problem.message()))
    }
}

/// Registries by name: one host, or all below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `HOST[:PORT]`.
    One(Registry),
    /// `*.DOMAIN`, with the dot.
    Below(String),
}

impl Pattern {
    fn covers(&self, registry: &Registry) -> bool {
        match self {
            Self::One(one) => one == registry,
            Self::Below(end) => {
                let HostPort { host, port } = registry.name();
                port.is_none() && host.to_string().ends_with(end.as_str())
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("*.").unwrap_or(text);
        let registry: Registry = host
            .parse()
            .map_err(|problem: crate::error::ProxyError| problem.to_string())?;
        if host == text {
            return Ok(Self::One(registry));
        }
        // A whole top-level domain is nobody's.
        if !host.contains('.') || registry.name().port.is_some() {
            return Err("*. stands before a domain of its owner's, without a port".into());
        }
        Ok(Self::Below(format!(".{}", registry.name().host)))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(registry) => registry.fmt(f),
            Self::Below(end) => write!(f, "*{end}"),
        }
    }
}

/// Where a provider's endpoints are known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// Its discovery document (OpenID Connect Discovery 1.0), by the issuer as it was written.
    Discovered {
        /// The issuer, without a slash at its end that it does not have itself.
        issuer: String,
    },
    /// The operator.
    Given {
        /// For the browser.
        authorization: Url,
        /// For us.
        token: Url,
        /// Where a sign-in is ended, if it can be.
        revocation: Option<Box<Url>>,
        /// What ID tokens must name, if the operator said so.
        issuer: Option<String>,
    },
}

/// A provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// By which requests name it.
    pub id: String,
    /// By which people know it.
    pub name: String,
    /// The registries that take its tokens.
    pub registries: Vec<Pattern>,
    /// Where it is asked.
    pub endpoints: Endpoints,
    /// What it calls us.
    pub client_id: String,
    /// By which it knows us; none for a public client.
    pub client_secret: Option<Secret>,
    /// The file that the secret is from.
    pub client_secret_file: Option<PathBuf>,
    /// Where the secret goes, if the operator said so.
    pub secret_in: Option<SecretIn>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Further parameters of the authorization request.
    pub parameters: BTreeMap<String, String>,
    /// Which token the registry wants.
    pub token: TokenKind,
    /// How it wants it.
    pub present: Present,
    /// The user name beside it; empty with [`Present::Bearer`].
    pub username: String,
}

impl Provider {
    /// Whether a registry takes its tokens.
    pub fn covers(&self, registry: &Registry) -> bool {
        self.registries.iter().any(|one| one.covers(registry))
    }

    /// The same as it would stand in a file, without the secret.
    pub fn to_toml(&self) -> toml::Value {
        let mut table = toml::Table::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                table.insert(name.into(), value.into());
            }
        };
        put("id", Some(self.id.clone()));
        put("name", Some(self.name.clone()));
        put("client-id", Some(self.client_id.clone()));
        put("username", Some(self.username.clone()));
        let file = self.client_secret_file.as_deref().map(Path::display);
        put("client-secret-file", file.map(|file| file.to_string()));
        match &self.endpoints {
            Endpoints::Discovered { issuer } => put("issuer", Some(issuer.clone())),
            Endpoints::Given {
                authorization,
                token,
                revocation,
                issuer,
            } => {
                put("issuer", issuer.clone());
                let revocation = revocation.as_ref().map(ToString::to_string);
                put("revocation-endpoint", revocation);
                put("authorization-endpoint", Some(authorization.to_string()));
                put("token-endpoint", Some(token.to_string()));
            }
        }
        let texts =
            |all: Vec<String>| toml::Value::Array(all.into_iter().map(Into::into).collect());
        let registries = self.registries.iter().map(ToString::to_string).collect();
        table.insert("registry".into(), texts(registries));
        table.insert("scope".into(), texts(self.scopes.clone()));
        // Words and texts alone: always a value.
        let mut put = |name: &str, value: Result<toml::Value, toml::ser::Error>| {
            if let Ok(value) = value {
                table.insert(name.into(), value);
            }
        };
        put("token", toml::Value::try_from(self.token));
        put("present", toml::Value::try_from(self.present));
        if let Some(secret_in) = self.secret_in {
            put("secret-in", toml::Value::try_from(secret_in));
        }
        if !self.parameters.is_empty() {
            put("parameter", toml::Value::try_from(&self.parameters));
        }
        table.into()
    }
}

/// Checks providers as they were written.
///
/// # Errors
/// One cannot be used; says which and why, never with a secret.
pub fn checked(entries: Vec<Entry>) -> Result<Vec<Provider>, ConfigError> {
    let bad = |id: &str, problem: String| ConfigError::Value {
        flag: "--provider",
        value: id.to_owned(),
        problem,
    };
    if entries.len() > MAX_PROVIDERS {
        return Err(bad("", format!("there are more than {MAX_PROVIDERS}")));
    }
    let mut all: Vec<Provider> = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = entry.id.clone();
        let provider = check(entry).map_err(|problem| bad(&id, problem))?;
        if all.iter().any(|other| other.id == id) {
            return Err(bad(&id, "two have this id".into()));
        }
        all.push(provider);
    }
    Ok(all)
}

fn check(entry: Entry) -> Result<Provider, String> {
    let Entry {
        id,
        name,
        registry,
        client_id,
        ..
    } = &entry;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if id.is_empty() || id.len() > MAX_ID_LEN || !id.bytes().all(plain) {
        return Err(format!("an id has 1 to {MAX_ID_LEN} of a-z, 0-9 and -"));
    }
    let name = name.clone().unwrap_or_else(|| id.clone());
    if name.is_empty() || name.len() > MAX_NAME_LEN || name.chars().any(char::is_control) {
        return Err(format!("a name has 1 to {MAX_NAME_LEN} bytes"));
    }
    if registry.is_empty() {
        return Err("registry names nothing that takes its tokens".into());
    }
    let registries = registry
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|why| format!("registry {text:?}: {why}"))
        })
        .collect::<Result<_, _>>()?;
    if !is_visible(client_id) {
        return Err("client-id is empty, or has spaces".into());
    }
    let endpoints = endpoints(&entry)?;
    let scopes = scopes(&entry, &endpoints)?;
    if entry.token == TokenKind::Id && !scopes.iter().any(|scope| scope == "openid") {
        return Err("token = \"id\" needs the scope openid".into());
    }
    let client_secret = match (&entry.client_secret, &entry.client_secret_file) {
        (Some(_), Some(_)) => {
            return Err("client-secret and client-secret-file are two".into());
        }
        (Some(secret), None) => Some(secret.clone()),
        (None, Some(file)) => Some(secret_from_file(file)?),
        (None, None) => None,
    };
    if client_secret
        .as_ref()
        .is_some_and(|s| !is_visible(s.expose()))
    {
        return Err("the client secret is empty, or has spaces".into());
    }
    let username = match (entry.present, entry.username) {
        (Present::Basic, Some(name)) if !name.is_empty() && !name.contains(':') => name,
        (Present::Basic, _) => {
            return Err(
                "username is wanted, beside which the token is the password (Google's is oauth2accesstoken)".into(),
            );
        }
        (Present::Bearer, Some(_)) => {
            return Err("present = \"bearer\" has no use for a username".into());
        }
        (Present::Bearer, None) => String::new(),
    };
    if username.chars().any(char::is_control) {
        return Err("username has a control character".into());
    }
    if entry.parameter.len() > MAX_PARAMETERS {
        return Err(format!("more than {MAX_PARAMETERS} parameters"));
    }
    if let Some(name) = entry
        .parameter
        .keys()
        .find(|name| RESERVED.contains(&name.as_str()))
    {
        return Err(format!("the parameter {name} is set by the protocol"));
    }
    Ok(Provider {
        id: entry.id,
        name,
        registries,
        endpoints,
        client_id: entry.client_id,
        client_secret,
        client_secret_file: entry.client_secret_file,
        secret_in: entry.secret_in,
        scopes,
        parameters: entry.parameter,
        token: entry.token,
        present: entry.present,
        username,
    })
}

/// Text that neither ends a header nor is lost at its ends.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn endpoints(entry: &Entry) -> Result<Endpoints, String> {
    let url = |what: &str, text: &str| {
        let url = Url::parse(text).map_err(|why| format!("{what}: {why}"))?;
        match url.scheme() {
            "https" | "http" => {}
            _ => return Err(format!("{what} starts with https://")),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(format!("{what} has no user and no fragment"));
        }
        Ok(url)
    };
    let issuer = |text: &String| {
        let at = url("issuer", text)?;
        match at.query() {
            None => Ok(text.clone()),
            Some(_) => Err("issuer has no query".to_owned()),
        }
    };
    let issuer = entry.issuer.as_ref().map(issuer).transpose()?;
    match (issuer, &entry.authorization_endpoint, &entry.token_endpoint) {
        (Some(issuer), None, None) if entry.revocation_endpoint.is_none() => {
            Ok(Endpoints::Discovered { issuer })
        }
        (issuer, Some(authorization), Some(token)) => Ok(Endpoints::Given {
            authorization: url("authorization-endpoint", authorization)?,
            token: url("token-endpoint", token)?,
            revocation: match &entry.revocation_endpoint {
                Some(text) => Some(Box::new(url("revocation-endpoint", text)?)),
                None => None,
            },
            issuer,
        }),
        _ => Err("either issuer is wanted, or authorization-endpoint and token-endpoint".into()),
    }
}

fn scopes(entry: &Entry, endpoints: &Endpoints) -> Result<Vec<String>, String> {
    // RFC 6749, section 3.3.
    let word = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if let Some(bad) = entry
        .scope
        .iter()
        .find(|scope| scope.is_empty() || !scope.bytes().all(word))
    {
        return Err(format!("scope {bad:?}: each entry is one word"));
    }
    match (entry.scope.is_empty(), endpoints) {
        (true, Endpoints::Discovered { .. }) => Ok(vec!["openid".into()]),
        _ => Ok(entry.scope.clone()),
    }
}

fn secret_from_file(path: &Path) -> Result<Secret, String> {
    let bad = |why: String| format!("client-secret-file {}: {why}", path.display());
    let size = std::fs::metadata(path)
        .map_err(|e| bad(e.to_string()))?
        .len();
    if size > MAX_SECRET_BYTES {
        return Err(bad(format!("{size} bytes are more than a secret has")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    // Editors and `echo` end a file with a line's end.
    Ok(Secret(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOGLE: &str = r#"{ id = "google", name = "Google", registry = ["gcr.io", "*.pkg.dev"],
        issuer = "https://accounts.google.com", client-id = "c", client-secret = "hush",
        username = "oauth2accesstoken" }"#;

    fn one(text: &str) -> Result<Provider, String> {
        let entry: Entry = text.replace('\n', " ").parse()?;
        let mut all = checked(vec![entry]).map_err(|e| e.to_string())?;
        Ok(all.remove(0))
    }

    #[test]
    fn the_documented_example() {
        let google = one(GOOGLE).unwrap();
        assert_eq!(google.scopes, ["openid"]);
        assert_eq!(google.present, Present::Basic);
        let covers = |name: &str| google.covers(&name.parse().unwrap());
        assert!(covers("gcr.io") && covers("us-docker.pkg.dev"));
        for other in [
            "pkg.dev",
            "eu.gcr.io",
            "evilpkg.dev",
            "a.pkg.dev:5000",
            "gcr.io:444",
        ] {
            assert!(!covers(other), "{other}");
        }
        assert!(!format!("{google:?}").contains("hush"));
        assert!(!google.to_toml().to_string().contains("hush"));
    }

    /// The same again, but for the secret that is not printed.
    #[test]
    fn what_is_printed_can_be_read() {
        let given = r#"{ id = "a", registry = ["r.io:5000"], authorization-endpoint = "https://a.io/x?y=z",
            token-endpoint = "https://a.io/t", revocation-endpoint = "https://a.io/r", client-id = "c", present = "bearer", token = "access",
            secret-in = "body", scope = ["read"], parameter = { prompt = "consent" } }"#;
        for text in [GOOGLE, given] {
            let provider = one(text).unwrap();
            let printed = provider.to_toml();
            let entry = Entry::deserialize(printed.clone()).unwrap();
            assert_eq!(checked(vec![entry]).unwrap()[0].to_toml(), printed);
        }
    }

    #[test]
    fn secrets_from_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush\n").unwrap();
        let with = |path: &str| {
            let text = format!("client-secret-file = {path:?}");
            one(&GOOGLE.replace("client-secret = \"hush\"", &text))
        };
        let provider = with(file.path().to_str().unwrap()).unwrap();
        assert_eq!(provider.client_secret.unwrap().expose(), "hush");
        assert!(with("/nowhere/at/all").is_err());
        std::fs::write(file.path(), "two words").unwrap();
        assert!(with(file.path().to_str().unwrap()).is_err());
    }

    #[test]
    fn what_is_refused() {
        for (from, to, why) in [
            ("id = \"google\"", "id = \"Go ogle\"", "an id has"),
            ("name = \"Google\"", "name = \"\"", "a name has"),
            (
                "[\"gcr.io\", \"*.pkg.dev\"]",
                "[]",
                "registry names nothing",
            ),
            ("*.pkg.dev", "*.dev", "*. stands before"),
            ("*.pkg.dev", "*.pkg.dev:1", "*. stands before"),
            ("*.pkg.dev", "a*.dev", "registry"),
            ("https://accounts", "ftp://accounts", "https://"),
            ("https://accounts", "https://u@accounts", "no user"),
            ("google.com", "google.com/?a", "no query"),
            ("issuer", "token-endpoint", "either issuer"),
            (
                "username",
                "revocation-endpoint = \"https://a.io/r\", username",
                "either issuer",
            ),
            ("client-id = \"c\"", "client-id = \"\"", "client-id"),
            (
                "username = \"oauth2accesstoken\"",
                "username = \"a:b\"",
                "username",
            ),
            (
                "username = \"oauth2accesstoken\"",
                "present = \"basic\"",
                "oauth2accesstoken",
            ),
            ("username", "present = \"bearer\", username", "no use"),
            ("username", "scope = [\"a b\"], username", "one word"),
            (
                "username",
                "scope = [\"a\"], token = \"id\", username",
                "openid",
            ),
            (
                "username",
                "parameter = { state = \"x\" }, username",
                "protocol",
            ),
            (
                "username",
                "client-secret-file = \"x\", username",
                "are two",
            ),
            ("username", "unknown = 1, username", "unknown field"),
            (
                "client-secret = \"hush\"",
                "client-secret = [\"hush\"]",
                "expected",
            ),
        ] {
            let problem = one(&GOOGLE.replacen(from, to, 1)).unwrap_err();
            assert!(problem.contains(why), "{to}: {problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
        let twice: Entry = GOOGLE.replace('\n', " ").parse().unwrap();
        assert!(checked(vec![twice.clone(), twice]).is_err());
    }
}
