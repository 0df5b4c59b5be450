//! Which code is compiled for tests alone: modules under `#[cfg(test)]`, inline or in a file.

use std::collections::BTreeSet;

use super::scan::{self, Keep, words};

const CFG_TEST: &str = "#[cfg(test)]";

/// The code (comments and strings already gone) with the bodies of inline test modules blank.
pub fn without(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(CFG_TEST) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let len = inline_len(tail).unwrap_or(CFG_TEST.len());
        let (skipped, after) = tail.split_at(len);
        out.extend(skipped.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The length of `#[cfg(test)] mod name { … }` at the start of `text`.
fn inline_len(text: &str) -> Option<usize> {
    let open = text.find('{')?;
    if text.find(';').is_some_and(|semicolon| semicolon < open)
        || !words(text.get(CFG_TEST.len()..open)?).any(|(_, word)| word == "mod")
    {
        return None;
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether a file is one of `modules`, which [`declared`] found, or belongs to one.
pub fn contain(modules: &BTreeSet<String>, path: &str) -> bool {
    let stem = path.trim_end_matches(".rs");
    let ends = stem
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([stem.len()]);
    ends.filter_map(|end| stem.get(..end))
        .any(|part| modules.contains(part))
}

/// The modules of this file under `#[cfg(test)]`: their paths from the root, without `.rs`.
pub fn declared(path: &str, text: &str) -> Vec<String> {
    if !path.ends_with(".rs") || !text.contains(CFG_TEST) {
        return Vec::new();
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let inside = match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    };
    let code = scan::keep(text, Keep::CodeAndStrings);
    let mut found = Vec::new();
    for part in code.split(CFG_TEST).skip(1) {
        let declaration = part.split([';', '{']).next().unwrap_or_default();
        let mut words = words(declaration)
            .map(|(_, word)| word)
            .skip_while(|word| *word != "mod");
        let Some(module) = words.nth(1) else { continue };
        let named = declaration
            .split_once("path")
            .and_then(|(_, rest)| rest.split('"').nth(1));
        match named {
            Some(file) => found.push(format!("{folder}/{}", file.trim_end_matches(".rs"))),
            None => found.push(format!("{inside}/{module}")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        assert_eq!(declared(path, text), expect);
    }

    #[test]
    fn test_modules_are_found_from_their_parents() {
        check("a/src/lib.rs", "#[cfg(test)]\nmod t;", &["a/src/t"]);
        check("a/src/tar.rs", "#[cfg(test)] mod t;", &["a/src/tar/t"]);
        check(
            "a/src/tar.rs",
            "#[cfg(test)]\n#[path = \"x_tests.rs\"]\nmod tests;",
            &["a/src/x_tests"],
        );
        check(
            "a/src/tar.rs",
            "mod t;\n#[cfg(test)]\nfn f() { mod_x(); }",
            &[],
        );
        check("a/src/tar.rs", "// #[cfg(test)] mod t;", &[]);
    }

    #[test]
    fn what_lies_under_a_test_module_is_test_code_too() {
        let modules = BTreeSet::from(["a/src/t".to_owned()]);
        assert!(contain(&modules, "a/src/t.rs"));
        assert!(contain(&modules, "a/src/t/mod.rs"));
        assert!(contain(&modules, "a/src/t/deep/more.rs"));
        assert!(!contain(&modules, "a/src/tar.rs"));
        assert!(!contain(&modules, "a/src/x/t.rs"));
    }

    #[test]
    fn inline_test_modules_are_blank_and_the_rest_is_not() {
        assert_eq!(
            without("a\n#[cfg(test)]\nmod t { x { y } }\nb"),
            "a\n            \n                 \nb"
        );
        assert_eq!(
            without("#[cfg(test)]\nmod t;\nb {}"),
            "            \nmod t;\nb {}"
        );
        assert_eq!(
            without("#[cfg(test)]\nmod t { never closed"),
            "            \nmod t { never closed"
        );
    }
}
