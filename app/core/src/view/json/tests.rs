use super::*;
use crate::media_type::{OCI_CONFIG, OCI_MANIFEST};
use proptest::prelude::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn context() -> Context {
    Context {
        repository: Repository::parse("r.example/a").unwrap(),
        image: Some(D.parse().unwrap()),
        now_s: Some(1_704_164_645 + 86_400 * 3),
    }
}

fn lines(json: &str) -> JsonView {
    view(json.as_bytes(), &context()).unwrap()
}

/// The document's own lines as text, two spaces a level.
fn text(view: &JsonView) -> String {
    let line = |l: &Line| {
        let tokens: String = l.tokens.iter().map(|t| t.text.as_str()).collect();
        format!("{}{tokens}", "  ".repeat(l.indent))
    };
    let own = view.lines.iter().filter(|l| l.nested == 0);
    own.map(line).collect::<Vec<_>>().join("\n")
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
fn lines_are_found_by_what_is_in_them() {
    let v = lines(r#"{"a":"Bear","b":["x","bear"],"c":"{\"in\":\"bears\"}"}"#);
    assert_eq!(
        v.lines_with("bear").into_iter().collect::<Vec<_>>(),
        [1, 4, 6, 8]
    );
    assert_eq!(v.lines_with("\"a\": \"b").len(), 1);
    assert_eq!(v.lines_with("wolf").len(), 0);
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
    // The same without making lines.
    let documents = [
        nested(MAX_JSON_DEPTH),
        nested(MAX_JSON_DEPTH + 2),
        "{".into(),
    ];
    for text in documents {
        assert_eq!(is_json(text.as_bytes()), view(text.as_bytes(), &c).is_ok());
    }
}

/// The links in the lines of documents inside of a document.
fn nested_links(json: &str) -> Vec<(usize, String)> {
    let v = lines(json);
    let nested = v.lines.iter().filter(|l| l.nested > 0);
    let links = nested.flat_map(|l| l.tokens.iter().map(|t| (l.nested, t.link.clone())));
    links.filter_map(|(n, l)| Some((n, l?.href()))).collect()
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn statement_text() -> String {
    r#"{"a":["b",{}]}"#.into()
}

#[test]
fn documents_in_strings_are_opened() {
    let statement = format!(
        r#"{{"subject":[{{"name":"pkg:docker/debian@12","digest":{{"sha256":"{}"}}}}]}}"#,
        &D[7..]
    );
    let link = format!("#/image/index.docker.io/library/debian@{D}");
    let link = [link, "#/image/index.docker.io/library/debian:12".into()];
    let once = [(1, link[1].clone()), (1, link[0].clone())];
    let string = serde_json::json!({ "x": statement }).to_string();
    assert_eq!(nested_links(&string), once);
    let envelope = serde_json::json!({ "payload": base64(&statement) }).to_string();
    assert_eq!(nested_links(&envelope), once);
    let urlsafe = base64(&format!(" 	{statement}"))
        .replace('+', "-")
        .replace('/', "_");
    // White space before the brace is not how anybody writes a payload.
    assert_eq!(nested_links(&serde_json::json!([urlsafe]).to_string()), []);
    let bundle = serde_json::json!({ "bundle": envelope }).to_string();
    assert_eq!(nested_links(&bundle), once.clone().map(|(_, l)| (2, l)));

    let two = serde_json::json!({ "a": statement_text(), "b": [statement_text()], "c": 1 });
    assert_eq!(
        text(&lines(&two.to_string())),
        serde_json::to_string_pretty(&two).unwrap()
    );

    let v = lines(&envelope);
    let inside: Vec<_> = v.folds.iter().filter(|f| f.inside).collect();
    assert_eq!(inside.len(), 1);
    assert_eq!((inside[0].start, inside[0].len), (1, 1));
    // What it holds ends before the document goes on.
    assert_eq!(inside[0].end + 2, v.lines.len());

    let mut deep = statement;
    for _ in 0..MAX_NESTED + 2 {
        deep = serde_json::json!({ "x": deep }).to_string();
    }
    let deepest = lines(&deep).lines.iter().map(|l| l.nested).max();
    assert_eq!(deepest, Some(MAX_NESTED));
    for plain in [
        "{not json at all}",
        "[brackets] then text",
        "eyJhbGciOiJ",
        "ew==",
        "{}",
    ] {
        let v = lines(&serde_json::json!([plain]).to_string());
        assert!(v.lines.iter().all(|l| l.nested == 0), "{plain}");
    }
}

#[test]
fn statements_lead_to_what_they_speak_of() {
    let hex = &D[7..];
    let of = |name: &str| format!(r#"{{"a":{{"digest":{{"sha256":"{hex}"}},{name}}}}}"#);
    check_link(
        &of(r#""uri":"pkg:docker/golang@1.21?platform=linux/amd64""#),
        "sha256",
        Some("#/image/index.docker.io/library/golang@{D}"),
    );
    check_link(
        &of(r#""name":"r.example/a""#),
        "sha256",
        Some("#/image/r.example/a@{D}"),
    );
    check_link(&of(r#""name":"other.example/a""#), "sha256", None);
    check_link(&of(r#""uri":"git+https://github.com/a/b""#), "sha256", None);
    check_link(&format!(r#"{{"sha256":"{hex}"}}"#), "sha256", None);
    check_link(
        r#"{"digest":{"sha256":"../../x"},"name":"r.example/a"}"#,
        "sha256",
        None,
    );
    check_link(
        r#"{"locator":"pkg:pypi/requests@2.0"}"#,
        "locator",
        Some("https://pypi.org/project/requests/2.0"),
    );
    let entry = Some("https://search.sigstore.dev/?logIndex=1234");
    check_link(r#"{"logIndex":"1234"}"#, "logIndex", entry);
    check_link(r#"{"logIndex":1234}"#, "logIndex", entry);
    check_link(r#"{"logIndex":-1}"#, "logIndex", None);
    check_link(r#"{"logIndex":"1&x"}"#, "logIndex", None);
}

#[test]
fn configurations_lead_on() {
    let licences = "org.opencontainers.image.licenses";
    let of = |text: &str| serde_json::json!({ licences: text }).to_string();
    check_link(
        &of("Apache-2.0"),
        licences,
        Some("https://spdx.org/licenses/Apache-2.0.html"),
    );
    check_link(&of("MIT AND BSD-3-Clause"), licences, None);
    check_link(&of("LicenseRef-x"), licences, None);
    check_link(
        r#"{"config":{"WorkingDir":"/srv//app/"}}"#,
        "WorkingDir",
        Some("#/layers/r.example/a@{D}/srv/app"),
    );
    check_link(r#"{"WorkingDir":"/srv"}"#, "WorkingDir", None);
    check_title(
        r#"{"os.version":"10.0.20348.2762"}"#,
        Some("Windows Server 2022"),
    );
    check_title(r#"{"os.version":"12.1"}"#, None);
}

#[track_caller]
fn check_filter(filter: &str, expect: &[&str]) {
    let json = r#"{"a":[{"b":1,"c.d":[true]},{"b":2}],"b":{"x":3,"a":4,"x":5},"A_1":null}"#;
    let filter: Filter = filter.parse().unwrap();
    let v = filtered(json.as_bytes(), &context(), &filter).unwrap();
    let plain = text(&v)
        .split('\n')
        .map(str::trim)
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(plain.replace(": ", ":"), expect.concat());
    assert_eq!(v.found, expect.len());
}

#[test]
fn filters_find_what_jq_finds() {
    for whole in ["", ".", " . "] {
        assert!(whole.parse::<Filter>().unwrap().is_whole());
    }
    check_filter(".a[0].b", &["1"]);
    check_filter(".a[].b", &["1", "2"]);
    check_filter(".a[-1]", &[r#"{"b":2}"#]);
    check_filter(".a[-3]", &[]);
    check_filter(".a[9].b", &[]);
    check_filter(r#".a[0]["c.d"]"#, &["[true]"]);
    check_filter(r#".a[0]."c.d"[0]"#, &["true"]);
    check_filter(r#".["A_1"]"#, &["null"]);
    check_filter(".A_1", &["null"]);
    check_filter(".b.x", &["5"]);
    check_filter(".b[]", &["3", "4", "5"]);
    check_filter(".a.b", &[]);
    check_filter(".b[0]", &[]);
}

#[test]
fn filters_that_make_no_sense_say_where() {
    let at = |text: &str| text.parse::<Filter>().unwrap_err().at;
    assert_eq!(at("a"), 1);
    assert_eq!(at(".a b"), 3);
    assert_eq!(at(".a | keys"), 3);
    assert_eq!(at(".."), 2);
    assert_eq!(at(".a."), 4);
    assert_eq!(at(".0"), 2);
    assert_eq!(at(".é"), 2);
    assert_eq!(at(".a[x]"), 4);
    assert_eq!(at(".a[1"), 5);
    assert_eq!(at(".a[\"b"), 4);
    assert_eq!(at(".a[\"b\"x]"), 7);
    assert!(
        format!(".{}", "a".repeat(MAX_FILTER))
            .parse::<Filter>()
            .is_err()
    );
}

/// Links of filtered values are those that they have in the whole document.
#[test]
fn filtered_values_lead_where_they_did() {
    let json = format!(r#"{{"layers":[{{"digest":"{D}","mediaType":"{OCI_MANIFEST}"}}]}}"#);
    let filter = ".layers[0].digest".parse().unwrap();
    let v = filtered(json.as_bytes(), &context(), &filter).unwrap();
    let link = v.lines[0].tokens[0].link.as_ref().map(Link::href);
    assert_eq!(link, Some(format!("#/image/r.example/a@{D}")));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[ -~\\n\"é]{0,9}".prop_map(Into::into),
        Just(r#"{"a":[1,"x"]}"#.into()),
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
    fn no_filter_panics(text in "[.a-z\"\\\\\\[\\]0-9é-]{0,12}") {
        if let Ok(filter) = text.parse() {
            let _ = filtered(br#"{"a":[[1],{"b":"c"}]}"#, &context(), &filter);
        }
    }

    #[test]
    fn never_panics(text in "[\\[\\]{}\",:\\\\0-9a-z. é-]{0,40}") {
        let _ = view(text.as_bytes(), &context());
    }
}
