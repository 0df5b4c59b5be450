//! Reading Rust as text: comments and strings out of the way, identifiers with their lines.

/// What of a source file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Code alone; strings lose their content, not their quotes.
    Code,
    /// Code and strings; only comments go.
    CodeAndStrings,
}

/// The source with everything else replaced by spaces, so that lines stay. Works for
/// JavaScript too, as far as it looks like Rust.
pub fn keep(source: &str, what: Keep) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let (len, kept) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (block_comment_len(rest), false)
        } else if let Some(hashes) = raw_string_hashes(&out, rest) {
            (raw_string_len(rest, hashes), what == Keep::CodeAndStrings)
        } else if c == '"' {
            (string_len(rest), what == Keep::CodeAndStrings)
        } else if let Some(len) = char_literal_len(rest) {
            (len, what == Keep::CodeAndStrings)
        } else {
            (c.len_utf8(), true)
        };
        let (token, after) = rest.split_at(len.max(c.len_utf8()).min(rest.len()));
        if kept {
            out.push_str(token);
        } else {
            let quoted = !token.starts_with('/');
            let last = token.chars().count().saturating_sub(1);
            out.extend(token.chars().enumerate().map(|(i, c)| match c {
                '\n' => '\n',
                '"' if quoted && (i == 0 || i == last) => '"',
                _ => ' ',
            }));
        }
        rest = after;
    }
    out
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    let mut i = 0;
    while i + 1 < bytes.len() {
        match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b'/'), Some(b'*')) => {
                depth += 1;
                i += 2;
            }
            (Some(b'*'), Some(b'/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    text.len()
}

/// The number of `#` if a raw string begins here (and not an identifier that ends in r).
fn raw_string_hashes(before: &str, text: &str) -> Option<usize> {
    let after_r = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))?;
    if before.chars().next_back().is_some_and(is_word) {
        return None;
    }
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    after_r.get(hashes..)?.starts_with('"').then_some(hashes)
}

fn raw_string_len(text: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    let Some(open) = text.find('"') else {
        return text.len();
    };
    text[open + 1..]
        .find(&end)
        .map_or(text.len(), |at| open + 1 + at + end.len())
}

fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `'x'` or `'\n'`; a lifetime is none.
fn char_literal_len(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        let close = inner.get(2..)?.find('\'')?;
        return Some(1 + 2 + close + 1);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(1 + at + 1)
}

/// Whether `c` can stand in an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every identifier (and number) of a text: byte position and text.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text.get(rest..)?.find(is_word)?;
        let tail = text.get(start..)?;
        let len = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        rest = start + len;
        Some((start, tail.get(..len)?))
    })
}

/// The line, from 1, of a byte position.
pub fn line_of(text: &str, position: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(position)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expect: &str) {
        assert_eq!(keep(source, Keep::Code), expect);
    }

    #[test]
    fn comments_and_strings_become_spaces() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check("f(\"x // y\") g", "f(\"      \") g");
        check("f(\"a\\\"b\", c)", "f(\"    \", c)");
        check(
            "let x = r#\"a\"b\"#; y",
            &format!("let x = {}; y", " ".repeat(8)),
        );
        check("for \"x\"", "for \" \"");
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        check("x('\"'); y", "x(   ); y");
        check("x('\\''); y", "x(    ); y");
        check(
            "fn f<'a>(x: &'a str) { \"q\" }",
            "fn f<'a>(x: &'a str) { \" \" }",
        );
        check("'ä' z", "    z");
    }

    #[test]
    fn unfinished_sources_end() {
        check("\"abc", "\"   ");
        check("/* abc", "      ");
        check("'", "'");
    }

    #[test]
    fn strings_can_be_kept() {
        assert_eq!(
            keep("f(\"innerHTML\") // innerHTML", Keep::CodeAndStrings),
            "f(\"innerHTML\")             "
        );
    }

    #[test]
    fn words_and_lines_are_found() {
        let text = "use web_sys::x;\nlet y1";
        assert_eq!(
            words(text).map(|(_, word)| word).collect::<Vec<_>>(),
            ["use", "web_sys", "x", "let", "y1"]
        );
        assert_eq!(line_of(text, text.find("y1").unwrap()), 2);
    }
}
