//! The built app on a plain web server that knows nothing of it: Python's own.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use crate::process::{self, Process};

/// How long it may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The running server; it stops on drop.
pub struct StaticSite {
    base: String,
    files: TempDir,
    _process: Process,
}

impl StaticSite {
    /// Serves a copy of the build in `$LAYERSCOPE_DIST` with this `config.json`; none, after a line
    /// that says so, where there is no build or no Python.
    pub fn start(config: &str) -> Option<Self> {
        let (Some(dist), Some(python)) = (env::var_os("LAYERSCOPE_DIST"), process::find("python3"))
        else {
            crate::skipped("static hosting", "LAYERSCOPE_DIST or python3 is missing");
            return None;
        };
        Some(Self::serve(&PathBuf::from(dist), &python, config).expect("Python serves files"))
    }

    fn serve(dist: &Path, python: &Path, config: &str) -> io::Result<Self> {
        let files = tempfile::Builder::new()
            .prefix("layerscope-static-")
            .tempdir()?;
        copy(dist, &files.path().join("site"))?;
        fs::write(files.path().join("site/config.json"), config)?;
        let mut command = process::guarded(python);
        command
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
            .arg("--directory")
            .arg(files.path().join("site"));
        let mut process = Process::start(command, files.path(), "static")?;
        let base = process.wait_for(START_LIMIT, |line| {
            let (_, rest) = line.split_once("(http://127.0.0.1:")?;
            let port = rest.split('/').next()?;
            Some(format!("http://127.0.0.1:{port}"))
        })?;
        Ok(Self {
            base,
            files,
            _process: process,
        })
    }

    /// `http://127.0.0.1:PORT`, which is the page's origin too.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Puts another `config.json` in place.
    pub fn configure(&self, config: &str) -> io::Result<()> {
        fs::write(self.files.path().join("site/config.json"), config)
    }
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
