//! The folder that survives between runs, so that only the first one pays for real images.

use std::{
    env,
    fs::{self, File},
    io,
    path::PathBuf,
};

/// `$LAYERSCOPE_CACHE`, else `~/.cache/layerscope`, else a folder beside temporary files.
pub fn root() -> PathBuf {
    if let Some(dir) = env::var_os("LAYERSCOPE_CACHE") {
        return dir.into();
    }
    match env::home_dir() {
        Some(home) => home.join(".cache/layerscope"),
        None => env::temp_dir().join("layerscope-cache"),
    }
}

/// Makes `root()/corpus/name` and returns its path.
pub fn corpus_dir(name: &str) -> io::Result<PathBuf> {
    let dir = root().join("corpus").join(name);
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Holds `dir` against every other test process until it is dropped.
pub struct Lock(#[expect(dead_code, reason = "the lock is the open file")] File);

impl Lock {
    /// Waits for the lock.
    pub fn exclusive(dir: &std::path::Path) -> io::Result<Self> {
        let file = File::create(dir.join("lock"))?;
        file.lock()?;
        Ok(Self(file))
    }
}
