//! Tables by strangers, and reading by them.

use serde_json::json;

use super::*;

fn table(entries: serde_json::Value) -> Result<(), ForeignError> {
    let json = json!({"version": 1, "entries": entries}).to_string();
    entries::read(json.as_bytes(), table::Frame::Gzip, 1000, true).map(|_| ())
}

#[track_caller]
fn refuse(entries: serde_json::Value, expect: &str) {
    let error = table(entries).unwrap_err().to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn bad_tables() {
    let reg = json!({"name": "a", "type": "reg", "size": 100, "offset": 10});
    table(json!([reg])).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut entry = reg.clone();
        entry[key] = value;
        json!([entry])
    };
    let chunk = |offset: u64, at: u64, size: u64| json!({"type": "chunk", "name": "a", "offset": offset, "chunkOffset": at, "chunkSize": size});
    let mut first = reg.clone();
    first["chunkSize"] = json!(60);
    table(json!([first, chunk(20, 60, 40)])).unwrap();
    table(json!([first, chunk(20, 60, 0)])).unwrap();
    refuse(
        with("type", json!("regular")),
        "entry 0 of its table of contents has a bad type",
    );
    refuse(with("size", json!(-1)), "cannot be read");
    refuse(with("size", json!(u64::MAX)), "bad size");
    refuse(with("offset", json!(1000)), "bad place");
    refuse(with("endOffset", json!(10)), "bad place");
    refuse(with("chunkSize", json!(101)), "does not follow");
    refuse(with("chunkSize", json!(99)), "not whole");
    refuse(with("chunkOffset", json!(1)), "does not follow");
    refuse(with("chunkType", json!("ones")), "unknown type");
    refuse(with("innerOffset", json!(u64::MAX)), "bad size");
    refuse(with("modtime", json!("yesterday")), "bad time");
    refuse(with("chunkDigest", json!("sha256:12")), "bad digest");
    refuse(with("digest", json!("z".repeat(64))), "bad digest");
    refuse(with("xattrs", json!({"a": "%"})), "bad extended attribute");
    refuse(with("name", json!("a\0b")), "bad name");
    refuse(with("name", json!("a".repeat(70_000))), "bad name");
    refuse(json!([first]), "not whole");
    refuse(json!([first, chunk(20, 60, 41)]), "does not follow");
    refuse(json!([first, chunk(20, 59, 40)]), "does not follow");
    refuse(
        json!([first, chunk(20, 60, 40), chunk(30, 100, 0)]),
        "does not follow",
    );
    refuse(json!([chunk(20, 0, 40)]), "belongs to no file");
    let dir = json!({"name": "d", "type": "dir"});
    refuse(json!([dir, chunk(20, 0, 40)]), "belongs to no file");
    refuse(json!([first, dir, chunk(20, 60, 40)]), "not whole");
    let bad = |json: &str| entries::read(json.as_bytes(), table::Frame::Gzip, 9, true).is_err();
    for json in [
        "",
        "[]",
        "{}",
        r#"{"version":2,"entries":[]}"#,
        r#"{"version":1,"entries":{}}"#,
        r#"{"version":1,"entries":[]}x"#,
        r#"{"version":1,"entries":[{}]}"#,
    ] {
        assert!(bad(json), "{json}");
    }
    assert!(!bad(r#"{"entries":[],"tarSplitDigest":"x","version":1}"#));
}

/// A gzip blob of these members, and its table of one file in pieces of a member each.
fn blob_of(pieces: &[&[u8]], digests: bool) -> (Vec<u8>, LayerIndex) {
    use std::io::Write as _;
    let mut blob = Vec::new();
    let (mut entries, mut at) = (Vec::new(), 0);
    let whole = pieces.concat();
    for piece in pieces {
        let level = flate2::Compression::fast();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        gzip.write_all(piece).unwrap();
        let mut entry = json!({
            "name": "a", "type": if at == 0 { "reg" } else { "chunk" },
            "offset": blob.len(), "chunkOffset": at, "chunkSize": piece.len(),
        });
        if at == 0 {
            entry["size"] = json!(whole.len());
            entry["digest"] = json!(Digest::of(Algorithm::Sha256, &whole).to_string());
        }
        if digests {
            let digest = Digest::of(Algorithm::Sha256, piece);
            entry["chunkDigest"] = json!(digest.to_string());
        }
        entries.push(entry);
        at += piece.len();
        blob.extend(gzip.finish().unwrap());
    }
    let json = json!({"version": 1, "entries": entries}).to_string();
    let end = blob.len() as u64;
    let (toc, table) = entries::read(json.as_bytes(), table::Frame::Gzip, end, true).unwrap();
    let digest = Digest::of(Algorithm::Sha256, &blob);
    let table = std::sync::Arc::new(table);
    let index = LayerIndex::of_publisher(digest, end, Compression::Gzip, toc, table, true);
    (blob, index)
}

#[test]
fn what_only_the_whole_file_has_a_digest_for_is_verified_whole() {
    let (blob, index) = blob_of(&[b"hello ", b"world"], false);
    let whole = (b"hello world".to_vec(), Verified::Toc);
    assert_eq!(read(&index, &blob, 0, 0..u64::MAX, 3), Ok(whole));
    let part = (b"lo wor".to_vec(), Verified::None);
    assert_eq!(read(&index, &blob, 0, 3..9, 3), Ok(part));
    // The same with pieces that have one.
    let (_, checked) = blob_of(&[b"hello ", b"world"], true);
    let part = (b"lo wor".to_vec(), Verified::Toc);
    assert_eq!(read(&checked, &blob, 0, 3..9, 3), Ok(part));
    // Other bytes of the same length.
    let (other, _) = blob_of(&[b"hello ", b"w0rld"], false);
    assert_eq!(other.len(), blob.len());
    let read = read(&index, &other, 0, 0..u64::MAX, 3);
    assert_eq!(read, Err(ReadError::FileMismatch));
    let of = super::read;
    let refused = of(&checked, &other, 0, 0..u64::MAX, 3);
    assert!(
        matches!(refused, Err(ReadError::Chunk { .. })),
        "{refused:?}"
    );
    // Of the first piece alone, all is right.
    assert!(of(&checked, &other, 0, 0..6, 3).is_ok());
}

#[test]
fn a_piece_larger_than_is_checked_whole_is_read_as_far_as_it_is_wanted() {
    let large = vec![7; (17 << 20) + 5];
    let (blob, index) = blob_of(&[&large], true);
    let (head, verified) = read(&index, &blob, 0, 0..100, 500).unwrap();
    assert_eq!((head.len(), verified), (100, Verified::None));
    let plan = index.plan_read(0, 0..100).unwrap();
    let mut reader = index.reader(plan).unwrap();
    let progress = reader.push(&blob[..blob.len() / 2], &mut |_| {}).unwrap();
    assert_eq!(progress, Progress::Done, "long before the piece's end");
    let (whole, verified) = read(&index, &blob, 0, 0..u64::MAX, 500).unwrap();
    assert!(whole == large);
    assert_eq!(verified, Verified::Toc);
}

#[test]
fn a_frame_that_ends_early_is_an_error() {
    let (mut blob, index) = blob_of(&[b"hello ", b"world"], false);
    let plan = index.plan_read(0, 0..u64::MAX).unwrap();
    let mut reader = index.reader(plan.clone()).unwrap();
    reader.push(&blob[..10], &mut |_| {}).unwrap();
    let cut = reader.finish(&mut |_| {});
    assert!(matches!(cut, Err(ReadError::Truncated { .. })), "{cut:?}");
    // The first member gives less than the table says.
    let (short, _) = blob_of(&[b"hell"], false);
    let pad = blob.len() - short.len();
    blob = [short, vec![0; pad]].concat();
    let refused = read(&index, &blob, 0, 0..u64::MAX, 100);
    assert!(
        matches!(refused, Err(ReadError::Chunk { .. })),
        "{refused:?}"
    );
}

#[test]
fn pieces_far_apart_are_read_one_after_the_other() {
    let mut seed = 5u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    })
    .take(200_000)
    .collect();
    // A file whose second piece is behind a large one that is not its own.
    let (blob, index) = blob_of(&[b"first", &noise, b"last"], true);
    let json = |i: u32| index.plan_read(0, u64::from(i)..u64::MAX).unwrap();
    let (first, last) = (json(0), json(200_005));
    assert_eq!(
        first.in_range.end, last.in_range.end,
        "together where they lie together"
    );
    let entries = json!({"version": 1, "entries": [
        {"name": "a", "type": "reg", "size": 9, "offset": 0, "chunkSize": 5},
        {"name": "a", "type": "chunk", "offset": last.in_range.start, "chunkOffset": 5},
        {"name": "b", "type": "reg", "size": 200_000, "offset": json(5).in_range.start},
    ]})
    .to_string();
    let end = blob.len() as u64;
    let (toc, table) = entries::read(entries.as_bytes(), table::Frame::Gzip, end, true).unwrap();
    let digest = index.digest().clone();
    let table = std::sync::Arc::new(table);
    let apart = LayerIndex::of_publisher(digest, end, Compression::Gzip, toc, table, true);
    let (bytes, _) = read(&apart, &blob, 0, 0..u64::MAX, 100).unwrap();
    assert_eq!(bytes, b"first");
    let (bytes, _) = read(&apart, &blob, 0, 5..u64::MAX, 100).unwrap();
    assert_eq!(bytes, b"last");
}
