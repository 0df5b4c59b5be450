//! The release proxy as a process, as a reader would run it.

use std::{env, fs, io, path::PathBuf, time::Duration};

use tempfile::TempDir;

use crate::process::{self, Process};

/// How long it may take to listen; it takes some 20 ms on a quiet machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running proxy; killed on drop.
pub struct Proxy {
    process: Process,
    base: String,
    _state: TempDir,
}

impl Proxy {
    /// Starts it on a loopback port of its own choice with these further flags.
    pub fn start<S: AsRef<str>>(flags: &[S]) -> io::Result<Self> {
        let binary = binary();
        let state = tempfile::Builder::new()
            .prefix("layerscope-proxy-")
            .tempdir()?;
        let mut command = process::guarded(&binary);
        // What this machine's user set for a proxy of their own is no part of a test.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("LAYERSCOPE_") && text != "LAYERSCOPE_LOG" {
                command.env_remove(&name);
            }
        }
        command.args(["--listen", "127.0.0.1:0"]);
        command.args(flags.iter().map(AsRef::as_ref));
        let own = flags.iter().any(|flag| flag.as_ref() == "--assets");
        if let Some(dist) = env::var_os("LAYERSCOPE_DIST").filter(|_| !own) {
            command.arg("--assets").arg(dist);
        }
        let mut process = Process::start(command, state.path(), "proxy").map_err(|error| {
            io::Error::other(format!(
                "{} did not start ({error}); run `cargo build --release -p layerscope-proxy`",
                binary.display()
            ))
        })?;
        let base = process.wait_for(START_LIMIT, |line| {
            let base = line.strip_prefix("layerscope-proxy listening on ")?;
            Some(base.trim().to_owned())
        })?;
        Ok(Self {
            process,
            base,
            _state: state,
        })
    }

    /// Starts it with leave to read from these loopback hosts over plain HTTP.
    pub fn for_hosts<S: AsRef<str>>(hosts: &[S]) -> io::Result<Self> {
        let flags: Vec<String> = hosts
            .iter()
            .flat_map(|host| {
                [
                    "--allow-private",
                    host.as_ref(),
                    "--plain-http",
                    host.as_ref(),
                ]
            })
            .map(str::to_owned)
            .collect();
        Self::start(&flags)
    }

    /// Starts it with leave to read from these hosts, these further flags, and without the limits that
    /// are there for strangers: they stand in the way of one client that measures.
    pub fn without_limits(hosts: &[&str], more: &[&str]) -> io::Result<Self> {
        let state = tempfile::Builder::new()
            .prefix("layerscope-limits-")
            .tempdir()?;
        let file = state.path().join("proxy.toml");
        fs::write(
            &file,
            "[limits]\nclient-rate = 1000000\nupstream-rate = 1000000\nstreams = 4096\n\
             client-streams = 4096\nconnections = 8192\nclient-connections = 8192\n",
        )?;
        let mut flags = vec!["--config", file.to_str().unwrap_or_default()];
        for host in hosts {
            flags.extend(["--allow-private", host]);
        }
        flags.extend(more);
        // It is read at the start alone.
        Self::start(&flags)
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.stderr()
    }
}

/// `$LAYERSCOPE_PROXY`, else the release binary of the target folder that this test was built in.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os("LAYERSCOPE_PROXY") {
        return path.into();
    }
    let name = format!("layerscope-proxy{}", env::consts::EXE_SUFFIX);
    // target/debug/deps/test-binary
    let target = env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.parent()?.parent()?.to_owned()))
        .unwrap_or_else(|| "target".into());
    target.join("release").join(name)
}
