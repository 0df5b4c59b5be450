//! Each viewer on real files, made by the field's own tools: `tests/data/viewers/make.sh` says how.

#![allow(clippy::unwrap_used)] // a test's panic is its message

mod attestations;
mod certificates;
mod json;
mod models;
mod packages;
mod programs;
mod signatures;

use std::fs;
use std::path::Path;

use layerscope_core::view::draw::{Attr, Op, REDRAW};
use layerscope_viewers::model::{Block, Cell, Section};
use layerscope_viewers::{Doc, Step};

/// 2026-12-23: weeks after the inputs were made.
const NOW: i64 = 1_798_000_000;
/// What the page reads at first.
const HEAD: usize = 256 * 1024;

fn read(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/viewers")
        .join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file, given piece by piece as it asks, and what it says in the end.
fn open(name: &str, bytes: &[u8], head: usize) -> (Doc, Step, usize) {
    let mut doc = Doc::new(name.as_bytes().to_vec(), bytes.len() as u64, NOW);
    doc.add(0, bytes[..head.min(bytes.len())].to_vec());
    let mut rounds = 0;
    loop {
        match doc.step() {
            Step::Need(start, len) => {
                rounds += 1;
                assert!(len > 0 && rounds < 100, "{name}: {start} {len}");
                let end = usize::try_from(start + len).unwrap();
                doc.add(start, bytes[start as usize..end].to_vec());
            }
            step => return (doc, step, rounds),
        }
    }
}

/// What is to be seen, a line for each fact and row: `section: name: value`.
fn lines(doc: &Doc) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(drawing) = doc.drawing() {
        sections(&drawing.view().sections, "", &mut out);
    }
    out
}

fn cell(cell: &Cell) -> String {
    match &cell.href {
        Some(href) => format!("{} <{href}>", cell.text),
        None => cell.text.clone(),
    }
}

fn sections(all: &[Section], before: &str, out: &mut Vec<String>) {
    for section in all {
        let title = format!("{before}{}", section.title);
        blocks(&section.blocks, &title, out);
    }
}

fn blocks(all: &[Block], title: &str, out: &mut Vec<String>) {
    for block in all {
        match block {
            Block::Facts(facts) => {
                out.extend(
                    facts
                        .iter()
                        .map(|(name, value)| format!("{title}: {name}: {}", cell(value))),
                );
            }
            Block::Table(table) => out.extend(table.rows.iter().map(|row| {
                let row: Vec<String> = row.iter().map(cell).collect();
                format!("{title}: {}", row.join(" | "))
            })),
            Block::Text(text)
            | Block::Warning(text)
            | Block::Good(text)
            | Block::Bad(text)
            | Block::Code(text) => {
                out.push(format!("{title}: {text}"));
            }
            Block::Reveal(reveal) => {
                out.push(format!("{title}: [{}]", reveal.label));
                blocks(&reveal.blocks, &format!("{title}: [{}]", reveal.label), out);
            }
            Block::Tree(_) => {} // drawn as it is opened
            Block::Check(check) => out.push(format!("{title}: {}", check.label)),
            Block::Sections(inner) => sections(inner, &format!("{title} > "), out),
        }
    }
}

/// The file is what is expected, and each of these texts begins a line, with its `…` for anything
/// between.
#[track_caller]
fn check(file: &str, kind: &str, expected: &[&str]) {
    let bytes = read(file);
    let (mut doc, step, _) = open(file, &bytes, HEAD);
    assert_eq!(step, Step::Found(kind.into()), "{file}");
    let all = lines(&doc);
    for expect in expected {
        let mut parts = expect.split('…');
        let first = parts.next().unwrap();
        let rest: Vec<&str> = parts.collect();
        let found = all.iter().any(|line| {
            line.strip_prefix(first)
                .is_some_and(|after| rest.iter().all(|part| after.contains(part)))
        });
        assert!(found, "{file}: no {expect:?} in\n{}", all.join("\n"));
    }
    // In pieces as small as there can be it is the same.
    let (other, step, _) = open(file, &bytes, 64 * 1024);
    assert_eq!(step, Step::Found(kind.into()));
    assert_eq!(lines(&other), all, "{file} read in pieces");
    assert_drawable(&mut doc);
}

/// Everything that is drawn is well formed, and every address in it may be followed.
fn assert_drawable(doc: &mut Doc) {
    let patches = doc.act(REDRAW, "");
    assert_eq!(patches.len(), 1);
    let mut depth = 0_i32;
    for op in &patches[0].ops {
        match op {
            Op::Open(_) => depth += 1,
            Op::Close => depth -= 1,
            Op::Attr(Attr::Href, href) => {
                assert!(layerscope_core::view::draw::is_safe_href(href), "{href}");
            }
            Op::Attr(..) | Op::Text(_) => assert!(depth > 0),
        }
        assert!(depth >= 0);
    }
    assert_eq!(depth, 0);
}

#[test]
fn what_has_no_view_says_so() {
    for (name, bytes) in [
        ("a.txt", &b"some text\n"[..]),
        ("x.json", b"{not json"),
        ("x.json", b"12"),
        ("Main.class", b"\xca\xfe\xba\xbe\0\0\0\x41\0\x10"),
        ("dos.exe", b"MZ and nothing of Windows"),
        ("x.der", b"\x30\x03\x30\x01\x02"),
        ("x", b""),
    ] {
        let (_, step, _) = open(name, bytes, HEAD);
        assert_eq!(step, Step::Nothing, "{name}");
    }
}

#[test]
fn what_is_damaged_says_so() {
    let bytes = read("hello-c");
    let (_, step, _) = open("cut", &bytes[..40], HEAD);
    let Step::Failed(problem) = step else {
        panic!("{step:?}");
    };
    assert_eq!(problem.code, "VIEW_FAILED");
    assert!(problem.cause.contains("begins like a program"), "{problem}");
}
