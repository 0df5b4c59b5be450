//! The app as a folder of static files behind Debian's nginx: no proxy anywhere.

use std::{env, fs, io, os::unix::fs::symlink, path::PathBuf};

use tempfile::TempDir;

use crate::nginx::Nginx;

/// The configuration that operators are told to use.
const CONFIG: &str = include_str!("../../docs/nginx-static.conf");

/// A running host.
pub struct StaticHost {
    nginx: Nginx,
    path: String,
    _root: TempDir,
}

impl StaticHost {
    /// Serves the built app at a path such as `/look/`, with these replacements in the documented
    /// configuration.
    ///
    /// # Errors
    /// The app is not built, or nginx cannot be had.
    pub fn start(path: &str, changes: &[(&str, &str)]) -> io::Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("layerscope-static-")
            .tempdir()?;
        let place = root.path().join(path.trim_matches('/'));
        if let Some(above) = place.parent() {
            fs::create_dir_all(above)?;
        }
        symlink(dist()?, &place)?;
        let mut config = CONFIG
            .replace("LISTEN", "{host}")
            .replace("PATH", path)
            .replace("ROOT", &root.path().display().to_string());
        for (old, new) in changes {
            config = config.replace(old, new);
        }
        Ok(Self {
            nginx: Nginx::start(&config)?,
            path: path.to_owned(),
            _root: root,
        })
    }

    /// The app's address, without a slash at its end.
    pub fn base(&self) -> String {
        let path = self.path.trim_end_matches('/');
        format!("http://{}{path}", self.nginx.host())
    }

    /// Method and target of every request so far.
    pub fn requests(&self) -> Vec<String> {
        let log = self.nginx.access_log();
        let quoted = log.lines().filter_map(|line| line.split('"').nth(1));
        quoted.map(str::to_owned).collect()
    }
}

/// The built app.
///
/// # Errors
/// It is not built.
pub fn dist() -> io::Result<PathBuf> {
    let dir = env::var_os("LAYERSCOPE_DIST").map(PathBuf::from);
    dir.filter(|dir| dir.join("index.html").is_file())
        .ok_or_else(|| io::Error::other("LAYERSCOPE_DIST names no built app"))
}
