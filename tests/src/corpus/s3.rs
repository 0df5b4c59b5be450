//! docker-registry before an S3 that signs: the crate `s3s-fs` over the same store. Blobs are
//! redirects to another host, with addresses that are signed for a method and a while.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    push,
    registry::{docker_registry, serve},
};
use crate::{cache, net::free_port, process, process::Process, recorder::Recorder};

/// The version that this project's compiler builds.
const S3S_FS: &str = "0.14.1";
/// How long either may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Its one user; no secret, it only has to be the same on both sides.
const KEY: &str = "layerscope";
const BUCKET: &str = "layers";

/// A registry whose blobs are in a storage of its own.
pub struct Signed {
    registry: Recorder,
    storage: Recorder,
    _processes: [Process; 2],
    _state: TempDir,
}

impl Signed {
    /// Starts both over the images in `store`, which is only read.
    ///
    /// # Errors
    /// One of the programs cannot be had, or does not start.
    pub fn start(store: &Path) -> Result<Self, push::Error> {
        let (registry, storage) = (docker_registry()?, s3s_fs()?);
        let state = tempfile::Builder::new()
            .prefix("layerscope-s3-")
            .tempdir()?;
        let root = state.path().join("root");
        fs::create_dir(&root)?;
        std::os::unix::fs::symlink(store, root.join(BUCKET))?;
        let port = free_port()?.to_string();
        let mut command = process::guarded(&storage);
        command
            .args(["--host", "127.0.0.1", "--port", &port])
            .args(["--access-key", KEY, "--secret-key", KEY])
            .arg(&root)
            .env("RUST_LOG", "info");
        let storage_process = Process::start(command, state.path(), "s3s-fs")?;
        wait_for_port(&port)?;
        let storage = Recorder::start(&format!("127.0.0.1:{port}"))?;
        let config = state.path().join("registry.yml");
        let endpoint = storage.host();
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: info}}\n\
                 storage: {{s3: {{region: us-east-1, regionendpoint: 'http://{endpoint}', bucket: {BUCKET}, \
                 accesskey: {KEY}, secretkey: {KEY}, forcepathstyle: true, v4auth: true, secure: false}}, \
                 redirect: {{disable: false}}}}\n\
                 http: {{addr: '127.0.0.1:0', relativeurls: true}}\n"
            ),
        )?;
        let (process, host) = serve(&registry, &config, state.path(), "s3-registry")?;
        Ok(Self {
            registry: Recorder::start(&host)?,
            storage,
            _processes: [process, storage_process],
            _state: state,
        })
    }

    /// The registry, through its recorder.
    pub fn registry(&self) -> &Recorder {
        &self.registry
    }

    /// The storage, through its recorder.
    pub fn storage(&self) -> &Recorder {
        &self.storage
    }
}

fn wait_for_port(port: &str) -> io::Result<()> {
    let end = std::time::Instant::now() + START_LIMIT;
    while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        if std::time::Instant::now() > end {
            return Err(io::Error::other("s3s-fs does not listen"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Finds s3s-fs: `$S3S_FS`, PATH, or built into the cache, which takes some minutes once.
fn s3s_fs() -> io::Result<PathBuf> {
    if let Some(path) = std::env::var_os("S3S_FS") {
        return Ok(path.into());
    }
    if let Some(path) = process::find("s3s-fs") {
        return Ok(path);
    }
    let root = cache::root().join("tools/s3s-fs");
    let binary = root.join("bin/s3s-fs");
    if !binary.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        process::run(
            Command::new(cargo)
                .args(["install", "--quiet", "--locked", "s3s-fs"])
                .args(["--version", S3S_FS, "--features", "binary", "--root"])
                .arg(&root)
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
                .current_dir(std::env::temp_dir()),
        )?;
    }
    Ok(binary)
}
