//! Cases made by hand, every chunk size, and garbage.

use proptest::prelude::*;

use super::*;
use crate::toc::Entry;

/// All that a parser tells of an archive that comes in chunks of these sizes, over and over.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) entries: Vec<Entry>,
    pub(super) data: Vec<Vec<u8>>,
    pub(super) ended: bool,
}

pub(super) fn read(
    archive: &[u8],
    chunks: &[usize],
    limits: Limits,
) -> (Seen, Result<Notes, TarError>) {
    let mut seen = Seen::default();
    let mut parser = TarParser::new(limits);
    let mut rest = archive;
    let mut sizes = chunks.iter().cycle();
    let mut pushed = Ok(());
    while !rest.is_empty() && pushed.is_ok() {
        let n = sizes.next().copied().unwrap_or(512).clamp(1, rest.len());
        let (now, later) = rest.split_at(n);
        pushed = parser.push(now, &mut |event| match event {
            TarEvent::Entry(entry) => {
                seen.entries.push(*entry);
                seen.data.push(Vec::new());
            }
            TarEvent::Data(bytes) => seen.data.last_mut().unwrap().extend_from_slice(bytes),
            TarEvent::EndOfArchive => seen.ended = true,
        });
        rest = later;
    }
    let result = pushed.and_then(|()| parser.finish());
    assert_eq!(parser.finish(), result, "the verdict does not change");
    (seen, result)
}

pub(super) fn read_all(archive: &[u8]) -> (Seen, Result<Notes, TarError>) {
    read(archive, &[usize::MAX], Limits::default())
}

/// A header block with a right checksum.
pub(super) fn header(name: &[u8], typeflag: u8, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000001\0");
    block[116..124].copy_from_slice(b"0000002\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000017\0");
    block[156] = typeflag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sealed(block)
}

pub(super) fn sealed(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn gnu(mut block: [u8; 512]) -> [u8; 512] {
    block[257..265].copy_from_slice(b"ustar  \0");
    sealed(block)
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().div_ceil(512) * 512, 0);
    data
}

fn member(name: &[u8], typeflag: u8, data: &[u8]) -> Vec<u8> {
    [
        header(name, typeflag, data.len() as u64).to_vec(),
        padded(data),
    ]
    .concat()
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let body = format!(" {key}={value}\n");
    let mut len = body.len();
    while len != body.len() + len.to_string().len() {
        len = body.len() + len.to_string().len();
    }
    format!("{len}{body}").into_bytes()
}

fn pax(typeflag: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let data: Vec<u8> = records.iter().flat_map(|(k, v)| record(k, v)).collect();
    member(b"PaxHeaders/x", typeflag, &data)
}

fn trailer() -> Vec<u8> {
    vec![0; 1024]
}

/// One entry's fields that matter, as text.
#[track_caller]
fn check(parts: &[Vec<u8>], expect: &[&str]) {
    let (seen, result) = read_all(&parts.concat());
    result.unwrap();
    let lines: Vec<String> = seen.entries.iter().zip(&seen.data).map(line).collect();
    assert_eq!(lines, expect);
}

fn line((entry, data): (&Entry, &Vec<u8>)) -> String {
    let mut line = format!(
        "{} {:?} {}",
        entry.path.escape_ascii(),
        entry.kind,
        entry.size
    );
    if !entry.linkname.is_empty() {
        line += &format!(" -> {}", entry.linkname.escape_ascii());
    }
    if let Some((major, minor)) = entry.device {
        line += &format!(" {major},{minor}");
    }
    for (key, value) in &entry.pax {
        line += &format!(" {}={}", key.escape_ascii(), value.escape_ascii());
    }
    if let Some(runs) = &entry.sparse {
        line += " runs";
        for run in runs {
            line += &format!(" {}+{}", run.start, run.len);
        }
    }
    if !data.is_empty() && data.len() < 20 {
        line += &format!(" '{}'", data.escape_ascii());
    }
    line
}

#[track_caller]
fn check_problem(parts: &[Vec<u8>], entries: usize, problem: TarProblem, out_offset: u64) {
    let (seen, result) = read_all(&parts.concat());
    assert_eq!(
        result,
        Err(TarError {
            problem,
            out_offset
        })
    );
    assert_eq!(seen.entries.len(), entries);
}

#[test]
fn every_kind_of_entry() {
    check(&[], &[]);
    check(&[trailer()], &[]);
    check(&[member(b"a", b'0', b"hello")], &["a File 5 'hello'"]);
    check(&[member(b"a", 0, b"hello")], &["a File 5 'hello'"]);
    check(&[member(b"a", b'7', b"hello")], &["a File 5 'hello'"]);
    check(&[member(b"d/", b'5', b"")], &["d/ Dir 0"]);
    check(&[member(b"d/", 0, b"")], &["d/ Dir 0"]);
    check(&[member(b"f", b'6', b"")], &["f Fifo 0"]);
    check(&[member(b"v", b'V', b"x")], &["v Other(86) 1 'x'"]);
    check(&[member(b"\xff\n", b'0', b"")], &["\\xff\\n File 0"]);
    let mut link = header(b"l", b'2', 0);
    link[157..160].copy_from_slice(b"../");
    check(&[sealed(link).to_vec()], &["l Symlink 0 -> ../"]);
    link[156] = b'1';
    check(&[sealed(link).to_vec()], &["l Hardlink 0 -> ../"]);
    let mut device = header(b"c", b'3', 0);
    device[329..337].copy_from_slice(b"0000011\0");
    device[337..345].copy_from_slice(b"0000003\0");
    check(&[sealed(device).to_vec()], &["c Char 0 9,3"]);
    device[156] = b'4';
    check(&[sealed(device).to_vec()], &["c Block 0 9,3"]);
}

#[test]
fn sizes_of_kinds_without_data_are_ignored() {
    for flag in *b"123456" {
        let parts = [header(b"x", flag, 700).to_vec(), member(b"a", b'0', b"1")];
        let (seen, result) = read_all(&parts.concat());
        assert!(result.is_ok());
        assert_eq!(seen.entries.len(), 2);
        assert_eq!((seen.entries[0].size, seen.entries[0].stored_len), (0, 0));
    }
    // A directory by its slash alone has its data skipped.
    check(
        &[member(b"d/", 0, b"xyz"), member(b"a", b'0', b"")],
        &["d/ Dir 0 'xyz'", "a File 0"],
    );
}

#[test]
fn prefixes_by_format() {
    let mut block = header(b"name", b'0', 0);
    block[345..348].copy_from_slice(b"pre");
    check(&[sealed(block).to_vec()], &["pre/name File 0"]);
    // GNU's times are there, unless they are no times.
    check(&[gnu(block).to_vec()], &["pre/name File 0"]);
    block[345..357].copy_from_slice(b"00000000017\0");
    check(&[gnu(block).to_vec()], &["name File 0"]);
    let mut v7 = block;
    v7[257..265].fill(0);
    check(&[sealed(v7).to_vec()], &["name File 0"]);
    let mut star = header(b"name", b'0', 0);
    star[345..476].fill(b'p');
    star[476..488].copy_from_slice(b"00000000017 ");
    star[508..512].copy_from_slice(b"tar\0");
    check(
        &[sealed(star).to_vec()],
        &[&format!("{}/name File 0", "p".repeat(131))],
    );
}

#[test]
fn signed_checksums_are_accepted_and_wrong_ones_not() {
    let mut block = header(b"\xff\xfe", b'0', 0);
    let sum: i32 = block.iter().enumerate().fold(0, |sum, (i, b)| {
        sum + if (148..156).contains(&i) {
            32
        } else {
            i32::from(*b as i8)
        }
    });
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    check(&[block.to_vec()], &["\\xff\\xfe File 0"]);
    block[0] = 1;
    check_problem(&[block.to_vec()], 0, TarProblem::NotTar, 0);
    let first = member(b"a", b'0', b"hello");
    check_problem(&[first, block.to_vec()], 1, TarProblem::Checksum, 1024);
}

#[test]
fn pax_records_override_and_stay() {
    let entry = || member(b"a", b'0', b"hello");
    check(
        &[pax(b'x', &[("path", "b"), ("k", "v")]), entry()],
        &["b File 5 k=v 'hello'"],
    );
    check(
        &[pax(b'X', &[("path", "b")]), entry(), entry()],
        &["b File 5 'hello'", "a File 5 'hello'"],
    );
    check(
        &[
            pax(b'g', &[("comment", "c")]),
            entry(),
            pax(b'x', &[("comment", "d")]),
            entry(),
            entry(),
        ],
        &[
            "a File 5 comment=c 'hello'",
            "a File 5 comment=d 'hello'",
            "a File 5 comment=c 'hello'",
        ],
    );
    check(
        &[
            pax(b'g', &[("comment", "c")]),
            pax(b'x', &[("comment", "")]),
            entry(),
            pax(b'g', &[("comment", "")]),
            entry(),
        ],
        &["a File 5 'hello'", "a File 5 'hello'"],
    );
    check(
        &[
            pax(b'x', &[("path", "b")]),
            pax(b'x', &[("k", "v")]),
            entry(),
        ],
        &["a File 5 k=v 'hello'"],
    );
    // Larger than an octal field can say.
    let (seen, result) = read_all(&[pax(b'x', &[("size", "68719476736")]), entry()].concat());
    assert_eq!(seen.entries[0].size, 1 << 36);
    assert!(
        matches!(result, Err(e) if e.problem == TarProblem::Truncated { inside: "a file's data" })
    );
    let all = [
        ("uid", "3000000"),
        ("gid", "3000001"),
        ("uname", "ü"),
        ("gname", "g"),
        ("mtime", "-1.5"),
    ];
    let (seen, _) = read_all(&[pax(b'x', &all), entry()].concat());
    let e = &seen.entries[0];
    assert_eq!(
        (e.uid, e.gid, e.mtime_s, e.mtime_ns),
        (3_000_000, 3_000_001, -2, 500_000_000)
    );
    assert_eq!(
        (&*e.uname, &*e.gname, e.header_out_offset),
        ("ü".as_bytes(), &b"g"[..], Some(0))
    );
    assert_eq!(e.data_out_offset, Some(1536));
}

#[test]
fn gnu_long_names_win() {
    let long = "n".repeat(300);
    let parts = [
        member(b"././@LongLink", b'L', format!("{long}\0").as_bytes()),
        member(b"././@LongLink", b'K', b"target\0"),
        pax(b'x', &[("path", "other"), ("linkpath", "x")]),
        member(b"short", b'2', b""),
    ];
    check(&parts, &[&format!("{long} Symlink 0 -> target")]);
}

#[test]
fn numbers_that_are_refused() {
    let bad = |range: std::ops::Range<usize>, with: &[u8]| {
        let mut block = header(b"a", b'0', 0);
        block[range].copy_from_slice(with);
        vec![sealed(block).to_vec()]
    };
    check_problem(&bad(124..136, &[0xff; 12]), 0, TarProblem::NegativeSize, 0);
    check_problem(
        &bad(124..136, b"zzzzzzzzzzzz"),
        0,
        TarProblem::Number { field: "size" },
        0,
    );
    let huge = [0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255];
    check_problem(
        &bad(124..136, &huge),
        0,
        TarProblem::Number { field: "size" },
        0,
    );
    check_problem(
        &bad(100..108, b"9999999\0"),
        0,
        TarProblem::Number { field: "mode" },
        0,
    );
    check_problem(
        &bad(108..116, &[0xff; 8]),
        0,
        TarProblem::Number { field: "uid" },
        0,
    );
    let pax_size = |size| vec![pax(b'x', &[("size", size)]), header(b"a", b'0', 0).to_vec()];
    check_problem(
        &pax_size("-1"),
        0,
        TarProblem::Number { field: "size" },
        1024,
    );
    check_problem(
        &pax_size("9223372036854775807"),
        0,
        TarProblem::Number { field: "size" },
        1024,
    );
}

#[test]
fn ends_of_archives() {
    let a = member(b"a", b'0', b"hello");
    let notes = |parts: &[Vec<u8>]| read_all(&parts.concat()).1;
    let note = |trailer, after_trailer_out_offset| {
        Ok(Notes {
            trailer,
            after_trailer_out_offset,
        })
    };
    assert_eq!(notes(std::slice::from_ref(&a)), note(false, None));
    assert_eq!(notes(&[a.clone(), vec![0; 512]]), note(false, None));
    assert_eq!(notes(&[a.clone(), vec![0; 700]]), note(false, None));
    assert_eq!(notes(&[a.clone(), trailer()]), note(true, None));
    assert_eq!(notes(&[a.clone(), vec![0; 10240]]), note(true, None));
    assert_eq!(
        notes(&[a.clone(), trailer(), a.clone()]),
        note(true, Some(2048))
    );
    assert_eq!(
        notes(&[a.clone(), vec![0; 1700], b"x".to_vec()]),
        note(true, Some(2560))
    );
    // Missing padding at the very end.
    assert_eq!(notes(&[a[..517].to_vec()]), note(false, None));
    check_problem(
        &[a[..516].to_vec()],
        1,
        TarProblem::Truncated {
            inside: "a file's data",
        },
        516,
    );
    check_problem(&[a[..100].to_vec()], 0, TarProblem::NotTar, 0);
    check_problem(
        &[a.clone(), a[..100].to_vec()],
        1,
        TarProblem::Truncated { inside: "a header" },
        1124,
    );
    check_problem(
        &[a.clone(), vec![0; 512], a.clone()],
        1,
        TarProblem::LoneZeroBlock,
        1536,
    );
    let x = pax(b'x', &[("k", "v")]);
    check_problem(
        std::slice::from_ref(&x),
        0,
        TarProblem::Truncated {
            inside: "an entry's headers",
        },
        1024,
    );
    check_problem(
        &[x[..520].to_vec()],
        0,
        TarProblem::Truncated {
            inside: "an extended header",
        },
        520,
    );
    check_problem(
        &[x, trailer()],
        0,
        TarProblem::Truncated {
            inside: "an entry's headers",
        },
        1024,
    );
    // A global header belongs to no entry.
    assert_eq!(
        notes(&[pax(b'g', &[("k", "v")]), trailer()]),
        note(true, None)
    );
}

pub(crate) fn old_gnu(runs: &[(u64, u64)], extended: bool, real: u64, stored: u64) -> Vec<u8> {
    let mut block = header(b"s", b'S', stored);
    for (i, (start, len)) in runs.iter().enumerate() {
        let text = format!("{start:011o}\0{len:011o}\0");
        block[386 + 24 * i..410 + 24 * i].copy_from_slice(text.as_bytes());
    }
    block[482] = u8::from(extended);
    block[483..495].copy_from_slice(format!("{real:011o}\0").as_bytes());
    gnu(block).to_vec()
}

#[test]
fn sparse_in_all_its_forms() {
    let old = |runs, real| vec![old_gnu(runs, false, real, 6), padded(b"abcdef")];
    check(
        &old(&[(0, 2), (1000, 4)], 2000),
        &["s File 2000 runs 0+2 1000+4 'abcdef'"],
    );
    check(
        &old(&[(4, 6), (2000, 0)], 2000),
        &["s File 2000 runs 4+6 'abcdef'"],
    );
    let mut extension = [0u8; 512];
    extension[..24].copy_from_slice(b"00000000100\x0000000000004\0");
    let parts = [
        old_gnu(&[(0, 2)], true, 99, 6),
        extension.to_vec(),
        padded(b"abcdef"),
    ];
    check(&parts, &["s File 99 runs 0+2 64+4 'abcdef'"]);
    let common = [("GNU.sparse.size", "99"), ("GNU.sparse.numblocks", "2")];
    let v00 = [
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "2"),
        ("GNU.sparse.offset", "64"),
        ("GNU.sparse.numbytes", "4"),
    ];
    let v00 = pax(b'x', &[&common[..], &v00].concat());
    check(
        &[v00, member(b"s", b'0', b"abcdef")],
        &["s File 99 runs 0+2 64+4 'abcdef'"],
    );
    let v01 = [("GNU.sparse.name", "n"), ("GNU.sparse.map", "0,2,64,4")];
    let v01 = pax(b'x', &[&common[..], &v01].concat());
    check(
        &[v01, member(b"s", b'0', b"abcdef")],
        &["n File 99 runs 0+2 64+4 'abcdef'"],
    );
    let v10 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "n"),
        ("GNU.sparse.realsize", "99"),
    ];
    let data = [padded(b"2\n0\n2\n64\n4\n"), b"abcdef".to_vec()].concat();
    check(
        &[pax(b'x', &v10), member(b"s", b'0', &data)],
        &["n File 99 runs 0+2 64+4 'abcdef'"],
    );
    check(
        &[pax(b'x', &v10), member(b"s", b'0', &padded(b"0\n"))],
        &["n File 99 runs"],
    );
}

#[test]
fn sparse_maps_that_are_refused() {
    let bad = |runs: &[(u64, u64)], real, detail| {
        let parts = [old_gnu(runs, false, real, 6), padded(b"abcdef")];
        check_problem(&parts, 0, TarProblem::Sparse { detail }, 0);
    };
    bad(&[(0, 2)], 2000, "the runs are not as long as the data");
    bad(&[(10, 2), (0, 4)], 2000, "runs overlap or are out of order");
    bad(&[(0, 4), (3, 2)], 2000, "runs overlap or are out of order");
    bad(&[(0, 6)], 5, "a run ends after the file");
    let v10 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "99"),
    ];
    let bad = |map: &[u8], at, detail| {
        let parts = [pax(b'x', &v10), member(b"s", b'0', map)];
        check_problem(&parts, 0, TarProblem::Sparse { detail }, at);
    };
    bad(b"", 1024, "the map is longer than the data");
    bad(&padded(b"3\n0\n2"), 1536, "a number is too long");
    bad(
        &b"200\n".repeat(128),
        1536,
        "the map is longer than the data",
    );
    bad(&padded(b"-1\n"), 1536, "a number is malformed");
    bad(&padded(&[b'1'; 30]), 1536, "a number is too long");
    let bad = |records: &[(&str, &str)], detail| {
        let parts = [pax(b'x', records), member(b"s", b'0', b"")];
        check_problem(&parts, 0, TarProblem::Sparse { detail }, 1024);
    };
    bad(
        &[("GNU.sparse.major", "2"), ("GNU.sparse.size", "1")],
        "an unknown version",
    );
    bad(&[("GNU.sparse.map", "0,1")], "the real size is missing");
    bad(
        &[("GNU.sparse.map", "0"), ("GNU.sparse.size", "1")],
        "a run has no length",
    );
    bad(
        &[("GNU.sparse.numbytes", "0"), ("GNU.sparse.size", "1")],
        "a run has no start",
    );
}

#[test]
fn limits_hold() {
    let limits = Limits {
        entries: 2,
        name_len: 200,
        pax_len: 300,
        global_pax_len: 50,
        names_total: 400,
        sparse_runs: 1,
        sparse_size: 5000,
    };
    let check = |parts: &[Vec<u8>], limit, allowed| {
        let (_, result) = read(&parts.concat(), &[usize::MAX], limits);
        let problem = result.map_err(|e| e.problem);
        assert_eq!(problem, Err(TarProblem::TooMuch { limit, allowed }));
    };
    let a = || member(b"a", b'0', b"");
    check(&[a(), a(), a()], Limit::Entries, 2);
    let long = "n".repeat(201);
    check(
        &[member(b"L", b'L', format!("{long}n\0").as_bytes()), a()],
        Limit::NameLen,
        201,
    );
    check(
        &[member(b"L", b'L', long.as_bytes()), a()],
        Limit::NameLen,
        200,
    );
    check(&[pax(b'x', &[("path", &long)]), a()], Limit::NameLen, 200);
    check(
        &[pax(b'x', &[("k", &"v".repeat(300))]), a()],
        Limit::PaxLen,
        300,
    );
    check(
        &[pax(b'g', &[("k", &"v".repeat(50))]), a()],
        Limit::GlobalPaxLen,
        50,
    );
    check(
        &[
            pax(b'g', &[("k", &"v".repeat(30))]),
            pax(b'g', &[("l", &"v".repeat(30))]),
        ],
        Limit::GlobalPaxLen,
        50,
    );
    let attribute = || pax(b'x', &[("k", &"v".repeat(200))]);
    check(
        &[attribute(), a(), attribute(), a()],
        Limit::NamesTotal,
        400,
    );
    check(
        &[old_gnu(&[(0, 2), (9, 1)], false, 10, 3), padded(b"abc")],
        Limit::SparseRuns,
        1,
    );
    check(
        &[old_gnu(&[(0, 3)], false, 5001, 3), padded(b"abc")],
        Limit::SparseSize,
        5000,
    );
    let map = pax(
        b'x',
        &[("GNU.sparse.map", "0,1,2,3"), ("GNU.sparse.size", "9")],
    );
    check(&[map, a()], Limit::SparseRuns, 1);
}

/// An archive with a bit of everything.
pub(crate) fn mixed() -> Vec<u8> {
    let v10 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "99"),
    ];
    let mut extension = [0u8; 512];
    extension[..24].copy_from_slice(b"00000000100\x0000000000004\0");
    [
        pax(b'g', &[("comment", "c")]),
        member(b"d/", b'5', b""),
        member(b"a", b'0', &[b'x'; 700]),
        member(b"L", b'L', b"long\0"),
        member(b"b", b'1', b""),
        pax(b'x', &[("path", "p"), ("SCHILY.xattr.user.x", "1")]),
        member(b"b", b'0', &[b'y'; 512]),
        pax(b'x', &v10),
        member(
            b"s",
            b'0',
            &[padded(b"2\n0\n2\n64\n4\n"), b"abcdef".to_vec()].concat(),
        ),
        old_gnu(&[(0, 2)], true, 99, 6),
        extension.to_vec(),
        padded(b"abcdef"),
        trailer(),
        b"after".to_vec(),
    ]
    .concat()
}

#[test]
fn a_parser_can_start_at_any_entry() {
    let archive = mixed();
    let (all, _) = read_all(&archive);
    for (i, entry) in all.entries.iter().enumerate() {
        let (seen, result) = read_all(&archive[entry.header_out_offset.unwrap() as usize..]);
        assert!(result.is_ok());
        assert_eq!(seen.data, all.data[i..]);
    }
}

#[test]
fn truncation_anywhere_keeps_what_was_read() {
    let archive = mixed();
    let (all, _) = read_all(&archive);
    for len in 0..archive.len() {
        let (seen, _) = read_all(&archive[..len]);
        assert_eq!(seen.entries, all.entries[..seen.entries.len()], "{len}");
    }
}

proptest! {
    #[test]
    fn every_chunking_tells_the_same(chunks in prop::collection::vec(1usize..1500, 1..20)) {
        let archive = mixed();
        prop_assert_eq!(read(&archive, &chunks, Limits::default()), read_all(&archive));
    }

    #[test]
    fn one_flipped_byte_never_panics(at in 0usize..9000, with in any::<u8>(), fix in any::<bool>()) {
        let mut archive = mixed();
        let at = at % archive.len();
        archive[at] ^= with;
        if fix {
            // Let it get past the checksum.
            let block = at / 512 * 512;
            if let Some(header) = archive.get(block..block + 512).and_then(|b| b.try_into().ok()) {
                archive[block..block + 512].copy_from_slice(&sealed(header));
            }
        }
        let (one, result) = read(&archive, &[1], Limits::default());
        prop_assert_eq!((one, result), read_all(&archive));
    }

    #[test]
    fn garbage_headers_never_panic(
        blocks in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 512)), 1..6),
    ) {
        let mut archive = Vec::new();
        for (flag, bytes) in blocks {
            let mut block: [u8; 512] = bytes.try_into().expect("512 bytes");
            // Mostly readable numbers, so that more than the first check is reached.
            block[100..148].copy_from_slice(&header(b"", flag, u64::from(flag) * 7)[100..148]);
            block[156] = b"0125xgLKSV7\0"[usize::from(flag) % 12];
            archive.extend(sealed(block));
        }
        let (seen, result) = read_all(&archive);
        prop_assert_eq!((seen, result), read(&archive, &[7], Limits::default()));
    }
}
