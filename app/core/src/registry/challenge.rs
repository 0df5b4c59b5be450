//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1; distribution's token specification).

use crate::port::Headers;

/// Longest header text looked at, in bytes: real challenges have under 400.
const MAX_CHALLENGE_LEN: usize = 8192;

/// Most challenges taken from one answer.
const MAX_CHALLENGES: usize = 16;

/// A way in that the registry offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme in lower case: `bearer`, `basic`, …
    pub scheme: String,
    /// Its parameters, names in lower case.
    pub params: Vec<(String, String)>,
}

impl Challenge {
    /// One that asks for user name and password.
    pub fn basic() -> Challenge {
        Challenge {
            scheme: "basic".to_owned(),
            params: Vec::new(),
        }
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str())
    }

    /// Whether it asks for a token.
    pub fn is_bearer(&self) -> bool {
        self.scheme == "bearer"
    }

    /// Whether it asks for user name and password.
    pub fn is_basic(&self) -> bool {
        self.scheme == "basic"
    }

    /// The scopes of a Bearer challenge; they are separated by spaces.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.param("scope")
            .unwrap_or_default()
            .split(' ')
            .filter(|s| !s.is_empty())
    }
}

/// Every challenge of an answer: of several headers, and of several in one.
pub fn challenges(headers: &Headers) -> Vec<Challenge> {
    let mut out = Vec::new();
    for value in headers.get_all("www-authenticate") {
        parse(value, &mut out);
    }
    out.truncate(MAX_CHALLENGES);
    out
}

/// Reads a header's text. What makes no sense ends it; what came before counts.
fn parse(text: &str, out: &mut Vec<Challenge>) {
    let mut rest = match text.get(..MAX_CHALLENGE_LEN) {
        Some(head) => head,
        None if text.len() > MAX_CHALLENGE_LEN => return,
        None => text,
    };
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() || out.len() >= MAX_CHALLENGES {
            return;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        match spaced.strip_prefix('=') {
            // A parameter of the challenge before. `=` can also end a token68, which no registry
            // sends and which then is taken for a parameter without a value.
            Some(value) => {
                let value = value.trim_start_matches([' ', '\t']);
                let Some((value, after)) = value_of(value) else {
                    return;
                };
                rest = after;
                if let Some(challenge) = out.last_mut() {
                    let name = word.to_ascii_lowercase();
                    // The first wins: a second `realm` must not replace the one before it.
                    if challenge.param(&name).is_none() {
                        challenge.params.push((name, value));
                    }
                }
            }
            None => {
                out.push(Challenge {
                    scheme: word.to_ascii_lowercase(),
                    params: Vec::new(),
                });
                rest = after;
            }
        }
    }
}

/// A token (RFC 9110, section 5.6.2) and what follows.
fn token(text: &str) -> (&str, &str) {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/:".contains(&b);
    let end = text.bytes().position(|b| !is_token(b));
    text.split_at(end.unwrap_or(text.len()))
}

/// A token or a quoted string and what follows; none if a quote is never closed.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = token(text);
        return Some((word.to_owned(), rest));
    };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &quoted[at + 1..])),
            '\\' => out.push(chars.next()?.1),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Challenges written as `scheme name=value name=value`.
    #[track_caller]
    fn check(headers: &[&str], expect: &[&str]) {
        let headers: Headers = headers.iter().map(|h| ("WWW-Authenticate", *h)).collect();
        let got: Vec<String> = challenges(&headers)
            .iter()
            .map(|c| {
                let params = c.params.iter().map(|(n, v)| format!(" {n}={v}"));
                c.scheme.clone() + &params.collect::<String>()
            })
            .collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn parses() {
        check(
            &[
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull""#,
            ],
            &[
                "bearer realm=https://auth.docker.io/token service=registry.docker.io scope=repository:library/debian:pull",
            ],
        );
        check(&[r#"Basic realm="x""#], &["basic realm=x"]);
        check(&["basic"], &["basic"]);
        check(
            &["BASIC REALM = x , charset=\"UTF-8\""],
            &["basic realm=x charset=UTF-8"],
        );
        check(
            &[r#"Negotiate, Basic realm="a, b", Bearer realm="r" , scope="a b""#],
            &["negotiate", "basic realm=a, b", "bearer realm=r scope=a b"],
        );
        check(
            &["Basic realm=a", "Bearer realm=b"],
            &["basic realm=a", "bearer realm=b"],
        );
        check(&[r#"Bearer realm="a\"b\\""#], &[r#"bearer realm=a"b\"#]);
        check(
            &["Bearer realm=https://a/b?c"],
            &["bearer realm=https://a/b"],
        );
        check(&[r#"Bearer realm="a",realm="b""#], &["bearer realm=a"]);
        check(
            &[r#"Bearer realm="a",error="insufficient_scope""#],
            &["bearer realm=a error=insufficient_scope"],
        );
        check(&[r#"Bearer realm="never closed"#], &["bearer"]);
        check(&["", " , ,", "\"x\""], &[]);
        check(&["a=b"], &[]);
    }

    #[test]
    fn scopes() {
        let headers: Headers = [("www-authenticate", "Bearer realm=r,scope=\"a:b:c  d\"")]
            .into_iter()
            .collect();
        let all = challenges(&headers);
        assert_eq!(all[0].scopes().collect::<Vec<_>>(), ["a:b:c", "d"]);
        assert!(all[0].is_bearer() && !all[0].is_basic());
    }

    #[test]
    fn is_bounded() {
        let long = "a, ".repeat(100_000);
        let headers: Headers = [("www-authenticate", long.as_str())].into_iter().collect();
        assert!(challenges(&headers).len() <= MAX_CHALLENGES);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let headers: Headers = [("www-authenticate", text)].into_iter().collect();
            let _ = challenges(&headers);
        }

        #[test]
        fn any_quoted_value_survives(value in "[ -~é]{0,30}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("Bearer realm=\"{quoted}\", scope=x");
            let headers: Headers = [("www-authenticate", text)].into_iter().collect();
            let all = challenges(&headers);
            prop_assert_eq!(all[0].param("realm"), Some(value.as_str()));
            prop_assert_eq!(all[0].param("scope"), Some("x"));
        }
    }
}
