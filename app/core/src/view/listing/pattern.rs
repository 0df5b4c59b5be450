//! What a search text matches.

/// Bytes of a search text that count; nobody types more, and matching takes time by its length.
const MAX_TEXT: usize = 1024;

/// A search text, ready to be tried on many paths.
#[derive(Debug)]
pub(crate) struct Pattern {
    how: How,
    any_case: bool,
    lowered: Vec<u8>,
}

#[derive(Debug)]
enum How {
    /// Anywhere in the path.
    Contains(Vec<u8>),
    /// The whole path, or the whole last component when the text has no slash.
    Glob { text: Vec<u8>, name_only: bool },
}

impl Pattern {
    /// A text with `*` or `?` is a pattern: `*` is any run of bytes, slashes too, `?` is one byte.
    /// Without a slash it has to match the last component, otherwise the path. Other texts match
    /// wherever they occur. ASCII case counts only if the text has a capital.
    pub(crate) fn new(text: &str) -> Self {
        let text = &text.as_bytes()[..text.len().min(MAX_TEXT)];
        match text.iter().any(|b| matches!(b, b'*' | b'?')) {
            true => Pattern::by(text, |text| How::Glob {
                name_only: !text.contains(&b'/'),
                text,
            }),
            false => Pattern::text(text),
        }
    }

    /// A text that stands for itself throughout. Case counts as above.
    pub(crate) fn text(text: &[u8]) -> Self {
        Pattern::by(text, How::Contains)
    }

    fn by(text: &[u8], how: impl FnOnce(Vec<u8>) -> How) -> Self {
        Pattern {
            how: how(text.to_vec()),
            any_case: !text.iter().any(u8::is_ascii_uppercase),
            lowered: Vec::new(),
        }
    }

    /// Tries it on a path.
    pub(crate) fn matches(&mut self, path: &[u8]) -> bool {
        let path = if self.any_case {
            self.lowered.clear();
            self.lowered.extend(path.iter().map(u8::to_ascii_lowercase));
            &self.lowered
        } else {
            path
        };
        match &self.how {
            How::Contains(text) => contains(path, text),
            How::Glob { text, name_only } => {
                let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
                glob(text, if *name_only { name } else { path })
            }
        }
    }
}

/// Whether a text is anywhere in a path. Paths are short: from one place with the first byte to the
/// next is as quick as a search that prepares tables, whose code the worker would have to load.
fn contains(path: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else {
        return true;
    };
    let mut places = memchr::memchr_iter(*first, path);
    places.any(|at| path[at + 1..].starts_with(rest))
}

/// Matches all of `path`. Going back to the last `*` is enough, so time is at most the product of
/// both lengths.
fn glob(text: &[u8], path: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while p < path.len() {
        match text.get(t) {
            Some(b'*') => {
                t += 1;
                star = Some((t, p));
            }
            Some(c) if *c == b'?' || *c == path[p] => {
                t += 1;
                p += 1;
            }
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (t, p) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    text[t..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, path: &str, expect: bool) {
        assert_eq!(
            Pattern::new(text).matches(path.as_bytes()),
            expect,
            "{text} {path}"
        );
    }

    #[test]
    fn texts_and_patterns() {
        check("", "anything", true);
        check("bin", "usr/bin/ls", true);
        check("bin", "usr/BIN/ls", true);
        check("Bin", "usr/bin/ls", false);
        check("Bin", "usr/Bin/ls", true);
        check("r/b", "usr/bin", true);
        check("nib", "usr/bin", false);
        check("*.so", "usr/lib/a.so", true);
        check("*.so", "usr/lib/a.so.1", false);
        check("*.so*", "usr/lib/a.so.1", true);
        check("a.?o", "usr/lib/a.so", true);
        check("*.SO", "usr/lib/a.so", false);
        check("usr/*.so", "usr/lib/x/a.so", true);
        check("lib/*.so", "usr/lib/a.so", false);
        check("*", "a", true);
        check("?", "ab", false);
        check("**a**b*", "xxaxxbxx", true);
        check("a*a*a*b", &"a".repeat(100), false);
    }

    proptest::proptest! {
        #[test]
        fn a_glob_is_what_its_recursion_says(text in "[ab*?]{0,8}", path in "[ab]{0,10}") {
            fn slow(text: &[u8], path: &[u8]) -> bool {
                match (text.split_first(), path.split_first()) {
                    (None, None) => true,
                    (Some((b'*', t)), None) => slow(t, path),
                    (Some((b'*', t)), Some((_, p))) => slow(t, path) || slow(text, p),
                    (Some((c, t)), Some((d, p))) => (*c == b'?' || c == d) && slow(t, p),
                    _ => false,
                }
            }
            assert_eq!(glob(text.as_bytes(), path.as_bytes()), slow(text.as_bytes(), path.as_bytes()));
        }
    }
}
