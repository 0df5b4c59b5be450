//! Bad samples that must be found, good ones that must not.

/// The findings' lines.
#[track_caller]
fn check(path: &str, text: &str, lines: &[usize]) {
    let mut findings = Vec::new();
    super::check(path, text, false, &mut findings);
    let found: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
    assert_eq!(found, lines, "{findings:?}");
}

#[test]
fn unsafe_code_stands_in_one_file() {
    check("app/src/ui/a.rs", "#![allow(unsafe_code)]", &[1]);
    check("app/core/src/a.rs", "\nunsafe { x() }", &[2]);
    check("app/src/bin/app.rs", "#![allow(unsafe_code)]", &[]);
    check("app/src/bin/worker.rs", "#![allow(unsafe_code)]", &[]);
    check("app/src/bin/bench.rs", "#![allow(unsafe_code)]", &[1]);
    check("app/src/ui/a.rs", "// no unsafe here", &[]);
}

#[test]
fn pure_crates_have_no_outside() {
    let path = "app/core/src/a.rs";
    check(path, "use std::fs;", &[1]);
    check(path, "\nlet f = std::net::TcpStream::connect(x);", &[2]);
    check(
        path,
        "use std::{collections::BTreeMap, fs, env::var};",
        &[1, 1],
    );
    check(path, "use std::net::{IpAddr, Ipv6Addr};", &[]);
    check(
        path,
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nuse std::env;",
        &[5],
    );
    check(path, "use std::time::{Duration, Instant};", &[1]);
    check(path, "let t = std::time::SystemTime::now();", &[1]);
    check(path, "use web_sys::Window;", &[1]);
    check("app/inflate/src/b.rs", "use tokio::io;", &[1]);
    check(
        path,
        "use std::time::Duration; // not std::fs\nconst T: &str = \"std::fs\";",
        &[],
    );
    check(
        path,
        "use std::{fmt, collections::{BTreeMap, VecDeque}};\nlet fs = 1;",
        &[],
    );
    check("app/core/tests/a.rs", "use std::fs;", &[]);
    check("proxy/src/a.rs", "use std::fs; use tokio::net;", &[]);
}

#[test]
fn only_the_edge_names_the_browser() {
    check("app/src/ui/a.rs", "use web_sys::Window;", &[1]);
    check("app/src/effects.rs", "let x = js_sys::Date::now();", &[1]);
    check("app/src/browser/fetch.rs", "use web_sys::Window;", &[]);
    check("app/src/bin/worker.rs", "use js_sys::Array;", &[]);
    check("app/src/ui/a.rs", "// web_sys is not named here", &[]);
}

#[test]
fn only_state_writes_signals() {
    let path = "app/src/ui/a.rs";
    check(path, "fn f(x: RwSignal<u8>) {}", &[1]);
    check(path, "let (a, set_a) = signal(0);", &[1]);
    check(
        path,
        "let a = RwSignal::new(1); // tidy: local\na.set(2);",
        &[],
    );
    check(
        path,
        "// tidy: local\nlet (a, set_a) = signal(0);\nlet b = signal(0);",
        &[3],
    );
    check(
        path,
        "let a = x.signal();\nlet b = crate::signal::read();",
        &[],
    );
    check("app/src/browser/hash.rs", "let s = RwSignal::new(1);", &[1]);
}

#[test]
fn state_gives_no_writer_away() {
    let path = "app/src/state/page.rs";
    check(path, "let a = RwSignal::new(1); a.set(2);", &[]);
    check(
        "app/src/state.rs",
        "pub struct S { a: RwSignal<u8>, pub b: Signal<u8> }",
        &[],
    );
    check(path, "pub struct S { b: u8, pub a: RwSignal<u8> }", &[1]);
    check(path, "pub struct S(pub(crate) WriteSignal<u8>);", &[1]);
    check(path, "struct S {\n    pub(super) a: RwSignal<u8>,\n}", &[]);
    check(path, "pub fn a(x: u8, y: u8) -> RwSignal<u8> { z }", &[1]);
    check(
        path,
        "pub fn a(&self) -> ReadSignal<u8> { z }\nfn b() -> RwSignal<u8> { z }",
        &[],
    );
}

#[test]
fn foreign_text_never_becomes_markup() {
    check("app/src/ui/a.rs", "view! { <p inner_html=x/> }", &[1]);
    check(
        "app/src/browser/a.rs",
        "Reflect::set(&e, &\"innerHTML\".into(), &x)",
        &[1],
    );
    check("public/boot.js", "a.b = 1;\nx.innerHTML = y;", &[2]);
    check(
        "public/boot.js",
        "// innerHTML is never used\nx.textContent = y;",
        &[],
    );
}

#[test]
fn no_style_attributes() {
    check(
        "app/src/ui/a.rs",
        "view! { <p style=\"color:red\"/> }",
        &[1],
    );
    check(
        "app/src/ui/a.rs",
        "view! { <p class=x\n style=move || y/> }",
        &[2],
    );
    check(
        "app/src/ui/a.rs",
        "view! { <p style:height=h/> }\nlet style = 1;\nif style == 2 {}",
        &[],
    );
    check("app/index.html", "<p style=\"x\">", &[0, 0]);
    check("app/index.html", "<script>x()</script>", &[0]);
    check("public/icon.svg", "<svg style=\"x\"/>", &[0]);
    check("public/icon.svg", "<svg fill=\"red\"/>", &[]);
}

#[test]
fn files_stay_short_and_tests_run() {
    check("xtask/src/a.rs", &"//\n".repeat(9_000), &[0]);
    check("Cargo.lock", &"# x\n".repeat(9_000), &[]);
    check(
        "tests/a.rs",
        "#[test]\n#[ignore = \"later\"]\nfn f() {}",
        &[2],
    );
}

#[test]
fn the_lock_file_names_crates_io_and_the_right_wasm_bindgen() {
    let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    check("Cargo.lock", source, &[]);
    check(
        "Cargo.lock",
        "source = \"registry+https://mirror.example/index\"\n",
        &[1],
    );
    check(
        "Cargo.lock",
        "source = \"git+https://github.com/a/b\"\n",
        &[1],
    );
    let ours = format!(
        "name = \"wasm-bindgen\"\nversion = \"{}\"\n",
        crate::tools::WASM_BINDGEN_VERSION
    );
    check("Cargo.lock", &ours, &[]);
    check(
        "Cargo.lock",
        "name = \"wasm-bindgen\"\nversion = \"0.2.1\"\n",
        &[0],
    );
}
