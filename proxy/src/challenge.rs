//! WWW-Authenticate: several headers, several challenges in one (RFC 9110 section 11.6.1).
//!
//! A small parser for untrusted input: it never panics, and a header that breaks the grammar
//! yields what stood before the break.

use http::{HeaderMap, header};

/// Challenges and parameters that are read; real registries send one or two of each.
const MAX_CHALLENGES: usize = 8;
/// Parameters of one challenge that are kept.
const MAX_PARAMS: usize = 16;

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme in lower case: `bearer`, `basic` …
    pub scheme: String,
    /// Parameters, their names in lower case, in order; the first of a name counts.
    pub params: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// All challenges of an answer, in order.
pub fn challenges_from_headers(headers: &HeaderMap) -> Vec<Challenge> {
    let mut all = Vec::new();
    for value in headers.get_all(header::WWW_AUTHENTICATE) {
        if let Ok(text) = value.to_str() {
            Parser { rest: text }.read(&mut all);
        }
    }
    all.truncate(MAX_CHALLENGES);
    all
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn read(mut self, all: &mut Vec<Challenge>) {
        loop {
            self.skip(|b| matches!(b, b' ' | b'\t' | b','));
            let Some(scheme) = self.token() else { return };
            let mut challenge = Challenge {
                scheme: scheme.to_ascii_lowercase(),
                params: Vec::new(),
            };
            let whole = self.params(&mut challenge);
            if all.len() < MAX_CHALLENGES {
                all.push(challenge);
            }
            if !whole {
                return;
            }
        }
    }

    /// Reads parameters up to the next challenge; false when the grammar is broken.
    fn params(&mut self, challenge: &mut Challenge) -> bool {
        // A challenge may carry one token68 in the place of parameters (as NTLM does).
        let before = self.rest;
        self.skip_blank();
        let token68 = self.take(|b| is_token(b) || matches!(b, b'/' | b'='));
        self.skip_blank();
        let alone = self.rest.is_empty() || self.rest.starts_with(',');
        if alone && !token68.trim_end_matches('=').contains('=') && !token68.is_empty() {
            return true;
        }
        self.rest = before;
        loop {
            let before = self.rest;
            self.skip(|b| matches!(b, b' ' | b'\t' | b','));
            if self.rest.is_empty() {
                return true;
            }
            let Some(name) = self.token() else {
                return false;
            };
            self.skip_blank();
            let Some(after) = self.rest.strip_prefix('=') else {
                // No parameter: the next challenge's scheme.
                self.rest = before;
                return true;
            };
            self.rest = after;
            self.skip_blank();
            let Some(value) = self.value() else {
                return false;
            };
            if challenge.params.len() < MAX_PARAMS {
                challenge.params.push((name.to_ascii_lowercase(), value));
            }
            self.skip_blank();
            if !self.rest.is_empty() && !self.rest.starts_with(',') {
                return false;
            }
        }
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            // Some registries leave the quotes away where they are needed (a URL as realm).
            let value = self.take(|b| !matches!(b, b',' | b' ' | b'\t' | b'"'));
            return (!value.is_empty()).then(|| value.to_owned());
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                other => value.push(other),
            }
        }
        None
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(is_token);
        (!token.is_empty()).then_some(token)
    }

    fn take(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let end = self
            .rest
            .bytes()
            .position(|b| !fits(b))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, fits: impl Fn(u8) -> bool) {
        self.take(fits);
    }

    fn skip_blank(&mut self) {
        self.skip(|b| matches!(b, b' ' | b'\t'));
    }
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn parse(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let shown = challenges_from_headers(&headers)
            .into_iter()
            .map(|challenge| {
                let params: Vec<String> = challenge
                    .params
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                format!("{}({})", challenge.scheme, params.join("|"))
            });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(values: &[&str], expect: &str) {
        assert_eq!(parse(values), expect, "{values:?}");
    }

    #[test]
    fn one_challenge() {
        check(
            &[r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#],
            "bearer(realm=https://auth.docker.io/token|service=registry.docker.io)",
        );
        check(
            &[r#"bearer realm="r",scope="repository:a/b:pull,push""#],
            "bearer(realm=r|scope=repository:a/b:pull,push)",
        );
        check(
            &[r#"BASIC Realm="Registry Realm""#],
            "basic(realm=Registry Realm)",
        );
        check(&["Basic"], "basic()");
        check(&["Negotiate"], "negotiate()");
        check(&["NTLM abc+/=="], "ntlm()");
        check(
            &[r#"Bearer realm = "r" , service = s"#],
            "bearer(realm=r|service=s)",
        );
        check(
            &["Bearer realm=https://a.example/t,service=s"],
            "bearer(realm=https://a.example/t|service=s)",
        );
        check(&[r#"Bearer realm="a\"b\\c""#], r#"bearer(realm=a"b\c)"#);
        check(&[r#"Bearer realm="""#], "bearer(realm=)");
    }

    #[test]
    fn several_challenges() {
        check(
            &[r#"Bearer realm="r",service="s", Basic realm="b""#],
            "bearer(realm=r|service=s) basic(realm=b)",
        );
        check(&["Basic", r#"Bearer realm="r""#], "basic() bearer(realm=r)");
        check(
            &[r#"Negotiate, Basic realm="b""#],
            "negotiate() basic(realm=b)",
        );
        check(
            &[r#"NTLM abc=, Bearer realm="r""#],
            "ntlm() bearer(realm=r)",
        );
        check(
            &[r#", ,Basic realm="b",, ,Bearer realm=r,"#],
            "basic(realm=b) bearer(realm=r)",
        );
    }

    #[test]
    fn broken_ones_end_early() {
        check(&[""], "");
        check(&[r#"Bearer realm="open"#], "bearer()");
        check(&[r#"Bearer realm="a" service="b""#], "bearer(realm=a)");
        check(&["Bearer realm="], "bearer()");
        check(&["="], "");
        check(&[r#"Bearer realm="a\"#], "bearer()");
        check(&[r#"Bearer realm="x",=,Basic"#], "bearer(realm=x)");
    }

    #[test]
    fn bounded() {
        let many = (0..100)
            .map(|n| format!("p{n}=v"))
            .collect::<Vec<_>>()
            .join(",");
        let text = parse(&[&format!("Bearer {many}"), &"Basic,".repeat(100)]);
        assert_eq!(text.matches('=').count(), MAX_PARAMS);
        assert_eq!(text.split(' ').count(), MAX_CHALLENGES);
    }
}
