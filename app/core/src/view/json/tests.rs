use super::*;
use crate::media_type::{OCI_CONFIG, OCI_MANIFEST};
use proptest::prelude::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn context() -> Context {
    Context {
        repository: Repository::parse("r.example/a").unwrap(),
        now_s: Some(1_704_164_645 + 86_400 * 3),
    }
}

fn lines(json: &str) -> JsonView {
    view(json.as_bytes(), &context()).unwrap()
}

/// The lines as text, two spaces a level.
fn text(view: &JsonView) -> String {
    let line = |l: &Line| {
        let tokens: String = l.tokens.iter().map(|t| t.text.as_str()).collect();
        format!("{}{tokens}", "  ".repeat(l.indent))
    };
    view.lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn keeps_order_and_spelling() {
    let v = lines(
        r#" {"z":1.50e+10,"a":[true,null,{}],"a":[],"n":-0,"big":123456789012345678901234567890,"s":"\u003cb\/\ud800"} "#,
    );
    assert_eq!(
        text(&v),
        r#"{
  "z": 1.50e+10,
  "a": [
    true,
    null,
    {}
  ],
  "a": [],
  "n": -0,
  "big": 123456789012345678901234567890,
  "s": "\u003cb\/\ud800"
}"#
    );
    let folds: Vec<_> = v.folds.iter().map(|f| (f.start, f.end, f.len)).collect();
    assert_eq!(folds, [(0, 11, 6), (2, 6, 3)]);
    let kinds: Vec<TokenKind> = v.lines[1].tokens.iter().map(|t| t.kind).collect();
    use TokenKind::{Key, Number, Punct};
    assert_eq!(kinds, [Key, Punct, Number, Punct]);
    assert_eq!(text(&lines("7")), "7");
    assert_eq!(text(&lines("\"a\u{202e}b\"")), "\"a\\u{202e}b\"");
}

/// The link of the value under `key` in a document, `{D}` standing for a digest.
#[track_caller]
fn check_link(json: &str, key: &str, expect: Option<&str>) {
    let v = lines(&json.replace("{D}", D));
    let key = format!("\"{key}\"");
    let line = v.lines.iter().find(|l| l.tokens[0].text == key).unwrap();
    let link = line.tokens[2].link.as_ref().map(Link::href);
    assert_eq!(link, expect.map(|e| e.replace("{D}", D)), "{json}");
}

#[test]
fn descriptors_lead_to_their_content() {
    let of = |t: &str| format!(r#"{{"digest":"{{D}}","mediaType":"{t}"}}"#);
    check_link(&of(OCI_MANIFEST), "digest", Some("#/image/r.example/a@{D}"));
    check_link(
        &of("application/vnd.oci.image.index.v1+json"),
        "digest",
        Some("#/image/r.example/a@{D}"),
    );
    check_link(
        &of("application/vnd.docker.image.rootfs.diff.tar.gzip"),
        "digest",
        Some("#/fs/r.example/a@{D}/"),
    );
    check_link(
        &of(OCI_CONFIG),
        "digest",
        Some("#/blob/r.example/a@{D}?mt=application/vnd.oci.image.config.v1%2Bjson"),
    );
    check_link(
        r#"{"digest":"{D}"}"#,
        "digest",
        Some("#/blob/r.example/a@{D}"),
    );
    check_link(
        r#"{"blobSum":"{D}"}"#,
        "blobSum",
        Some("#/fs/r.example/a@{D}/"),
    );
    check_link(r#"{"other":"{D}"}"#, "other", None);
    check_link(r#"{"digest":"sha256:12"}"#, "digest", None);
    let annotation = "vnd.docker.reference.digest";
    check_link(
        &format!(r#"{{"annotations":{{"{annotation}":"{{D}}"}}}}"#),
        annotation,
        Some("#/image/r.example/a@{D}"),
    );
}

#[test]
fn annotations_lead_to_their_source() {
    check_link(
        &format!(r#"{{"mediaType":"{OCI_MANIFEST}"}}"#),
        "mediaType",
        Some("https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md"),
    );
    let o = "org.opencontainers.image";
    let base = format!(r#"{{"{o}.base.name":"debian:12","{o}.base.digest":"{{D}}"}}"#);
    check_link(
        &base,
        &format!("{o}.base.name"),
        Some("#/image/index.docker.io/library/debian:12"),
    );
    check_link(
        &base,
        &format!("{o}.base.digest"),
        Some("#/image/index.docker.io/library/debian@{D}"),
    );
    let source =
        format!(r#"{{"{o}.source":"https://github.com/a/b.git","{o}.revision":"0123abcd"}}"#);
    check_link(
        &source,
        &format!("{o}.source"),
        Some("https://github.com/a/b.git"),
    );
    check_link(
        &source,
        &format!("{o}.revision"),
        Some("https://github.com/a/b/commit/0123abcd"),
    );
    let elsewhere = source.replace("github.com", "x.example");
    check_link(&elsewhere, &format!("{o}.revision"), None);
}

#[test]
fn only_web_addresses_are_links() {
    let of = |url: &str| serde_json::json!({ "u": url }).to_string();
    check_link(
        &of("https://x.example/a?b#c"),
        "u",
        Some("https://x.example/a?b#c"),
    );
    check_link(
        &of("http://localhost:5000/"),
        "u",
        Some("http://localhost:5000/"),
    );
    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://a b",
        "https://user@host/",
        "https://é.example/",
        "https://x\"y",
        " https://x.example",
        "see https://x.example",
        "//x.example",
    ] {
        check_link(&of(bad), "u", None);
    }
    let v = lines(r#"{"urls":["https://x.example/l"]}"#);
    assert_eq!(
        v.lines[2].tokens[0].link,
        Some(Link::Url("https://x.example/l".into()))
    );
}

#[track_caller]
fn check_title(json: &str, expect: Option<&str>) {
    let v = lines(&json.replace("{D}", D));
    let title = v.lines[1].tokens[2].title.as_deref();
    assert_eq!(title, expect, "{json}");
}

#[test]
fn titles() {
    check_title(r#"{"size":62345678}"#, Some("62.3 MB"));
    check_title(r#"{"size":12}"#, None);
    check_title(r#"{"size":-5000}"#, None);
    check_title(r#"{"schemaVersion":20000}"#, None);
    check_title(
        r#"{"created":"2024-01-02T03:04:05Z"}"#,
        Some("2024-01-02 03:04 UTC, 3 days ago"),
    );
    check_title(r#"{"created":"soon"}"#, None);
    let v = lines(&format!(r#"{{"diff_ids":["{D}"]}}"#));
    assert!(v.lines[2].tokens[0].title.is_some() && v.lines[2].tokens[0].link.is_none());
}

#[test]
fn is_bounded() {
    let c = context();
    assert_eq!(
        view(&vec![b' '; MAX_JSON_BYTES + 1], &c),
        Err(JsonError::TooLarge)
    );
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(view(nested(MAX_JSON_DEPTH).as_bytes(), &c).is_ok());
    assert_eq!(
        view(nested(MAX_JSON_DEPTH + 2).as_bytes(), &c),
        Err(JsonError::TooDeep)
    );
    assert!(view(nested(1_000_000).as_bytes(), &c).is_err());
    let wide = format!("[{}0]", "[],".repeat(MAX_JSON_LINES + 10));
    let v = view(wide.as_bytes(), &c).unwrap();
    assert!(v.cut && v.lines.len() == MAX_JSON_LINES);
    for bad in [
        "", "{", "[1,]", "{\"a\"}", "nul", "1 2", "\"", "\"\\", "<html>", "'a'", "01",
    ] {
        assert!(
            matches!(view(bad.as_bytes(), &c), Err(JsonError::NotJson { .. })),
            "{bad}"
        );
    }
    assert!(view(b"\"\xff\"", &c).is_err());
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[ -~\\n\"é]{0,9}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::vec(("[a-z\"\\\\]{0,4}", inner), 0..5)
                .prop_map(|m| m.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn lines_are_the_same_document(value in any_json()) {
        let v = lines(&value.to_string());
        prop_assert_eq!(text(&v), serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn never_panics(text in "[\\[\\]{}\",:\\\\0-9a-z. é-]{0,40}") {
        let _ = view(text.as_bytes(), &context());
    }
}
