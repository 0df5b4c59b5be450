//! JSON of any kind: opened, closed, searched, and what is in its texts.

use base64::Engine;
use layerscope_core::view::draw::{Act, Attr, Op, Patch, REDRAW, Tag};
use layerscope_viewers::{Doc, Step};

use crate::{HEAD, open, read};

fn opened(text: &str) -> Doc {
    let (doc, step, _) = open("x.json", text.as_bytes(), HEAD);
    assert_eq!(step, Step::Found("JSON".into()));
    doc
}

/// The lines that are drawn, and the acts of their buttons.
fn drawn(patches: &[Patch]) -> Vec<(String, Option<Act>)> {
    let mut out: Vec<(String, Option<Act>)> = Vec::new();
    let mut depth = Vec::new();
    for op in patches.iter().flat_map(|p| &p.ops) {
        match op {
            Op::Open(tag) => depth.push(*tag),
            Op::Close => {
                depth.pop();
            }
            Op::Attr(Attr::Class, class) if class.starts_with("json-line") => {
                out.push((String::new(), None));
            }
            Op::Attr(Attr::Act, act) if depth.last() == Some(&Tag::Button) => {
                if let Some(line) = out.last_mut() {
                    line.1 = act.parse().ok();
                }
            }
            Op::Text(text) => {
                if let Some((line, _)) = out.last_mut() {
                    line.push_str(text);
                }
            }
            Op::Attr(..) => {}
        }
    }
    out
}

#[track_caller]
fn lines(patches: &[Patch]) -> Vec<String> {
    let all = drawn(patches).into_iter();
    all.map(|(line, _)| line.trim_end().to_owned()).collect()
}

#[track_caller]
fn act(patches: &[Patch], line: &str) -> Act {
    let all = drawn(patches);
    let found = all.iter().find(|(l, _)| l.trim_start().starts_with(line));
    found
        .and_then(|(_, act)| *act)
        .unwrap_or_else(|| panic!("no {line} in {all:?}"))
}

#[test]
fn members_are_opened_and_closed_in_their_own_order() {
    let mut doc =
        opened(r#"{"z": 1, "a": {"list": [true, null, {}], "url": "https://a.example/"}}"#);
    let whole = doc.act(REDRAW, "");
    let expect = [
        "    z: 1",
        "    a:  2 members",
        "      list:  3 items",
        "        0: true",
        "        1: null",
        "        2: {}",
        "      url: \"https://a.example/\"",
    ];
    assert_eq!(lines(&whole), expect);
    let list = act(&whole, "list");
    assert_eq!(lines(&doc.act(list, "")), ["      list:  3 items"]);
    let again = lines(&doc.act(list, ""));
    assert_eq!(again, expect[2..6]);
    // What is closed stays closed when all is drawn anew.
    doc.act(list, "");
    let whole = doc.act(REDRAW, "");
    assert_eq!(lines(&whole).len(), 4);
}

#[test]
fn what_is_in_a_text_is_opened_in_place() {
    let inner = r#"{"deep": {"er": 1}}"#;
    let packed = base64::engine::general_purpose::STANDARD.encode(inner);
    let words = base64::engine::general_purpose::STANDARD.encode("some words of no structure");
    let text = serde_json::json!({
        "json": inner,
        "base64": packed,
        "words": words,
        "digest": "ab".repeat(32),
        "short": "abcd",
    });
    let mut doc = opened(&text.to_string());
    let whole = doc.act(REDRAW, "");
    let told = lines(&whole);
    assert!(told[0].ends_with("JSON inside"), "{told:?}");
    assert!(told[1].ends_with("base64 inside"), "{told:?}");
    assert!(told[2].ends_with("base64 inside"), "{told:?}");
    assert!(told[3].ends_with('"') && told[4].ends_with('"'), "{told:?}");
    let json = doc.act(act(&whole, "json"), "");
    assert_eq!(
        lines(&json)[1..],
        ["      deep:  1 member", "        er: 1"]
    );
    let packed = doc.act(act(&whole, "base64"), "");
    assert_eq!(
        lines(&packed)[1..],
        ["      deep:  1 member", "        er: 1"]
    );
    let closed = doc.act(act(&packed, "deep"), "");
    assert_eq!(lines(&closed), ["      deep:  1 member"]);
    let words = doc.act(act(&whole, "words"), "");
    assert_eq!(lines(&words)[1..], ["      \"some words of no structure\""]);
}

#[test]
fn a_search_finds_paths_as_jq_writes_them() {
    let mut doc = opened(r#"{"a b": [{"x": "Needle"}], "needle": 1, "other": "hay"}"#);
    let whole = doc.act(REDRAW, "");
    let search = whole[0].ops.iter().find_map(|op| match op {
        Op::Attr(Attr::Act, act) => act.parse().ok(),
        _ => None,
    });
    let found = doc.act(search.unwrap(), "NEEDLE");
    assert_eq!(
        lines(&found),
        [" .[\"a b\"][0].x = \"Needle\"", " .needle = 1"]
    );
    assert!(lines(&doc.act(search.unwrap(), "nothing")).is_empty());
    assert_eq!(lines(&doc.act(search.unwrap(), "")), lines(&whole));
}

#[test]
fn a_large_document_is_opened_by_and_by() {
    let text = format!("[{}]", vec![r#"{"a": {"b": [1, 2]}}"#; 5_000].join(","));
    let mut doc = opened(&text);
    let whole = doc.act(REDRAW, "");
    assert!(whole[0].ops.len() < 21_000, "{}", whole[0].ops.len());
    assert!(lines(&whole).last().unwrap().contains("… 4500 more"));
}

#[test]
fn a_known_kind_has_its_json_below() {
    let bytes = read("spdx.json");
    let (mut doc, _, _) = open("spdx.json", &bytes, HEAD);
    let all = lines(&doc.act(REDRAW, ""));
    assert!(all.iter().any(|l| l.contains("spdxVersion")), "{all:?}");
}

#[test]
fn where_others_show_json_it_has_no_view() {
    let mut doc = Doc::new(Vec::new(), 2, 0).of_known_kind();
    doc.add(0, b"{}".to_vec());
    assert_eq!(doc.step(), Step::Nothing);
}

/// As deep as the parser allows.
#[test]
fn deep_nesting_is_drawn() {
    let text = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let mut doc = opened(&text);
    assert_eq!(lines(&doc.act(REDRAW, "")).len(), 120);
}
