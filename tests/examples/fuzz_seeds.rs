//! Writes the seeds of the fuzz targets into `tests/fuzz/corpus`. Run it after a change of the
//! stored format, or of what it makes: `cargo run -p layerscope-tests --example fuzz_seeds`.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

#[path = "../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    reason = "the stored form of a build is taken apart as the target does"
)]
mod targets;

use layerscope_core::{
    digest::{Algorithm, Digest},
    layer_index::{BlobHasher, BuildOptions, IndexBuilder, LayerIndex},
    ztoc::ZtocBuilder,
};
use layerscope_tests::corpus::{edge, gz};

fn main() -> io::Result<()> {
    let text = |seeds: &[&str]| {
        seeds
            .iter()
            .map(|seed| seed.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    write("tar", cut(tars()))?;
    write("gzip", cut(gzips()))?;
    write("decode", cut(decodes()?))?;
    write("archive", cut(archives()?))?;
    write(
        "stored_index",
        gzips()
            .into_iter()
            .take(3)
            .chain([edge::special()])
            .filter_map(index)
            .collect(),
    )?;
    let tree = edge::tree(5, 40);
    let partials = [gz::member(&tree, 6), gz::members(&tree, 20_000), tree];
    let partial = |blob: Vec<u8>| {
        let digest = Digest::of(Algorithm::Sha256, &blob);
        targets::partial::put_aside(&blob, digest)
    };
    write(
        "partial",
        partials.into_iter().filter_map(partial).collect(),
    )?;
    let special = edge::special();
    let gzipped = [&special, &edge::pax()].map(|tar| gz::member(tar, 9));
    let layers = [&[special][..], &gzipped].concat();
    let ztocs = layers.iter().filter_map(|layer| ztoc(layer));
    write("ztoc", ztocs.chain(cut(layers.clone())).collect())?;
    write("foreign", foreign()?)?;
    write("viewer", viewers()?)?;
    write("reference", text(REFERENCES))?;
    write("link", text(LINKS))?;
    write("challenge", text(CHALLENGES))?;
    write("target", text(TARGETS))
}

/// The inputs of the viewers' tests, but for the largest.
fn viewers() -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/viewers");
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut seeds = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file)?;
        if bytes.len() <= 16 << 10 {
            seeds.push([&[255], &bytes[..]].concat());
        }
    }
    Ok(seeds)
}

const REFERENCES: &[&str] = &[
    "debian",
    "debian:bookworm",
    "ghcr.io/owner/name@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "[::1]:5000/a/b:c",
    "docker://localhost:5000/x",
    "https://hub.docker.com/r/library/debian",
    "#/image/debian?platform=linux/arm64&view=history",
    "#/fs/localhost:5000/a/b@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/usr/b%FFin?lines=10-20&q=x*",
    "#/compare/debian:11,debian:12?pa=linux/amd64",
    "#/layers/a.example/b@sha512:00/x.jar!/y",
];

/// Queries of the proxy: good ones, and what must not become another host or another path.
const TARGETS: &[&str] = &[
    "registry=ghcr.io&repository=a/b&reference=latest",
    "registry=docker.io&repository=library/debian&reference=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "registry=%5B2001%3Adb8%3A%3A1%5D%3A5000&repository=a.b__c-d&reference=V1_0.x",
    "registry=127.0.0.1:5000&repository=a&reference=multihash%2Bbase58%3AQmRZ&n=100&cursor=bGFzdD14Jm49Mg",
    "registry=0x7f.1&repository=../a&reference=%2e%2e",
    "registry=user:pw@a.example&repository=a%2F..%2Fb&reference=a%3Fb%23c",
    "registry=sample.localhost&registry=a.example&repository=a&reference=b",
    "registry=A.Example:443&repository=a//b&reference=a+b&last=%ff%00",
    "registry=1.2.3.4.&repository=%E9&reference=",
];

const LINKS: &[&str] = &[
    "</v2/a/b/tags/list?n=100&last=v1>; rel=\"next\"",
    "<https://registry.example/v2/a/b/tags/list?last=%2F>; rel=next",
    "<//evil.example/v2/a/b/tags/list>; rel=next",
    "<?last=x>; title=\"a,b;c\"; rel=\"prev next\", </other>; rel=next",
    "<https://registry.example@evil.example/v2/a/b/tags/list>; rel=next",
];

const CHALLENGES: &[&str] = &[
    "Bearer realm=\"https://auth.example/token\",service=\"s\",scope=\"repository:a/b:pull,push\"",
    "Basic realm=\"a \\\"quoted\\\" realm\", Bearer realm=\"https://x.example/\"",
    "Negotiate, NTLM abc==, bearer REALM=x , error=insufficient_scope",
    "Basic\0Bearer realm=\"https://x.example/t\"",
];

/// Tails and annotations of the layers in `data/chunked`, and small tables with what they speak of.
fn foreign() -> io::Result<Vec<Vec<u8>>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/chunked");
    let mut seeds = Vec::new();
    for name in [
        "estargz.tar.gz",
        "estargz-legacy.tar.gz",
        "zstd-stargz.tar.zst",
    ] {
        let blob = fs::read(dir.join(name))?;
        seeds.push(blob[blob.len() - 80..].to_vec());
    }
    let storage = fs::read(dir.join("zstd-storage.tar.zst"))?;
    seeds.push(storage[storage.len() - 80..].to_vec());
    let prefix = "io.github.containers.zstd-chunked.";
    seeds.push(format!("{prefix}manifest-position=165914:5096:20020:1").into_bytes());
    seeds.push(format!("containerd.io/snapshot/stargz/toc.digest=sha256:{:064}", 1).into_bytes());
    // The first frames of what containers/storage wrote.
    let table = r#"{"version":1,"entries":[{"type":"dir","name":"etc/","mode":493,"modtime":"2023-11-14T22:13:20Z"},{"type":"reg","name":"etc/hostname","size":11,"offset":114,"endOffset":138},{"type":"reg","name":"etc/shadow","size":126,"offset":274,"endOffset":313,"chunkSize":26},{"type":"chunk","offset":313,"chunkOffset":26,"chunkType":"zeros"},{"type":"hardlink","name":"h","linkName":"etc/hostname"},{"type":"char","name":"null","devMajor":1,"devMinor":3,"xattrs":{"user.a":"AQ=="}}]}"#;
    seeds.push([b"\x05z", table.as_bytes(), b"\0", &storage[..400]].concat());
    // Members with several pieces, one file over two of them.
    let (a, b) = (gz::member(b"hello world", 9), gz::member(b"again", 0));
    let digest = Digest::of(Algorithm::Sha256, b"again");
    let table = format!(
        r#"{{"version":1,"entries":[{{"type":"reg","name":"a","size":10,"innerOffset":6,"chunkSize":5,"digest":"{digest}"}},{{"type":"chunk","name":"a","offset":{at},"chunkOffset":5,"chunkDigest":"{digest}"}},{{"type":"reg","name":"b","size":5}}]}}"#,
        at = a.len()
    );
    seeds.push([b"\x03", table.as_bytes(), b"\0", &a, &b].concat());
    Ok(seeds)
}

/// Small archives: everything a fuzzer should know of is in the first kilobytes.
fn tars() -> Vec<Vec<u8>> {
    vec![
        edge::lower(),
        edge::whiteouts(),
        edge::pax(),
        edge::gnu(),
        edge::ustar_and_v7(),
        edge::special(),
        edge::sparse(),
        edge::no_trailer(),
    ]
}

fn gzips() -> Vec<Vec<u8>> {
    let (pax, tree) = (edge::pax(), edge::tree(1, 3));
    let whole = gz::member(&tree, 6);
    vec![
        gz::member(&pax, 9),
        gz::member(&pax, 0),
        gz::members(&tree, 9_000),
        gz::truncated(&whole, 0.7),
        gz::corrupt(&whole),
        gz::repeated(b"head", &[0; 50_000], 4, b"tail"),
        [&gz::member(&pax, 6)[..], b"trailing"].concat(),
    ]
}

/// By the tools that everybody packs with: whole, in two frames, and cut short.
fn decodes() -> io::Result<Vec<Vec<u8>>> {
    let pax = edge::pax();
    let mut seeds = Vec::new();
    for command in [
        &["zstd", "-c"][..],
        &["zstd", "-c", "-19", "--no-check"],
        &["xz", "-c"],
        &["xz", "-c", "--check=sha256", "--x86", "--lzma2"],
        &["bzip2", "-c"],
    ] {
        let one = packed(command, &pax)?;
        seeds.push([&one[..], &packed(command, b"the second frame")?].concat());
        seeds.push(one[..one.len() * 2 / 3].to_vec());
        seeds.push(one);
    }
    Ok(seeds)
}

/// The small archives of the tests, but for those that are large and say no more.
fn archives() -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/archives");
    let names = [
        "content.tar.xz",
        "demo.deb",
        "initramfs.cpio",
        "plain.zip",
        "encrypted.zip",
    ];
    let whole: io::Result<Vec<_>> = names.iter().map(|n| fs::read(folder.join(n))).collect();
    let heads = ["odc.cpio", "long-names.a"].map(|n| fs::read(folder.join(n)));
    let mut seeds = whole?;
    for head in heads {
        let mut head = head?;
        head.truncate(1500);
        seeds.push(head);
    }
    Ok(seeds)
}

fn packed(command: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // All of it fits into the pipe.
    let stdin = child.stdin.take();
    stdin.map_or(Ok(()), |mut stdin| stdin.write_all(input))?;
    Ok(child.wait_with_output()?.stdout)
}

/// Each with the byte before it that chooses how it is cut.
fn cut(seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let with_cut = |(i, seed): (usize, Vec<u8>)| [&[i as u8][..], &seed].concat();
    seeds.into_iter().enumerate().map(with_cut).collect()
}

/// The stored index of a whole layer.
fn index(blob: Vec<u8>) -> Option<Vec<u8>> {
    let mut builder = IndexBuilder::new(BuildOptions::default());
    builder.push(&blob).ok()?;
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    hasher.push(&blob);
    let digest = Digest::of(Algorithm::Sha256, &blob);
    LayerIndex::seal(builder.finish(), hasher.finish(), &digest)
        .ok()?
        .to_bytes()
}

/// The ztoc of a whole layer.
fn ztoc(layer: &[u8]) -> Option<Vec<u8>> {
    let digest = Digest::of(Algorithm::Sha256, layer);
    let mut builder = ZtocBuilder::new(&digest);
    builder.push(layer).ok()?;
    Some(builder.finish(&digest).ok()?.bytes)
}

fn write(target: &str, seeds: Vec<Vec<u8>>) -> io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    fs::create_dir_all(&dir)?;
    for (i, seed) in seeds.iter().enumerate() {
        fs::write(dir.join(format!("seed-{i:02}")), seed)?;
    }
    println!("{target}: {} seeds", seeds.len());
    Ok(())
}
