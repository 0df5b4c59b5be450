//! The rules for single files.

use std::collections::BTreeSet;

use super::Finding;
use super::scan::{self, Keep, line_of, words};
use super::test_modules;

/// No file is longer, in bytes: one subject each, readable in one go.
const MAX_FILE_BYTES: usize = 25 * 1024;
/// Files whose length is not ours to choose.
const ANY_LENGTH: [&str; 3] = ["Cargo.lock", "package-lock.json", "LICENSE-APACHE"];
/// Endings of the project's own text.
const TEXT: [&str; 12] = [
    "rs",
    "toml",
    "md",
    "js",
    "mjs",
    "html",
    "css",
    "svg",
    "yaml",
    "json",
    "webmanifest",
    "sh",
];
/// Where the pure crates live: no I/O, no clock, no browser.
const PURE: [&str; 3] = ["app/core/src/", "app/inflate/src/", "app/viewers/src/"];
/// Names that only code with an outside needs. Addresses as values are pure, sockets are not.
const IMPURE_NAMES: [&str; 16] = [
    "Instant",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "web_sys",
    "js_sys",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "leptos",
    "tokio",
    "gloo_net",
    "reqwest",
    "hyper",
    "rand",
];
/// Modules of std with an outside.
const IMPURE_STD: [&str; 3] = ["fs", "env", "process"];
/// Where the browser may be named; the rest of the client goes through it.
const BROWSER: [&str; 2] = ["app/src/browser", "app/src/bin/"];
/// The only files with unsafe code: what the macro writes that joins a program's two modules.
const JOINED: [&str; 2] = ["app/src/bin/app.rs", "app/src/bin/worker.rs"];
/// The only writer of signals.
const STATE: &str = "app/src/state";
/// Types by which a signal can be written.
const WRITERS: [&str; 6] = [
    "RwSignal",
    "WriteSignal",
    "ArcRwSignal",
    "ArcWriteSignal",
    "SignalSetter",
    "Trigger",
];
/// Functions that make a writable signal.
const MAKERS: [&str; 4] = ["signal", "arc_signal", "signal_local", "create_signal"];
/// The sign that a signal belongs to one widget alone (an open menu, a text being typed).
const LOCAL: &str = "tidy: local";
/// Ways to have a string parsed as HTML.
const MARKUP_SINKS: [&str; 7] = [
    "innerHTML",
    "inner_html",
    "set_inner_html",
    "outerHTML",
    "set_outer_html",
    "insertAdjacentHTML",
    "insert_adjacent_html",
];

/// Whether a file is read at all.
pub fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| TEXT.contains(&ending))
        || name == "Cargo.lock"
}

/// Checks one file; `path` is relative to the root. A file that is compiled for tests alone
/// (`only_test`) may use the outside.
pub fn check(path: &str, text: &str, only_test: bool, findings: &mut Vec<Finding>) {
    let mut report = |line: usize, message: String| {
        findings.push(Finding {
            path: path.to_owned(),
            line,
            message,
        });
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    if text.len() > MAX_FILE_BYTES && !ANY_LENGTH.contains(&name) {
        report(
            0,
            format!(
                "{} bytes; split it, the limit is {MAX_FILE_BYTES}",
                text.len()
            ),
        );
    }
    if name == "Cargo.lock" {
        lock_file(text, &mut report);
    }
    let client = path.starts_with("app/") || path.starts_with("public/");
    if client
        && (path.ends_with(".html") || path.ends_with(".svg"))
        && crate::dist::style_attribute(text)
    {
        report(
            0,
            "a style attribute, which the content security policy forbids".to_owned(),
        );
    }
    if client && path.ends_with(".html") {
        for problem in crate::dist::inline_problems(text) {
            report(
                0,
                format!("{problem}, which the content security policy forbids"),
            );
        }
    }
    if client && (path.ends_with(".rs") || path.ends_with(".js")) {
        markup_sinks(text, &mut report);
    }
    if path.ends_with(".rs") {
        rust(path, text, only_test, &mut report);
    }
}

fn rust(path: &str, text: &str, only_test: bool, report: &mut dyn FnMut(usize, String)) {
    let code = scan::keep(text, Keep::Code);
    if let Some(at) = code.find("#[ignore") {
        report(
            line_of(&code, at),
            "an ignored test; make it run, or say SKIPPED and why at run time".to_owned(),
        );
    }
    if !only_test && PURE.iter().any(|pure| path.starts_with(pure)) {
        purity(&test_modules::without(&code), report);
    }
    // Elsewhere the compiler forbids it for good; the app's manifest only denies it.
    if path.starts_with("app/") && !JOINED.contains(&path) {
        for (at, word) in words(&code).filter(|(_, word)| matches!(*word, "unsafe" | "unsafe_code"))
        {
            report(
                line_of(&code, at),
                format!("{word} outside {}", JOINED.join(" and ")),
            );
        }
    }
    if path.starts_with("app/src/") {
        if !BROWSER.iter().any(|place| path.starts_with(place)) {
            for (at, word) in words(&code).filter(|(_, word)| matches!(*word, "web_sys" | "js_sys"))
            {
                report(
                    line_of(&code, at),
                    format!("{word} outside app/src/browser/; add what is needed there"),
                );
            }
        }
        if path.starts_with(STATE) {
            leaking_writers(&code, report);
        } else {
            foreign_writers(text, &code, report);
        }
        style_attributes(&code, report);
    }
}

fn purity(code: &str, report: &mut dyn FnMut(usize, String)) {
    for (at, word) in words(code) {
        if IMPURE_NAMES.contains(&word) {
            report(
                line_of(code, at),
                format!("{word} in a pure crate; ask for it through a port"),
            );
        }
        if word == "std" {
            for module in std_modules(code.get(at + word.len()..).unwrap_or_default()) {
                if IMPURE_STD.contains(&module) {
                    report(
                        line_of(code, at),
                        format!("std::{module} in a pure crate; ask for it through a port"),
                    );
                }
            }
        }
    }
}

/// The modules named by what follows `std`: one, or those of a `{…}` list.
fn std_modules(after: &str) -> Vec<&str> {
    let Some(after) = after.strip_prefix("::") else {
        return Vec::new();
    };
    if !after.starts_with('{') {
        return words(after)
            .next()
            .filter(|(at, _)| *at == 0)
            .map(|(_, word)| word)
            .into_iter()
            .collect();
    }
    let mut depth = 0_usize;
    let mut first = false;
    let mut modules = Vec::new();
    for (at, c) in after.char_indices() {
        match c {
            '{' => {
                depth += 1;
                first = depth == 1;
            }
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => first = depth == 1,
            _ if first && scan::is_word(c) => {
                modules.extend(
                    words(after.get(at..).unwrap_or_default())
                        .next()
                        .map(|(_, word)| word),
                );
                first = false;
            }
            _ => {}
        }
    }
    modules
}

/// Outside state nothing makes or names a signal that can be written, but for a widget's own,
/// marked with `// tidy: local` on its line or on the line before.
fn foreign_writers(text: &str, code: &str, report: &mut dyn FnMut(usize, String)) {
    let marked: BTreeSet<usize> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(LOCAL))
        .flat_map(|(i, line)| {
            let alone = line.trim_start().starts_with("//");
            [Some(i + 1), alone.then_some(i + 2)]
        })
        .flatten()
        .collect();
    for (at, word) in words(code) {
        let line = line_of(code, at);
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + word.len()..).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let imported = before
            .get(start..)
            .is_some_and(|line| line.trim_start().starts_with("use "));
        let names = WRITERS.contains(&word) && !imported;
        let makes = MAKERS.contains(&word)
            && after.starts_with('(')
            && !before.ends_with(['.', ':'])
            && !before.ends_with("fn ");
        if (names || makes) && !marked.contains(&line) {
            report(
                line,
                format!(
                    "{word} outside {STATE}; let state hold it, or mark a widget's own with `// {LOCAL}`"
                ),
            );
        }
    }
}

/// What state gives away can be read, not written: no writer is in a public field or comes out of
/// a public function. With this and [`foreign_writers`], a write elsewhere does not compile.
fn leaking_writers(code: &str, report: &mut dyn FnMut(usize, String)) {
    let code = code.replace("pub(super)", "").replace("pub(crate)", "pub");
    for (at, word) in words(&code).filter(|(_, word)| WRITERS.contains(word)) {
        let before = code.get(..at).unwrap_or_default();
        let ends: &[char] = match before.trim_end().ends_with("->") {
            true => &[';', '{', '}'],
            false => &[';', '{', '}', ',', '('],
        };
        let start = before.rfind(ends).map_or(0, |i| i + 1);
        if words(before.get(start..).unwrap_or_default()).any(|(_, word)| word == "pub") {
            report(
                line_of(&code, at),
                format!("a public {word}; give away what reads, keep what writes"),
            );
        }
    }
}

fn markup_sinks(text: &str, report: &mut dyn FnMut(usize, String)) {
    let code = scan::keep(text, Keep::CodeAndStrings);
    for (at, word) in words(&code).filter(|(_, word)| MARKUP_SINKS.contains(word)) {
        report(
            line_of(&code, at),
            format!("{word}: foreign text never becomes markup; use text nodes"),
        );
    }
}

/// `style=…` in markup; an assignment to a variable has spaces around its sign (rustfmt).
fn style_attributes(code: &str, report: &mut dyn FnMut(usize, String)) {
    for (at, _) in words(code).filter(|(_, word)| *word == "style") {
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + "style".len()..).unwrap_or_default();
        if after.starts_with('=')
            && !after.starts_with("==")
            && before.ends_with(char::is_whitespace)
        {
            report(line_of(code, at), "a style attribute, which the content security policy forbids; use a class or style:property".to_owned());
        }
    }
}

/// Sources other than crates.io would not be there for a reader of this repository.
fn lock_file(text: &str, report: &mut dyn FnMut(usize, String)) {
    for (i, line) in text.lines().enumerate() {
        if line.starts_with("source = ")
            && line != "source = \"registry+https://github.com/rust-lang/crates.io-index\""
        {
            report(i + 1, "a source other than crates.io".to_owned());
        }
    }
    let pinned = format!(
        "name = \"wasm-bindgen\"\nversion = \"{}\"",
        crate::tools::WASM_BINDGEN_VERSION
    );
    if text.contains("name = \"wasm-bindgen\"\n") && !text.contains(&pinned) {
        report(
            0,
            format!(
                "wasm-bindgen must be {}, as the tools that xtask installs",
                crate::tools::WASM_BINDGEN_VERSION
            ),
        );
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
