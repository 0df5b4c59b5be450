//! Real Debian root file systems, made once by mmdebstrap and kept in the cache.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use super::{
    gz,
    push::{NewLayer, media},
    rawtar::Tar,
};
use crate::{apt, cache, process};

/// Changes when the commands below change, so that an old cache is not taken for a new one.
const VERSION: u32 = 1;
const SUITE: &str = "bookworm";
/// Over 60 MB compressed with what minbase brings.
const BASE: &str = "ca-certificates,tzdata";
/// What the second layer adds.
const PACKAGES: &str = "ca-certificates,tzdata,python3,perl,git,make,file";
/// Enough of another platform to look into.
const ARM64: &str = "base-files,bash,coreutils,dash,libc6";

/// The three layers, as files in the cache.
pub struct Debian {
    dir: PathBuf,
}

impl Debian {
    /// Takes the layers from the cache, or makes them; some three minutes the first time.
    pub fn get() -> io::Result<Self> {
        let dir = cache::corpus_dir(&format!("debian-{VERSION}"))?;
        let _lock = cache::Lock::exclusive(&dir)?;
        let debian = Self { dir };
        if !debian.path("done").is_file() {
            debian.make()?;
            fs::write(debian.path("done"), "")?;
        }
        Ok(debian)
    }

    /// The root file system.
    pub fn base(&self) -> io::Result<NewLayer> {
        self.layer("base", "mmdebstrap --variant=minbase bookworm")
    }

    /// The root file system as a file.
    pub fn base_file(&self) -> PathBuf {
        self.path("base.tar.gz")
    }

    /// The packages over it.
    pub fn packages(&self) -> io::Result<NewLayer> {
        self.layer("packages", "apt-get install python3 perl git make file")
    }

    /// A small root file system for arm64.
    pub fn arm64(&self) -> io::Result<NewLayer> {
        self.layer(
            "arm64",
            "mmdebstrap --variant=extract --architectures=arm64 bookworm",
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn layer(&self, name: &str, created_by: &str) -> io::Result<NewLayer> {
        Ok(NewLayer {
            blob: fs::read(self.path(&format!("{name}.tar.gz")))?,
            media_type: media::GZIP,
            diff_id: fs::read_to_string(self.path(&format!("{name}.diff-id")))?,
            created_by: created_by.to_owned(),
        })
    }

    fn make(&self) -> io::Result<()> {
        let program = mmdebstrap()?;
        println!(
            "making Debian layers in {} (some minutes, once)",
            self.dir.display()
        );
        let tar = |name: &str| self.path(&format!("{name}.tar"));
        // Two at a time: each waits for the network as long as it computes.
        std::thread::scope(|scope| {
            let full = scope.spawn(|| {
                bootstrap(
                    &program,
                    &["--variant=minbase", &format!("--include={PACKAGES}")],
                    &tar("full"),
                )
            });
            bootstrap(
                &program,
                &["--variant=minbase", &format!("--include={BASE}")],
                &tar("base"),
            )?;
            let arm64 = [
                "--variant=extract",
                "--architectures=arm64",
                &format!("--include={ARM64}"),
            ];
            bootstrap(&program, &arm64, &tar("arm64"))?;
            full.join()
                .map_err(|_| io::Error::other("mmdebstrap's thread panicked"))?
        })?;
        let mut out = BufWriter::new(File::create(tar("packages"))?);
        difference(open(&tar("base"))?, open(&tar("full"))?, &mut out)?;
        out.flush()?;
        drop(out);
        for name in ["base", "packages", "arm64"] {
            let bytes = fs::read(tar(name))?;
            let diff_id = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
            fs::write(self.path(&format!("{name}.diff-id")), diff_id)?;
            fs::write(self.path(&format!("{name}.tar.gz")), gz::member(&bytes, 6))?;
        }
        for name in ["base", "full", "packages", "arm64"] {
            fs::remove_file(tar(name))?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(1 << 20, File::open(path)?))
}

/// Finds mmdebstrap, or installs it where that is this user's to do.
pub(super) fn mmdebstrap() -> io::Result<PathBuf> {
    if let Some(path) = process::find("mmdebstrap") {
        return Ok(path);
    }
    apt::get(
        &["install", "-y", "--no-install-recommends", "mmdebstrap"],
        Path::new("/"),
    )
    .map_err(|error| {
        io::Error::other(format!(
            "run `apt-get install mmdebstrap` as root ({error})"
        ))
    })?;
    process::find("mmdebstrap").ok_or_else(|| io::Error::other("installed, but not on PATH"))
}

pub(super) fn bootstrap(program: &Path, options: &[&str], target: &Path) -> io::Result<()> {
    let mut command = Command::new(program);
    command
        .arg("--quiet")
        .args([
            "--aptopt=Acquire::Retries \"1\"",
            "--aptopt=Acquire::http::Timeout \"30\"",
        ])
        .args(options)
        .arg(SUITE)
        .arg(target)
        // The same times in both root file systems, so that their difference is what differs.
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("TMPDIR", std::env::temp_dir());
    if let Some(mirror) = mirror() {
        command.arg(mirror);
    }
    process::run(&mut command).map(drop)
}

/// The machine's own Debian mirror, from apt's configuration; without one mmdebstrap's default.
fn mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(dir) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(dir.filter_map(Result::ok).map(|entry| entry.path()));
    }
    files
        .iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "list" || end == "sources")
        })
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| mirror_from_sources(&text))
}

/// The first archive whose path ends in `/debian`, in either of apt's two formats.
fn mirror_from_sources(text: &str) -> Option<String> {
    text.lines()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// What identifies an entry's content: all but its times.
type Fingerprint = [u8; 32];

/// Writes the entries of `full` that `base` has not, or has otherwise, as they stand there, and a
/// whiteout for each that `base` alone has.
pub fn difference(base: impl Read, full: impl Read, out: &mut impl Write) -> io::Result<()> {
    let mut below: HashMap<Vec<u8>, Fingerprint> = HashMap::new();
    each_entry(base, |path, print, _| {
        below.insert(path, print);
        Ok(())
    })?;
    each_entry(full, |path, print, raw| match below.remove(&path) {
        Some(same) if same == print => Ok(()),
        _ => out.write_all(raw),
    })?;
    let mut gone: Vec<Vec<u8>> = below.into_keys().collect();
    gone.sort();
    let mut whiteouts = Tar::new();
    for path in gone {
        let path = path.strip_suffix(b"/").unwrap_or(&path);
        let cut = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        let (dir, name) = path.split_at(cut);
        whiteouts.file([dir, b".wh.", name].concat(), "");
    }
    out.write_all(&whiteouts.finish())
}

/// Calls `each` with an entry's path, fingerprint and raw bytes, extension headers included.
fn each_entry(
    mut archive: impl Read,
    mut each: impl FnMut(Vec<u8>, Fingerprint, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut raw, mut long_name): (Vec<u8>, Option<Vec<u8>>) = (Vec::new(), None);
    loop {
        let mut block = [0u8; 512];
        archive.read_exact(&mut block)?;
        if block == [0; 512] {
            return Ok(());
        }
        let header = tar::Header::from_byte_slice(&block);
        let size = header.entry_size()?;
        let start = raw.len();
        raw.extend(block);
        let padded = size.next_multiple_of(512);
        if archive.by_ref().take(padded).read_to_end(&mut raw)? as u64 != padded {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let data = &raw[start + 512..][..size as usize];
        match block[156] {
            b'g' => {}
            b'x' => {
                for record in tar::PaxExtensions::new(data) {
                    let record = record?;
                    if record.key_bytes() == b"path" {
                        long_name = Some(record.value_bytes().to_vec());
                    }
                }
            }
            b'L' => long_name = Some(data.strip_suffix(b"\0").unwrap_or(data).to_vec()),
            b'K' => {}
            _ => {
                let path = long_name
                    .take()
                    .unwrap_or_else(|| header.path_bytes().into_owned());
                let mut hash = Sha256::new();
                // Mode, owner, group; not size and time; type and link; data.
                hash.update(&block[100..124]);
                hash.update(&block[156..257]);
                hash.update(data);
                each(path, hash.finalize().into(), &raw)?;
                raw.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_in_both_formats() {
        #[track_caller]
        fn check(text: &str, expect: Option<&str>) {
            assert_eq!(mirror_from_sources(text).as_deref(), expect);
        }
        check(
            "Types: deb\nURIs: http://a.example/debian\nSuites: x\n",
            Some("http://a.example/debian"),
        );
        check(
            "deb [signed-by=/k] http://b.example/debian/ x main\n",
            Some("http://b.example/debian/"),
        );
        check("URIs: http://a.example/debian-security\n", None);
        check("# deb http://c.example/debian x main\n", None);
    }

    #[test]
    fn difference_keeps_what_changed_and_whites_out_what_went() {
        let base = Tar::new()
            .dir("d/")
            .file("d/same", "1")
            .file("d/changed", "2")
            .file("d/gone", "3")
            .finish();
        let mut full = Tar::new();
        full.dir("d/").file("d/same", "1").file("d/changed", "22");
        full.pax(b'x', &[("path", b"d/long")]).file("cut", "4");
        let mut out = Vec::new();
        difference(&*base, &*full.finish(), &mut out).unwrap();
        let names: Vec<String> = tar::Archive::new(&*out)
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["d/changed", "d/long", "d/.wh.gone"]);
    }
}
