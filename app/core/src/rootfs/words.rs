//! The words of a search over a root file system, for the fields that write them.

/// The value of the first word `name:value` of a search text.
pub fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    words_before_regex(text)
        .split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix(':'))
        .filter(|value| !value.is_empty())
}

/// The text with `name:value` in place of every word of that name; without it if there is no value.
pub fn with_value(text: &str, name: &str, value: Option<&str>) -> String {
    let front = words_before_regex(text);
    let regex = &text[front.len()..];
    let others = front.split(' ').filter(|word| {
        let ours = word.strip_prefix(name).is_some_and(|w| w.starts_with(':'));
        !ours && !word.is_empty()
    });
    let new = value.map(|value| format!("{name}:{value}"));
    let words: Vec<&str> = new.as_deref().into_iter().chain(others).collect();
    let mut out = words.join(" ");
    match (out.is_empty(), regex.strip_prefix(' ')) {
        (true, Some(regex)) => out.push_str(regex),
        (false, None) if !regex.is_empty() => {
            out.push(' ');
            out.push_str(regex);
        }
        _ => out.push_str(regex),
    }
    out
}

/// What is before a regular expression, which goes to the end of the text.
fn words_before_regex(text: &str) -> &str {
    if text.starts_with("re:") {
        return "";
    }
    text.find(" re:").map_or(text, |at| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, new: Option<&str>, expect: &str) {
        let changed = with_value(text, name, new);
        assert_eq!(changed, expect);
        assert_eq!(value(&changed, name), new);
    }

    #[test]
    fn words_come_and_go() {
        check("", "type", Some("file"), "type:file");
        check("type:dir name", "type", Some("file"), "type:file name");
        check("a type:dir b type:x", "type", None, "a b");
        check("re:a type:b", "type", Some("dir"), "type:dir re:a type:b");
        check("type:dir re:a", "type", None, "re:a");
        check("x type:dir re:a", "type", Some("file"), "type:file x re:a");
        check("size:>1M", "type", None, "size:>1M");
        check("", "type", None, "");
        assert_eq!(value("types:x type:", "type"), None);
        assert_eq!(value("re:type:x", "type"), None);
    }
}
