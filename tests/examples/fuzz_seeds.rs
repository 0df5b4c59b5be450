//! Writes the seeds of the fuzz targets into `tests/fuzz/corpus`. Run it after a change of the
//! stored format, or of what it makes: `cargo run -p layerscope-tests --example fuzz_seeds`.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

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
    write(
        "stored_index",
        gzips()
            .into_iter()
            .take(3)
            .chain([edge::special()])
            .filter_map(index)
            .collect(),
    )?;
    let special = edge::special();
    let gzipped = [&special, &edge::pax()].map(|tar| gz::member(tar, 9));
    let layers = [&[special][..], &gzipped].concat();
    let ztocs = layers.iter().filter_map(|layer| ztoc(layer));
    write("ztoc", ztocs.chain(cut(layers.clone())).collect())?;
    write("reference", text(REFERENCES))?;
    write("link", text(LINKS))?;
    write("challenge", text(CHALLENGES))
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
