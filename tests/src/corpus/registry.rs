//! Debian's docker-registry as a child process, behind a recorder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    apt, process,
    process::Process,
    recorder::{Log, Recorder},
    token_server::{self, TokenServer},
};

/// How a registry asks who is there.
pub enum Auth<'a> {
    /// It does not ask.
    Anonymous,
    /// `Basic`, with the user and password of [`token_server`].
    Basic,
    /// `Bearer`, with tokens of this server.
    Bearer(&'a TokenServer),
}

/// How long a registry may take to listen; it takes some 50 ms on a quiet machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Starts docker-registry by a configuration that listens at any port; gives its host and port.
pub(super) fn serve(
    binary: &Path,
    config: &Path,
    state: &Path,
    name: &str,
) -> io::Result<(Process, String)> {
    let mut command = process::guarded(binary);
    command
        .arg("serve")
        .arg(config)
        // With this variable of the reader's set, the S3 driver panics.
        .env_remove("AWS_CA_BUNDLE")
        .env("OTEL_TRACES_EXPORTER", "none");
    let mut process = Process::start(command, state, name)?;
    let host = process.wait_for(START_LIMIT, |line| {
        let (_, rest) = line.split_once("listening on ")?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
            .unwrap_or(rest.len());
        Some(rest[..end].to_owned())
    })?;
    Ok((process, host))
}

/// One running registry.
pub struct Registry {
    recorder: Recorder,
    process: Process,
    host: String,
}

/// A line of docker-registry's own access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLine {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The answer's status.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: u64,
}

impl AccessLine {
    /// Reads the combined log format: `host - - [time] "GET /v2/ HTTP/1.1" 200 2 "" "agent"`.
    pub fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("] \"")?;
        let (request, rest) = rest.split_once("\" ")?;
        let mut request = request.split(' ');
        let mut rest = rest.split(' ');
        Some(Self {
            method: request.next()?.to_owned(),
            target: request.next()?.to_owned(),
            status: rest.next()?.parse().ok()?,
            bytes: rest.next()?.parse().ok()?,
        })
    }
}

impl Registry {
    /// Starts `binary` over the images in `store`; configuration and logs go to `state`.
    pub fn start(
        binary: &Path,
        store: &Path,
        state: &Path,
        name: &str,
        auth: Auth<'_>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Self::start_for(binary, store, state, name, auth, None)
    }

    /// The same, with the headers (CORS) that let pages of `origin` read its answers, as
    /// distribution documents them (`http.headers`). It answers OPTIONS only where it asks nobody
    /// who they are.
    pub fn start_for(
        binary: &Path,
        store: &Path,
        state: &Path,
        name: &str,
        auth: Auth<'_>,
        origin: Option<&str>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let headers = origin.map_or(String::new(), |origin| {
            format!(
                ", headers: {{Access-Control-Allow-Origin: ['{origin}'], \
                 Access-Control-Allow-Methods: ['GET, HEAD, OPTIONS'], \
                 Access-Control-Allow-Headers: ['Accept, Authorization, Range, If-None-Match'], \
                 Access-Control-Expose-Headers: ['Docker-Content-Digest, WWW-Authenticate, Link, \
                 Content-Range, Accept-Ranges, ETag, OCI-Filters-Applied']}}"
            )
        });
        let auth = match auth {
            Auth::Anonymous => String::new(),
            Auth::Basic => {
                let file = state.join("htpasswd");
                // The lowest cost: the password is no secret and every request pays for it.
                let hash = bcrypt::hash(token_server::PASSWORD, 4)?;
                fs::write(&file, format!("{}:{hash}\n", token_server::USER))?;
                format!(
                    "auth: {{htpasswd: {{realm: layerscope, path: '{}'}}}}\n",
                    file.display()
                )
            }
            Auth::Bearer(tokens) => {
                let file = state.join("token.pem");
                fs::write(&file, tokens.certificate_pem())?;
                format!(
                    "auth: {{token: {{realm: '{}', service: {}, issuer: {}, rootcertbundle: '{}'}}}}\n",
                    tokens.realm(),
                    token_server::SERVICE,
                    token_server::ISSUER,
                    file.display()
                )
            }
        };
        let config = state.join(format!("{name}.yml"));
        fs::write(
            &config,
            format!(
                "version: 0.1\n\
                 log: {{level: info, accesslog: {{disabled: false}}}}\n\
                 storage: {{filesystem: {{rootdirectory: '{}'}}, cache: {{blobdescriptor: inmemory}}}}\n\
                 http: {{addr: '127.0.0.1:0', relativeurls: true{headers}}}\n{auth}",
                store.display()
            ),
        )?;
        let (process, host) = serve(binary, &config, state, name)?;
        Ok(Self {
            recorder: Recorder::start(&host)?,
            process,
            host,
        })
    }

    /// `127.0.0.1:PORT`, through the recorder: what references and proxy flags name.
    pub fn host(&self) -> String {
        self.recorder.host()
    }

    /// `127.0.0.1:PORT` of the registry itself, for what a test does not want to see recorded.
    pub fn direct_host(&self) -> &str {
        &self.host
    }

    /// What passed the recorder.
    pub fn log(&self) -> &Log {
        self.recorder.log()
    }

    /// The recorder, to slow it down.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The registry's own access log.
    pub fn access_log(&self) -> Vec<AccessLine> {
        self.process
            .stdout()
            .lines()
            .filter_map(AccessLine::parse)
            .collect()
    }

    /// The process id, for a test that looks whether it is gone.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

/// Finds docker-registry: `$DOCKER_REGISTRY`, PATH, or Debian's package unpacked into the cache.
/// The package is not *installed*, because that would start a service on the reader's machine.
pub fn docker_registry() -> io::Result<PathBuf> {
    if let Some(path) = std::env::var_os("DOCKER_REGISTRY") {
        return Ok(path.into());
    }
    if let Some(path) = process::find("docker-registry") {
        return Ok(path);
    }
    apt::unpacked("docker-registry", "usr/bin/docker-registry")
}

#[cfg(test)]
mod tests {
    use super::AccessLine;

    #[test]
    fn access_line() {
        let line = "127.0.0.1 - - [24/Nov/2026:01:00:00 +0000] \"GET /v2/a/blobs/sha256:0 HTTP/1.1\" 206 12 \"\" \"x/1\"";
        let expect = AccessLine {
            method: "GET".into(),
            target: "/v2/a/blobs/sha256:0".into(),
            status: 206,
            bytes: 12,
        };
        assert_eq!(AccessLine::parse(line), Some(expect));
        assert_eq!(
            AccessLine::parse("time=\"…\" level=info msg=\"listening\""),
            None
        );
    }
}
