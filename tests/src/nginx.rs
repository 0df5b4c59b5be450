//! Debian's nginx as a child process: what operators put before, beside or instead of our proxy.

use std::{
    fs, io,
    net::TcpStream,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{apt, net::free_port, process, process::Process};

/// How long it may take to listen; it takes some 20 ms on a quiet machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long its workers may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running nginx; ended on drop.
pub struct Nginx {
    process: Process,
    host: String,
    state: TempDir,
}

impl Nginx {
    /// Starts one with this in its `http` block; `{host}` stands for where it shall listen.
    ///
    /// # Errors
    /// nginx cannot be had, does not like the configuration, or does not listen.
    pub fn start(http: &str) -> io::Result<Self> {
        let binary = nginx()?;
        let state = tempfile::Builder::new()
            .prefix("layerscope-nginx-")
            .tempdir()?;
        let host = format!("127.0.0.1:{}", free_port()?);
        let dir = state.path().display();
        // What a package's own configuration would put into folders of the system.
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {dir}/{name};\n"))
            .concat();
        // As root its workers would become another user, who may not read the state.
        let user = match process::run(Command::new("id").arg("-u")) {
            Ok(id) if id.trim_ascii() == b"0" => "user root;\n",
            _ => "",
        };
        let config = format!(
            "{user}daemon off;\nworker_processes auto;\npid {dir}/pid;\n\
             error_log {dir}/error.log;\nevents {{ worker_connections 4096; }}\n\
             http {{\naccess_log {dir}/access.log;\n{temporary}{}\n}}\n",
            http.replace("{host}", &host)
        );
        let file = state.path().join("nginx.conf");
        fs::write(&file, config)?;
        // By TERM its master ends the workers too; KILL would leave them.
        let mut command = match process::find("setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "TERM", "--"]).arg(&binary);
                command
            }
            None => Command::new(&binary),
        };
        command.arg("-e").arg(state.path().join("error.log"));
        command.arg("-p").arg(state.path()).arg("-c").arg(&file);
        let mut process = Process::start(command, state.path(), "nginx")?;
        let end = Instant::now() + START_LIMIT;
        while TcpStream::connect(&host).is_err() {
            let said = || fs::read_to_string(state.path().join("error.log")).unwrap_or_default();
            if process.has_ended()? || Instant::now() > end {
                return Err(io::Error::other(format!(
                    "nginx does not listen: {}{}",
                    process.stderr(),
                    said()
                )));
            }
            std::thread::sleep(Duration::from_millis(15));
        }
        Ok(Self {
            process,
            host,
            state,
        })
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its access log so far.
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.state.path().join("access.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        // Where that fails the process is gone, or is killed with `process`.
        let _ = process::run(Command::new("kill").args(["-TERM", &id]));
        let end = Instant::now() + STOP_LIMIT;
        while Instant::now() < end && matches!(self.process.has_ended(), Ok(false)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Finds nginx: `$NGINX`, PATH, or Debian's package unpacked into the cache. The package is not
/// *installed*, because that would start a service on the reader's machine.
///
/// # Errors
/// This is not Debian, or its packages cannot be reached.
pub fn nginx() -> io::Result<PathBuf> {
    if let Some(path) = std::env::var_os("NGINX") {
        return Ok(path.into());
    }
    if let Some(path) = process::find("nginx").or_else(|| process::find("/usr/sbin/nginx")) {
        return Ok(path);
    }
    apt::unpacked("nginx", "usr/sbin/nginx")
}
