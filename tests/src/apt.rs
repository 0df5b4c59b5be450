//! Debian's packages, for what the tests need and do not find.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{cache, process};

/// Runs `apt-get` in a folder. A machine that has never been asked for a package has no lists, or
/// old ones: where the first try fails, they are fetched and it is tried again.
///
/// # Errors
/// There is no apt-get, or it failed twice; then with what it said.
pub fn get<S: AsRef<OsStr>>(arguments: &[S], folder: &Path) -> io::Result<()> {
    let apt = process::find("apt-get")
        .ok_or_else(|| io::Error::other("this is not Debian: there is no apt-get"))?;
    let run = || {
        let mut command = Command::new(&apt);
        command
            .args(arguments)
            .current_dir(folder)
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command).map(drop)
    };
    run().or_else(|first| {
        let update = process::run(Command::new(&apt).args(["update", "-q"]));
        update.map_err(|_| first)?;
        run()
    })
}

/// A program of a package that is unpacked into the cache, which starts no service as installing it
/// would. `program` is its path in the package.
///
/// # Errors
/// As [`get`]; or the package is not there, cannot be unpacked, or the cache cannot be written.
pub fn unpacked(package: &str, program: &str) -> io::Result<PathBuf> {
    let dir = cache::root().join("tools").join(package);
    let binary = dir.join("root").join(program);
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&dir)?;
    let _lock = cache::Lock::exclusive(&dir)?;
    if !binary.is_file() {
        get(&["download", package], &dir)?;
        let file = fs::read_dir(&dir)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|end| end == "deb"))
            .ok_or_else(|| io::Error::other("apt-get download left no package"))?;
        process::run(
            Command::new("dpkg")
                .arg("-x")
                .arg(file)
                .arg(dir.join("root")),
        )?;
    }
    Ok(binary)
}
