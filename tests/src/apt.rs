//! Debian's packages, for what the tests need and do not find.

use std::{ffi::OsStr, io, path::Path, process::Command};

use crate::process;

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
