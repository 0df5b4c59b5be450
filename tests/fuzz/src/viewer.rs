//! What the viewers make of anything.

use layerscope_core::view::draw::{Attr, MAX_OPS, Op, Patch, REDRAW, is_safe_href};
use layerscope_viewers::{Doc, Step, formats::Format, source::Source};

/// Names under which an input is looked at.
const NAMES: [&str; 4] = ["a", "a.pem", "a.json", "a.db"];

/// Any bytes as any format that has a view: read whole and piece by piece they come to an end, and
/// what is drawn is well formed and bounded, whatever the user does.
pub fn viewer(data: &[u8]) {
    let (first, bytes) = data.split_first().unwrap_or((&0, &[]));
    for format in Format::ALL {
        let source = Source::whole(bytes);
        // Either is fine.
        let _ = format.view(&source, 0);
        assert_eq!(source.take_missing(), None, "all of it is here");
    }
    let name = NAMES[usize::from(first & 3)].as_bytes().to_vec();
    let mut doc = Doc::new(name, bytes.len() as u64, 0);
    doc.add(
        0,
        bytes[..bytes.len().min(usize::from(*first) * 16)].to_vec(),
    );
    for _ in 0..100 {
        let Step::Need(start, len) = doc.step() else {
            break;
        };
        assert!(len > 0);
        let (start_at, end) = (start as usize, (start + len) as usize);
        doc.add(start, bytes[start_at..end].to_vec());
    }
    assert!(!matches!(doc.step(), Step::Need(..)), "it asks without end");
    // What a field may be given: the input itself, as the keys and certificates that it may be.
    let given = String::from_utf8_lossy(bytes).replace('\n', "");
    let table = [1, 2, 3, 4, 17].map(|what| (1 << 8) | what);
    let next = [3, 4].map(|what| (2 << 8) | what);
    for act in [&[REDRAW], &table[..], &next, &[REDRAW]].concat() {
        for patch in doc.act(act, &given) {
            drawn(&patch);
        }
    }
}

fn drawn(patch: &Patch) {
    let mut depth = 0_i64;
    for op in &patch.ops {
        match op {
            Op::Open(_) => depth += 1,
            Op::Close => depth -= 1,
            Op::Attr(Attr::Href, href) => assert!(is_safe_href(href), "{href}"),
            Op::Attr(..) | Op::Text(_) => {}
        }
        assert!(depth >= 0);
    }
    assert_eq!(depth, 0);
    assert!(
        patch.ops.len() <= MAX_OPS + MAX_OPS / 10,
        "{}",
        patch.ops.len()
    );
}
