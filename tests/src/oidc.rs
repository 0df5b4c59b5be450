//! A real OpenID provider: npm's `oidc-provider` on loopback, installed once into the cache.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cache::{self, Lock},
    process::{self, Process},
    skipped,
};

const PROGRAM: &str = include_str!("../oidc/provider.mjs");
const PACKAGE: &str = include_str!("../oidc/package.json");
const LOCK: &str = include_str!("../oidc/package-lock.json");
/// What the provider calls Layerscope's proxy; `provider.mjs` has the same.
pub const CLIENT_ID: &str = "layerscope";
/// By which it knows the proxy.
pub const CLIENT_SECRET: &str = "a%secret+of/two:parts";
/// How long it may take to listen; it takes half a second on a quiet machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running provider; ends on drop.
pub struct Provider {
    process: Process,
    port: u16,
    _state: TempDir,
}

impl Provider {
    /// Starts one on a port that was chosen before, so that others could be told of it. It sends
    /// people back to these addresses alone; access tokens live for `ttl_s` seconds. None, after a
    /// line that says why, where Node.js or the package cannot be had.
    pub fn start(port: u16, redirect_uris: &[String], ttl_s: u64) -> Option<Self> {
        match installed() {
            // It is here: what fails from now on is a failure.
            Ok((node, folder)) => Some(
                Self::launch(&node, &folder, port, redirect_uris, ttl_s)
                    .expect("the provider starts"),
            ),
            Err(error) => {
                skipped("the OpenID provider", error);
                None
            }
        }
    }

    fn launch(
        node: &Path,
        folder: &Path,
        port: u16,
        redirect_uris: &[String],
        ttl_s: u64,
    ) -> io::Result<Self> {
        let state = tempfile::Builder::new()
            .prefix("layerscope-oidc-")
            .tempdir()?;
        let mut command = process::guarded(node);
        command
            .arg(folder.join("provider.mjs"))
            .env("PORT", port.to_string())
            .env("CLIENT_SECRET", CLIENT_SECRET)
            .env("REDIRECT_URIS", json!(redirect_uris).to_string())
            .env("ACCESS_TTL_S", ttl_s.to_string())
            .env_remove("NODE_OPTIONS");
        let mut process = Process::start(command, state.path(), "provider")?;
        process.wait_for(START_LIMIT, |line| {
            line.contains("\"event\":\"listening\"").then_some(())
        })?;
        Ok(Self {
            process,
            port,
            _state: state,
        })
    }

    /// Where one learns who a token belongs to.
    pub fn userinfo(&self) -> String {
        format!("http://127.0.0.1:{}/me", self.port)
    }

    /// How many sign-ins were ended here: signing out, or a token that was used twice.
    pub fn revoked(&self) -> usize {
        let lines = self.process.stdout();
        let ends = |line: &&str| line.contains("\"event\":\"grant.revoked\"");
        lines.lines().filter(ends).count()
    }

    /// Exchanges so far, in order: the grant, and whether it succeeded.
    pub fn grants(&self) -> Vec<(String, bool)> {
        let lines = self.process.stdout();
        let events = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events
            .filter_map(|event| {
                let good = match event["event"].as_str()? {
                    "grant.success" => true,
                    "grant.error" => false,
                    _ => return None,
                };
                Some((event["grant"].as_str().unwrap_or_default().to_owned(), good))
            })
            .collect()
    }
}

/// Node.js, and a folder with the provider and what it needs.
fn installed() -> io::Result<(PathBuf, PathBuf)> {
    let missing = |what: &str| io::Error::other(format!("no {what} on PATH"));
    let node = process::find("node").ok_or_else(|| missing("node"))?;
    let lock: Value = serde_json::from_str(LOCK)?;
    let version = lock["packages"]["node_modules/oidc-provider"]["version"]
        .as_str()
        .unwrap_or("unknown");
    let tools = cache::root().join("tools");
    let folder = tools.join(format!("oidc-provider-{version}"));
    fs::create_dir_all(&folder)?;
    let _lock = Lock::exclusive(&folder)?;
    if !folder.join("node_modules/oidc-provider").is_dir() {
        let npm = process::find("npm").ok_or_else(|| missing("npm"))?;
        println!(
            "installing oidc-provider {version} into {} (once)",
            folder.display()
        );
        fs::write(folder.join("package.json"), PACKAGE)?;
        fs::write(folder.join("package-lock.json"), LOCK)?;
        // `npm ci` takes its files away again where it fails.
        let mut command = Command::new(npm);
        command
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .env_remove("NODE_OPTIONS");
        process::run(&mut command)?;
    }
    let program = folder.join("provider.mjs");
    if fs::read_to_string(&program).ok().as_deref() != Some(PROGRAM) {
        fs::write(&program, PROGRAM)?;
    }
    Ok((node, folder))
}

/// The lines of a proxy's configuration that name such a provider at a port.
pub fn configuration(port: u16, registries: &[String], more: &str) -> String {
    let registries = json!(registries);
    format!(
        "[[provider]]\nid = \"house\"\nname = \"The House\"\nregistry = {registries}\n\
         issuer = \"http://127.0.0.1:{port}\"\nclient-id = \"{CLIENT_ID}\"\n\
         client-secret = \"{CLIENT_SECRET}\"\n{more}\n",
    )
}
