//! Sign-ins out of docker's `config.json` (docker's `cli/config/types`; podman's `auth.json` has
//! the same form).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::client::Credentials;
use crate::path::visible;
use crate::reference::Registry;

/// Largest file that is read: real ones have under 10 KiB.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Most sign-ins taken.
const MAX_SIGN_INS: usize = 100;

/// Most helpers named, and the most characters of a name: real ones are `osxkeychain` and the like.
const MAX_HELPERS: usize = 8;
const MAX_HELPER_LEN: usize = 40;

/// The user name that says that the password is an identity token: docker's own word.
pub const IDENTITY_USER: &str = "<token>";

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SignIns {
    /// Registries and how to sign in to each.
    pub found: Vec<(Registry, Credentials)>,
    /// Entries without a password (a credential helper of the system has it), or for something
    /// else than a whole registry.
    pub left_out: usize,
    /// Credential helpers of the system that the file names, as they can be shown: a page cannot
    /// ask them.
    pub helpers: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// It is no such file; says why.
pub fn parse(bytes: &[u8]) -> Result<SignIns, &'static str> {
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err("it is larger than any config.json");
    }
    // The parser's own words could quote a password.
    let value: Value = serde_json::from_slice(bytes).map_err(|_| "it is not JSON")?;
    let auths = value.get("auths").and_then(Value::as_object);
    let helpers = value.get("credHelpers").and_then(Value::as_object);
    let store = value.get("credsStore");
    let mut out = SignIns {
        left_out: helpers.map_or(0, serde_json::Map::len),
        helpers: helper_names(helpers.into_iter().flat_map(|h| h.values()).chain(store)),
        ..SignIns::default()
    };
    if auths.is_none() && helpers.is_none() && store.is_none() {
        return Err("it has no \"auths\"");
    }
    for (name, entry) in auths.into_iter().flatten() {
        match registry(name).zip(credentials(entry)) {
            Some(found) if out.found.len() < MAX_SIGN_INS => out.found.push(found),
            _ => out.left_out += 1,
        }
    }
    Ok(out)
}

/// Each name once.
fn helper_names<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let names = values.filter_map(Value::as_str).filter(|n| !n.is_empty());
    let short = names.map(|name| name.chars().take(MAX_HELPER_LEN).collect::<String>());
    let shown: BTreeSet<String> = short.map(|n| visible(n.as_bytes())).collect();
    shown.into_iter().take(MAX_HELPERS).collect()
}

/// A host, or an address as docker once wrote it: `https://index.docker.io/v1/`.
fn registry(name: &str) -> Option<Registry> {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let whole = matches!(path.trim_end_matches('/'), "" | "v1" | "v2");
    whole.then(|| Registry::parse(host).ok()).flatten()
}

fn credentials(entry: &Value) -> Option<Credentials> {
    let text = |name: &str| {
        let text = entry.get(name)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    if let Some(token) = text("identitytoken") {
        return Some(Credentials::typed(IDENTITY_USER, token));
    }
    if let (Some(username), Some(password)) = (text("username"), text("password")) {
        return Some(Credentials::typed(username, password));
    }
    let pair = STANDARD.decode(text("auth")?.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    // docker pads it with zeros at times.
    let (username, password) = pair.trim_end_matches('\0').split_once(':')?;
    let whole = !username.is_empty() && !password.is_empty();
    whole.then(|| Credentials::typed(username, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `registry user password` of each, and how many were left out.
    #[track_caller]
    fn check(text: &str, expect: Result<(&[&str], usize), &str>) {
        let got = parse(text.as_bytes()).map(|all| {
            let lines: Vec<String> = all
                .found
                .iter()
                .map(|(r, c)| format!("{r} {} {}", c.username, c.password))
                .collect();
            (lines, all.left_out)
        });
        let expect = expect.map(|(lines, n)| (lines.iter().map(ToString::to_string).collect(), n));
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn sign_ins() {
        check(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cHc="}}}"#,
            Ok((&["index.docker.io me pw"], 0)),
        );
        check(
            r#"{"auths":{"ghcr.io":{"username":"me","password":"p:w"},"localhost:5000":{"auth":"bWU6cDp3AAA="}}}"#,
            Ok((&["ghcr.io me p:w", "localhost:5000 me p:w"], 0)),
        );
        check(
            r#"{"auths":{"corp.azurecr.io":{"auth":"MDA6","identitytoken":"refresh"}}}"#,
            Ok((&["corp.azurecr.io <token> refresh"], 0)),
        );
        check(
            r#"{"auths":{"ghcr.io":{},"r.io/a/b":{"auth":"bWU6cHc="},"b d":{"auth":"bWU6cHc="},"x.io":{"auth":"?"}},"credHelpers":{"gcr.io":"gcloud"}}"#,
            Ok((&[], 5)),
        );
        check(r#"{"credsStore":"desktop"}"#, Ok((&[], 0)));
        let helped =
            r#"{"credsStore":"desktop","credHelpers":{"gcr.io":"gcloud","b.io":"gcloud","c":1}}"#;
        let helpers = parse(helped.as_bytes()).unwrap().helpers;
        assert_eq!(helpers, ["desktop", "gcloud"]);
        check("{}", Err("it has no \"auths\""));
        check("[]", Err("it has no \"auths\""));
        check("{\"auths\":", Err("it is not JSON"));
        check(
            &" ".repeat(MAX_CONFIG_BYTES as usize + 1),
            Err("it is larger than any config.json"),
        );
    }
}
