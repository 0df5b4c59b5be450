//! Tests of the table of contents and its packed form.

use proptest::prelude::*;

use super::*;
use crate::tar::{TarEvent, TarParser};

pub(crate) fn toc_from_tar(archive: &[u8]) -> Toc {
    let mut toc = Toc::new();
    let mut parser = TarParser::new(Limits::default());
    let mut sink = |event: TarEvent<'_>| {
        if let TarEvent::Entry(entry) = event {
            assert!(toc.push(&entry));
        }
    };
    parser.push(archive, &mut sink).unwrap();
    toc
}

fn entry(path: &[u8], kind: EntryKind, link: &[u8]) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        size: 0,
        mode: 0o644,
        uid: 0,
        gid: 0,
        uname: b"root".to_vec(),
        gname: b"".to_vec(),
        mtime_s: 0,
        mtime_ns: 0,
        linkname: link.to_vec(),
        device: None,
        pax: Vec::new(),
        header_out_offset: Some(0),
        data_out_offset: Some(512),
        stored_len: 0,
        sparse: None,
    }
}

prop_compose! {
    fn any_entry()(
        path in prop::collection::vec(prop::sample::select(b"ab/.\xff".to_vec()), 0..12),
        flag in prop::sample::select(b"0123456VZ\x01".to_vec()),
        sizes in (0u64..1 << 40, any::<u32>(), any::<i64>(), 0u32..1_000_000_000),
        ids in (any::<u64>(), 0u64..3, "[a-c]{0,2}", "[a-c]{0,2}"),
        link in prop::collection::vec(any::<u8>(), 0..8),
        gaps in (0u64..3, 1u64..4),
        device in any::<(u32, u32)>(),
        pax in prop::collection::vec(("[a-c]{1,3}", "[a-c]{0,9}"), 0..3),
        runs in prop::option::of(prop::collection::vec((0u64..1000, 1u64..1000), 0..5)),
        stored_by_slash in prop::option::of(1u64..9000),
    ) -> (u64, Entry) {
        let kind = match flag {
            b'0' => EntryKind::File,
            b'1' => EntryKind::Hardlink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::Char,
            b'4' => EntryKind::Block,
            b'5' => EntryKind::Dir,
            b'6' => EntryKind::Fifo,
            other => EntryKind::Other(other),
        };
        let is_link = matches!(kind, EntryKind::Symlink | EntryKind::Hardlink);
        let mut size = if kind.has_data() { sizes.0 } else { 0 };
        let mut stored_len = size;
        let sparse = runs.filter(|_| kind == EntryKind::File).map(|runs| {
            let mut end = 0;
            let mut place = |(gap, len): &(u64, u64)| {
                let start = end + gap;
                end = start + len;
                SparseRun { start, len: *len }
            };
            let runs: Vec<SparseRun> = runs.iter().map(&mut place).collect();
            size = end + sizes.0 % 100;
            stored_len = runs.iter().map(|r| r.len).sum();
            runs
        });
        if kind == EntryKind::Dir && let Some(stated) = stored_by_slash {
            stored_len = stated;
        }
        (gaps.0, Entry {
            path,
            kind,
            size,
            mode: sizes.1,
            uid: ids.0,
            gid: ids.1,
            uname: ids.2.into_bytes(),
            gname: ids.3.into_bytes(),
            mtime_s: sizes.2,
            mtime_ns: sizes.3,
            linkname: if is_link { link } else { Vec::new() },
            device: matches!(kind, EntryKind::Char | EntryKind::Block).then_some(device),
            pax: pax.into_iter().map(|(k, v)| (k.into_bytes(), v.into_bytes())).collect(),
            header_out_offset: Some(0),
            data_out_offset: Some(gaps.1 * 512),
            stored_len,
            sparse,
        })
    }
}

/// Puts entries one after the other, with gaps of whole blocks.
fn placed(entries: Vec<(u64, Entry)>) -> Vec<Entry> {
    let mut end = 0;
    let place = |(gap, mut entry): (u64, Entry)| {
        let header = end + gap * 512;
        let data = header + entry.data_out_offset.unwrap();
        entry.header_out_offset = Some(header);
        entry.data_out_offset = Some(data);
        end = (data + entry.stored_len).div_ceil(512) * 512;
        entry
    };
    entries.into_iter().map(place).collect()
}

fn toc_of(entries: &[Entry]) -> Toc {
    let mut toc = Toc::new();
    for entry in entries {
        assert!(toc.push(entry));
    }
    toc
}

fn entries_of(toc: &Toc) -> Vec<Entry> {
    (0..toc.len()).map(|i| toc.get(i).unwrap()).collect()
}

proptest! {
    #[test]
    fn entries_come_back(entries in prop::collection::vec(any_entry(), 0..40)) {
        let entries = placed(entries);
        let toc = toc_of(&entries);
        prop_assert_eq!(&entries_of(&toc), &entries);
        let packed = toc.pack();
        let again = Toc::unpack(&packed, toc.end_out_offset(), false).unwrap();
        prop_assert_eq!(&entries_of(&again), &entries);
        prop_assert_eq!(&again.pack(), &packed);
        // Data beyond the archive's end is only believed of a damaged one.
        if let Some(last) = entries.last().filter(|e| e.stored_len > 0) {
            let short = last.data_out_offset.unwrap() + last.stored_len - 1;
            prop_assert!(Toc::unpack(&packed, short, false).is_err());
            prop_assert!(Toc::unpack(&packed, short, true).is_ok());
        }
    }

    #[test]
    fn garbage_is_refused_without_panic(
        entries in prop::collection::vec(any_entry(), 1..10),
        at in any::<prop::sample::Index>(),
        with in 1u8..,
    ) {
        let toc = toc_of(&placed(entries));
        let mut raw = toc.columns();
        let at = at.index(raw.len());
        raw[at] ^= with;
        // A changed value may be as good as the old one; if it is taken, it holds together.
        if let Ok(read) = Toc::from_columns(&raw, u64::MAX, true) {
            let again = Toc::from_columns(&read.columns(), u64::MAX, true).unwrap();
            prop_assert_eq!(entries_of(&again), entries_of(&read));
        }
    }
}

#[test]
fn what_does_not_inflate_is_refused() {
    let toc = toc_of(&[entry(b"a", EntryKind::File, b"")]);
    let packed = toc.pack();
    for len in 0..packed.len() {
        assert!(Toc::unpack(&packed[..len], 4096, false).is_err(), "{len}");
    }
    // Says more than it has, or more than anything may have.
    let mut bomb = Vec::new();
    varint::put(&mut bomb, 700 << 20);
    bomb.extend_from_slice(&packed[1..]);
    assert_eq!(
        Toc::unpack(&bomb, 4096, false).unwrap_err(),
        PackError::Deflate
    );
    assert_eq!(
        Toc::unpack(&[0xff; 9], 4096, false).unwrap_err(),
        PackError::Deflate
    );
}

#[test]
fn hard_links_find_their_files() {
    let file = |path: &[u8]| entry(path, EntryKind::File, b"");
    let link = |path: &[u8], to: &[u8]| entry(path, EntryKind::Hardlink, to);
    let toc = toc_of(&[
        file(b"./d/a"),         // 0
        link(b"./d/b", b"d/a"), // 1
        file(b"d//a"),          // 2
        link(b"c", b"/d/./a"),  // 3
        link(b"e", b"./c"),     // 4
        link(b"x", b"y"),       // 5
        link(b"y", b"x"),       // 6
        link(b"z", b"nowhere"), // 7
        link(b"f", b"late"),    // 8
        file(b"late"),          // 9
        link(b"self", b"self"), // 10
    ]);
    let found: Vec<Option<u32>> = (0..12).map(|i| toc.hardlink_target(i)).collect();
    let expect = [
        Some(0),
        Some(0),
        Some(2),
        Some(2),
        Some(2),
        None,
        None,
        None,
        Some(9),
        Some(9),
        None,
        None,
    ];
    assert_eq!(found, expect);
}

/// The goal for a stored table of contents, on a real tree with long names.
#[test]
fn a_packed_entry_is_small() {
    let made = std::process::Command::new("tar")
        .args(["--format=gnu", "--exclude=*.gz", "-cf-", "-C", "/usr/share"])
        .args(["doc", "zoneinfo", "perl"])
        .output();
    let Ok(made) = made else {
        eprintln!("skipped: there is no tar here");
        return;
    };
    let toc = toc_from_tar(&made.stdout);
    if toc.len() < 1000 {
        eprintln!("skipped: /usr/share has only {} entries", toc.len());
        return;
    }
    let each = toc.pack().len() as f64 / f64::from(toc.len());
    let memory = toc.memory() as f64 / f64::from(toc.len());
    eprintln!(
        "{} entries, {each:.1} bytes each stored, {memory:.1} in memory",
        toc.len()
    );
    assert!(each <= 40.0, "{each}");
}

#[test]
fn a_place_may_be_unknown() {
    let mut toc = Toc::new();
    for (header, data) in [(None, None), (None, Some(512)), (Some(0), Some(1024))] {
        let mut entry = entry(b"a", EntryKind::File, b"");
        (entry.size, entry.stored_len) = (9, 9);
        (entry.header_out_offset, entry.data_out_offset) = (header, data);
        let ordinal = toc.len();
        assert!(toc.push(&entry));
        assert_eq!(toc.get(ordinal).unwrap(), entry);
        assert_eq!(toc.data_out_offset(ordinal), data);
        // It cannot be packed, and says so when it is read again.
        assert!(Toc::unpack(&toc.pack(), 1 << 20, false).is_err());
    }
    let mut entry = entry(b"a", EntryKind::File, b"");
    (entry.header_out_offset, entry.data_out_offset) = (Some(0), None);
    assert!(!toc.push(&entry));
}
