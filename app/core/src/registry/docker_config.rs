//! Sign-ins out of docker's `config.json` (docker's `cli/config/types`; podman's `auth.json` has
//! the same form).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::client::Credentials;
use crate::reference::Registry;

/// Largest file that is read: real ones have under 10 KiB.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Most sign-ins taken.
const MAX_SIGN_INS: usize = 100;

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
    let mut out = SignIns {
        left_out: helpers.map_or(0, serde_json::Map::len),
        ..SignIns::default()
    };
    if auths.is_none() && helpers.is_none() && value.get("credsStore").is_none() {
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
        return Some(Credentials {
            username: IDENTITY_USER.to_owned(),
            password: token,
        });
    }
    if let (Some(username), Some(password)) = (text("username"), text("password")) {
        return Some(Credentials { username, password });
    }
    let pair = STANDARD.decode(text("auth")?.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    // docker pads it with zeros at times.
    let (username, password) = pair.trim_end_matches('\0').split_once(':')?;
    let whole = !username.is_empty() && !password.is_empty();
    whole.then(|| Credentials {
        username: username.to_owned(),
        password: password.to_owned(),
    })
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
        check("{}", Err("it has no \"auths\""));
        check("[]", Err("it has no \"auths\""));
        check("{\"auths\":", Err("it is not JSON"));
        check(
            &" ".repeat(MAX_CONFIG_BYTES as usize + 1),
            Err("it is larger than any config.json"),
        );
    }
}
