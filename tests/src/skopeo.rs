//! skopeo, which writes images to disk as people have them: from PATH, or Debian's package unpacked
//! into the cache.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{apt, cache, process};

/// The package and the libraries that a plain Debian lacks for it.
const PACKAGES: [&str; 4] = ["skopeo", "libgpgme11", "libassuan0", "libdevmapper1.02.1"];

/// Copies an image from a registry on this machine to a place such as `docker-archive:FILE:NAME`.
///
/// # Errors
/// skopeo cannot be had, or fails.
pub fn copy(host: &str, reference: &str, to: &str, options: &[&str]) -> io::Result<()> {
    let (program, libraries) = skopeo()?;
    let mut command = Command::new(program);
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
        .args(["--insecure-policy", "copy", "--src-tls-verify=false"])
        .args(options)
        .args([format!("docker://{host}/{reference}"), to.to_owned()]);
    process::run(&mut command).map(drop)
}

fn skopeo() -> io::Result<(PathBuf, Option<PathBuf>)> {
    if let Some(path) = process::find("skopeo") {
        return Ok((path, None));
    }
    let dir = cache::root().join("tools/skopeo");
    let root = dir.join("root");
    if !root.join("usr/bin/skopeo").is_file() {
        fs::create_dir_all(&dir)?;
        let _lock = cache::Lock::exclusive(&dir)?;
        apt::get(&[&["download"], &PACKAGES[..]].concat(), &dir)?;
        for package in packages(&dir)? {
            unpack(&package, &root)?;
        }
    }
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let libraries = root.join("usr/lib").join(triple);
    Ok((root.join("usr/bin/skopeo"), Some(libraries)))
}

/// Debian's packages in a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn packages(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let files = fs::read_dir(dir)?.filter_map(Result::ok).map(|e| e.path());
    Ok(files
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .collect())
}

/// Unpacks a package.
///
/// # Errors
/// It cannot be unpacked.
pub fn unpack(package: &Path, to: &Path) -> io::Result<()> {
    process::run(Command::new("dpkg").arg("-x").arg(package).arg(to)).map(drop)
}
