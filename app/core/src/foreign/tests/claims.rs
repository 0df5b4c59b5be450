//! What annotations and footers say.

use super::*;

fn annotations(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

const ZSTD: &str = "io.github.containers.zstd-chunked.manifest-position";

#[track_caller]
fn check_position(value: &str, expect: Result<(u64, u64, u64), &str>) {
    let claim = Claim::from_annotations(&annotations(&[(ZSTD, value)]), 1000);
    let found = match claim {
        Ok(Some(Claim::ZstdChunked {
            position: p,
            checksum: None,
        })) => Ok((p.in_offset, p.in_len, p.out_len)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    match (found, expect) {
        (Err(found), Err(expect)) => assert!(found.contains(expect), "{found}"),
        (found, expect) => assert_eq!(found, expect.map_err(str::to_owned)),
    }
}

#[test]
fn positions() {
    check_position("8:992:5000:1", Ok((8, 992, 5000)));
    check_position("900:50:0:1", Ok((900, 50, 0)));
    check_position("900:50:9:2", Err("type 2"));
    check_position("900:101:9:1", Err("at 900 to 1001"));
    check_position("7:10:9:1", Err("at 7 to 17"));
    check_position("900:0:9:1", Err("at 900 to 900"));
    check_position("18446744073709551615:2:9:1", Err("at 18446744073709551615"));
    check_position("18446744073709551616:2:9:1", Err("says"));
    check_position("900:50:99999999999:1", Err("more than 67108864 bytes"));
    for bad in ["", "1:2:3", "9:50:9:1:1", "9:+5:9:1", "9: 5:9:1", "a:b:c:d"] {
        check_position(bad, Err("the annotation"));
    }
}

#[test]
fn claims() {
    let none = annotations(&[("org.opencontainers.image.title", "x")]);
    assert!(!is_claimed(&none));
    assert_eq!(Claim::from_annotations(&none, 9), Ok(None));
    let bad = annotations(&[("containerd.io/snapshot/stargz/toc.digest", "sha256:12")]);
    assert!(is_claimed(&bad));
    let refused = Claim::from_annotations(&bad, 9).unwrap_err();
    assert!(matches!(refused, ForeignError::Digest { .. }), "{refused}");
    for name in ALL {
        assert!(is_claimed(&layer(name).annotations), "{name}");
    }
}

/// The tail of a zstd:chunked blob whose skippable frame has this payload.
fn zstd_tail(payload: &[u8]) -> Vec<u8> {
    let mut tail = vec![0x50, 0x2a, 0x4d, 0x18];
    tail.extend((payload.len() as u32).to_le_bytes());
    tail.extend(payload);
    tail
}

#[test]
fn zstd_footers_of_every_age() {
    let expect = Footer::ZstdChunked(Position {
        in_offset: 100,
        in_len: 50,
        out_len: 900,
    });
    let four: Vec<u8> = [100u64, 50, 900, 1]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    let of = |parts: &[&[u8]]| zstd_tail(&[&four, &parts.concat()[..]].concat());
    let good = [
        of(&[b"GnUlInUx"]),
        of(&[b"GNUlInUx"]),
        of(&[b"GnUlInUx", &[0; 16]]),
        of(&[&[7; 24], b"GNUlInUx"]),
    ];
    for tail in good {
        assert!(looks_indexed(&tail));
        assert_eq!(Footer::read(&tail, 5000), Ok(Some(expect.clone())));
        assert!(Footer::read(&tail, 149).is_err(), "beyond the blob");
        let mut before = vec![9; 50];
        before.extend(&tail);
        assert_eq!(Footer::read(&before, 5000), Ok(Some(expect.clone())));
        // Cut off, or of another length than it says.
        assert_eq!(Footer::read(&tail[1..], 5000), Ok(None));
        assert_eq!(Footer::read(&tail[..tail.len() - 1], 5000), Ok(None));
    }
    for bad in [
        of(&[b"GNULINUX"]),
        of(&[&[0; 16], b"GnUlInUx"]),
        zstd_tail(b"GnUlInUx"),
    ] {
        assert_eq!(Footer::read(&bad, 5000), Ok(None));
    }
}

pub(super) fn gzip_footer(extra: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().extra(extra);
    let writer = builder.write(Vec::new(), flate2::Compression::none());
    let mut footer = writer.finish().unwrap();
    // Go ends an empty stream with an empty stored block, of five bytes.
    footer.truncate(12 + extra.len());
    footer.extend([1, 0, 0, 0xff, 0xff]);
    footer.extend([0; 8]);
    footer
}

#[test]
fn gzip_footers() {
    let legacy = gzip_footer(b"0000000000000064STARGZ");
    let new = gzip_footer(b"SG\x16\x000000000000000064STARGZ");
    assert_eq!((legacy.len(), new.len()), (47, 51));
    for footer in [&legacy, &new] {
        let end = 5000 - footer.len() as u64;
        let found = Footer::read(footer, 5000);
        assert_eq!(found, Ok(Some(Footer::EStargz { toc: 100..end })));
        assert!(looks_indexed(footer));
        assert!(Footer::read(footer, 100).is_err(), "beyond the blob");
        assert!(Footer::read(footer, 10).is_err());
        assert_eq!(Footer::read(&footer[1..], 5000), Ok(None));
    }
    let external = gzip_footer(b"SG\x11\x00STARGZEXTERNALTOC");
    assert_eq!(external.len(), 46);
    assert_eq!(Footer::read(&external, 5000), Err(ForeignError::External));
    for bad in [
        &b"SG\x16\x00000000000000006xSTARGZ"[..],
        b"SG\x15\x000000000000000064STARGZ",
        b"000000000000006-STARGZ",
        b"0000000000000064stargz",
    ] {
        assert_eq!(Footer::read(&gzip_footer(bad), 5000), Ok(None));
    }
    assert_eq!(Footer::read(b"", 0), Ok(None));
    assert_eq!(Footer::read(b"STARGZ and so on", 5000), Ok(None));
}
