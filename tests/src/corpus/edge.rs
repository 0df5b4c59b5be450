//! Hand-made layers: what tar archives can hold, and what they should not.

use super::rawtar::{Header, Magic, Tar};

/// How many files `many` has.
pub const MANY: u32 = 50_000;

/// A name of 150 bytes, too long for a header.
pub fn long_name() -> String {
    "n".repeat(150)
}

/// A path of more than 255 bytes.
pub fn long_path() -> String {
    (0..8)
        .map(|i| format!("d{i:03}-{}/", "x".repeat(40)))
        .collect()
}

/// Names that must be shown as data and never do anything, with the raw bytes they have.
pub const HOSTILE: &[&[u8]] = &[
    b"/abs",
    b"../up",
    b"a/../../b",
    b"a//b2",
    b"nl\nname",
    b"<script>alert(1)</script>",
    b"<img src=x onerror=alert(1)>",
    b"q?x=#frag%41",
    b"per%2fcent%",
    b"esc\x1b[31m",
    b"rtl\xe2\x80\xaeexe.txt",
    b"sp ace",
    b"back\\slash",
    b"__proto__",
    b"jar!/inner",
    b"caf\xe9.txt",
    b"\xff\xfe",
];

/// The lower of the whiteout layers.
pub fn lower() -> Vec<u8> {
    Tar::new()
        .dir("a/")
        .file("a/keep", "keep\n")
        .file("a/gone", "gone\n")
        .dir("opq/")
        .file("opq/one", "1")
        .file("opq/two", "2")
        .dir("dir2file/")
        .file("dir2file/x", "x")
        .file("file2dir", "f")
        .dir("whdir/")
        .dir("whdir/sub/")
        .file("whdir/sub/f", "f")
        .file("hl/orig", "orig".repeat(100))
        .finish()
}

/// The upper of the whiteout layers: removes, makes opaque, and changes kinds.
pub fn whiteouts() -> Vec<u8> {
    Tar::new()
        .file("a/.wh.gone", "")
        .dir("opq/")
        .file("opq/.wh..wh..opq", "")
        .file("opq/three", "3")
        .file("dir2file", "now a file")
        .dir("file2dir/")
        .file("file2dir/y", "y")
        .file(".wh.whdir", "")
        .hardlink("hl/link-to-lower", "hl/orig")
        .file("hl/same1", "same")
        .hardlink("hl/same2", "hl/same1")
        .file(".wh.never-existed", "")
        .file(".wh..wh.aufs", "")
        .finish()
}

/// PAX: long and Unicode names, xattrs, sub-second and negative times, huge owners, a global header.
pub fn pax() -> Vec<u8> {
    let path = format!("{}f", long_path());
    let mut tar = Tar::new();
    tar.pax(b'g', &[("comment", b"global header")]);
    tar.pax(b'x', &[("path", long_name().as_bytes())])
        .file("short", "1");
    tar.pax(b'x', &[("path", path.as_bytes())])
        .file("short", "2");
    tar.pax(b'x', &[("linkpath", path.as_bytes())])
        .symlink("long-link", "short");
    tar.pax(b'x', &[("path", "unicode-é-日本語-🎉.txt".as_bytes())])
        .file("u", "u");
    tar.file("nfc-\u{e9}", "c").file("nfd-e\u{301}", "d");
    tar.pax(
        b'x',
        &[
            ("SCHILY.xattr.user.note", b"hi"),
            (
                "SCHILY.xattr.security.capability",
                b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
        ],
    )
    .file("xattr", "x");
    tar.pax(b'x', &[("mtime", b"1700000000.123456789")])
        .file("subsecond", "x");
    tar.pax(b'x', &[("mtime", b"-86400")])
        .file("before-epoch", "x");
    tar.pax(b'x', &[("uid", b"4294967294"), ("gid", b"3000000000")])
        .file("huge-uid", "x");
    tar.pax(b'x', &[("uname", "üser".as_bytes()), ("gname", b"grp")])
        .file("own", "x");
    tar.finish()
}

/// GNU before POSIX: long names and links in entries of their own, base-256 numbers.
pub fn gnu() -> Vec<u8> {
    let header = |name: &str| Header {
        magic: Magic::Gnu,
        ..Header::new(name, b'0')
    };
    let path = format!("{}f", long_path());
    let mut tar = Tar::new();
    tar.gnu_long(b'L', long_name())
        .entry(&header("cut off"), b"1");
    tar.gnu_long(b'L', &path).entry(&header("cut off"), b"2");
    let link = Header {
        typeflag: b'2',
        linkname: b"cut off".into(),
        ..header("long-link")
    };
    tar.gnu_long(b'K', &path).entry(&link, b"");
    tar.entry(
        &Header {
            uid: 4_294_967_294,
            ..header("huge-uid")
        },
        b"x",
    );
    tar.entry(
        &Header {
            mtime: -86_400,
            ..header("before-epoch")
        },
        b"x",
    );
    tar.finish()
}

/// Ustar's prefix field, and version 7 with no magic, in one archive.
pub fn ustar_and_v7() -> Vec<u8> {
    let mut tar = Tar::new();
    tar.entry(
        &Header {
            prefix: b"p".repeat(90),
            ..Header::new("q".repeat(90), b'0')
        },
        b"prefix field",
    );
    tar.entry(
        &Header {
            magic: Magic::V7,
            ..Header::new("v7", 0)
        },
        b"version 7",
    );
    tar.entry(
        &Header {
            magic: Magic::V7,
            ..Header::new("v7dir/", 0)
        },
        b"",
    );
    tar.finish()
}

/// Devices, pipes, modes, links of every kind, duplicates, parents that no entry names.
pub fn special() -> Vec<u8> {
    let mut tar = Tar::new();
    tar.dir("dev/");
    tar.entry(
        &Header {
            device: (1, 3),
            mode: 0o666,
            ..Header::new("dev/null", b'3')
        },
        b"",
    );
    tar.entry(
        &Header {
            device: (8, 0),
            mode: 0o660,
            ..Header::new("dev/sda", b'4')
        },
        b"",
    );
    tar.entry(&Header::new("run/fifo", b'6'), b"");
    tar.entry(
        &Header {
            mode: 0o4755,
            ..Header::new("bin/setuid", b'0')
        },
        b"#!/bin/sh\n",
    );
    tar.entry(
        &Header {
            mode: 0o1777,
            ..Header::new("tmp/", b'5')
        },
        b"",
    );
    tar.symlink("abs-link", "/bin/setuid")
        .symlink("rel-link", "bin/setuid")
        .symlink("dangling", "nowhere")
        .symlink("out", "../../etc/passwd")
        .symlink("loop-a", "loop-b")
        .symlink("loop-b", "loop-a")
        .hardlink("hard", "bin/setuid")
        .hardlink("hard-to-nothing", "nowhere")
        .file("empty", "")
        .file("./dotslash", "x")
        .file("dup", "first")
        .file("dup", "second, longer")
        .file("implied/parent/missing/file", "x");
    tar.finish()
}

/// Every name of [`HOSTILE`], each a file that holds its own name.
pub fn hostile() -> Vec<u8> {
    let mut tar = Tar::new();
    for name in HOSTILE {
        tar.file(name, name);
    }
    tar.file(
        "harmless.html",
        "<!doctype html><script>document.title='pwned'</script>\n",
    );
    tar.file(
        "picture.svg",
        "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>\n",
    );
    tar.finish()
}

/// Where the data of the sparse files is: (first byte, length). All but the last run are whole
/// blocks, as GNU tar writes them; it reads each run from a block of its own.
const RUNS: [(u64, u64); 6] = [
    (0, 512),
    (10_240, 1024),
    (51_200, 512),
    (60_928, 1536),
    (70_144, 512),
    (99_840, 160),
];
/// Size of the sparse files with their holes.
const SPARSE_SIZE: u64 = 100_000;

/// The data of the sparse files without their holes.
fn sparse_data() -> Vec<u8> {
    let len: u64 = RUNS.iter().map(|(_, len)| len).sum();
    (0..len).map(|i| b'a' + (i % 26) as u8).collect()
}

/// The content of each sparse file.
pub fn sparse_content() -> Vec<u8> {
    let mut content = vec![0; SPARSE_SIZE as usize];
    let mut data = &sparse_data()[..];
    for (first, len) in RUNS {
        let (now, later) = data.split_at(len as usize);
        content[first as usize..][..now.len()].copy_from_slice(now);
        data = later;
    }
    content
}

/// One sparse file in three forms: old GNU with an extension block, PAX 0.1, PAX 1.0.
pub fn sparse() -> Vec<u8> {
    let size = SPARSE_SIZE.to_string();
    let mut tar = Tar::new();
    let old = Header {
        magic: Magic::Gnu,
        gnu_sparse: Some((RUNS.to_vec(), SPARSE_SIZE)),
        ..Header::new("old-gnu", b'S')
    };
    tar.entry(&old, &sparse_data());

    let flat: Vec<String> = RUNS
        .iter()
        .flat_map(|(first, len)| [first.to_string(), len.to_string()])
        .collect();
    tar.pax(
        b'x',
        &[
            ("GNU.sparse.size", size.as_bytes()),
            ("GNU.sparse.numblocks", RUNS.len().to_string().as_bytes()),
            ("GNU.sparse.map", flat.join(",").as_bytes()),
            ("GNU.sparse.name", b"pax-0.1"),
        ],
    )
    .file("GNUSparseFile.0/pax-0.1", sparse_data());

    let mut map = format!("{}\n{}\n", RUNS.len(), flat.join("\n")).into_bytes();
    map.resize(map.len().next_multiple_of(512), 0);
    map.extend(sparse_data());
    tar.pax(
        b'x',
        &[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"pax-1.0"),
            ("GNU.sparse.realsize", size.as_bytes()),
        ],
    )
    .file("GNUSparseFile.0/pax-1.0", map);
    tar.file("after", "still in step\n");
    tar.finish()
}

/// Two files and no closing blocks.
pub fn no_trailer() -> Vec<u8> {
    Tar::new()
        .file("one", "1")
        .file("two", "22")
        .without_trailer()
}

/// 50,000 small files in one directory.
pub fn many() -> Vec<u8> {
    let mut tar = Tar::new();
    tar.dir("many/");
    for i in 0..MANY {
        tar.file(format!("many/{i:06}"), i.to_string());
    }
    tar.finish()
}

/// Where the interesting file of [`tree`] is.
pub const NEEDLE: &str = "usr/share/deep/a/b/c/d/e/f/needle.txt";

/// A tree of some 2,000 files of text and noise, with [`NEEDLE`] past its middle. `seed` makes
/// each its own blob.
pub fn tree(seed: u64, files: u32) -> Vec<u8> {
    let mut noise = Noise(seed);
    let mut tar = Tar::new();
    tar.dir("usr/")
        .dir("usr/share/")
        .file("early.txt", format!("first file of tree {seed}\n"));
    for i in 0..files {
        if i == files * 2 / 3 {
            let mut data = noise.words(12_000);
            data.extend("needle: ünïcödé, the end\n".bytes());
            tar.file(NEEDLE, data);
        }
        let data = if i % 5 == 0 {
            noise.bytes(9_000)
        } else {
            noise.words(4_000)
        };
        tar.file(format!("usr/share/d{:02}/f{i:05}.dat", i % 40), data);
    }
    tar.finish()
}

/// Reproducible noise (xorshift64*).
pub struct Noise(pub u64);

impl Noise {
    /// The next number; the seed must not be 0.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Bytes that do not compress.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len.div_ceil(8))
            .flat_map(|_| self.next_u64().to_le_bytes())
            .take(len)
            .collect()
    }

    /// Lines of words, about as compressible as prose.
    pub fn words(&mut self, len: usize) -> Vec<u8> {
        const WORDS: [&str; 16] = [
            "layer",
            "blob",
            "the",
            "of",
            "span",
            "digest",
            "window",
            "and",
            "to",
            "member",
            "block",
            "tar",
            "entry",
            "is",
            "in",
            "checkpoint",
        ];
        let mut out = Vec::with_capacity(len + 80);
        while out.len() < len {
            for _ in 0..9 {
                let number = self.next_u64();
                out.extend(WORDS[(number >> 60) as usize].bytes());
                if number & 7 == 0 {
                    out.extend(format!("{:x}", number as u16).bytes());
                }
                out.push(b' ');
            }
            out.push(b'\n');
        }
        out.truncate(len);
        out
    }
}
