//! What operators rely on: the API is as `proxy/openapi.yaml` describes it, `proxy/deploy` is what
//! Kubernetes takes, and the configuration in it is what the proxy takes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Cases for each operation of the API at the most, in each of schemathesis' phases.
const CASES: &str = "100";
/// The same cases in every run.
const SEED: &str = "1";
/// The target of a program that needs no system library.
const STATIC_TARGET: &str = "x86_64-unknown-linux-musl";

/// Checks all of it with the proxy that is built.
pub fn run(workspace: &Workspace) -> Result<()> {
    let python = Tools::find()?.python(workspace)?;
    manifests(workspace, &python)?;
    configuration(workspace)?;
    api(workspace, &python)
}

/// Builds the proxy as one static program: what `proxy/deploy/Containerfile` copies.
pub fn static_proxy(workspace: &Workspace) -> Result<()> {
    Tools::find()?.target(STATIC_TARGET)?;
    if shell::on_path("musl-gcc").is_none() {
        bail!(
            "ring has parts in C, for which musl-gcc is missing; on Debian: apt-get install musl-tools"
        );
    }
    let arguments = ["build", "--release", "--locked", "-p", "layerscope-proxy"];
    shell::run(
        workspace
            .cargo(&arguments)
            .args(["--target", STATIC_TARGET])
            .env("CC_x86_64_unknown_linux_musl", "musl-gcc")
            .env("LAYERSCOPE_DIST", &workspace.dist),
    )?;
    let folder = workspace.target.join(STATIC_TARGET).join("release");
    println!("{}", folder.join("layerscope-proxy").display());
    Ok(())
}

/// Every manifest against the schema of its kind; what that does not know is an error.
fn manifests(workspace: &Workspace, python: &Path) -> Result<()> {
    let folder = workspace.root.join("proxy/deploy/kubernetes");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    shell::run(
        Command::new(python)
            .args(["-m", "kubernetes_validate", "--strict"])
            .args(&files),
    )?;
    println!("{} files of Kubernetes manifests are valid", files.len());
    Ok(())
}

/// The text of the ConfigMap's file: the lines of its block, without their indentation.
fn embedded(text: &str) -> String {
    const INDENT: &str = "    ";
    text.lines()
        .skip_while(|line| !line.ends_with("proxy.toml: |"))
        .skip(1)
        .map_while(|line| match line.strip_prefix(INDENT) {
            None if line.is_empty() => Some(line),
            rest => rest,
        })
        .flat_map(|line| [line, "\n"])
        .collect()
}

fn configuration(workspace: &Workspace) -> Result<()> {
    let text = fs::read_to_string(workspace.root.join("proxy/deploy/kubernetes/config.yaml"))?;
    let file = workspace.target.join("deployed.toml");
    fs::write(&file, embedded(&text))?;
    let output = shell::output(
        proxy(workspace)
            .args(["--listen", "0.0.0.0:8080", "--print-config", "--config"])
            .arg(&file),
    )?;
    let printed = String::from_utf8(output)?;
    for expect in ["index.docker.io", "drain-s = 280", "10.0.0.0/8"] {
        if !printed.contains(expect) {
            bail!("the deployed configuration comes to nothing about {expect}: {printed}");
        }
    }
    let deployment = fs::read_to_string(
        workspace
            .root
            .join("proxy/deploy/kubernetes/deployment.yaml"),
    )?;
    let (most, limit) =
        memory(&printed, &deployment).context("limits.memory or a limit is none")?;
    if most > limit {
        bail!("the deployed limits come to {most} MiB, of which the pod has {limit}");
    }
    println!(
        "the deployed configuration is one that the proxy takes: at most {most} of {limit} MiB"
    );
    Ok(())
}

/// MiB that the proxy may take at the most by its configuration, and that its pod has. How it adds
/// up is in `proxy/deploy/README.md`.
fn memory(printed: &str, deployment: &str) -> Option<(u64, u64)> {
    /// KiB of each.
    const STREAM: u64 = 200;
    const REQUEST: u64 = 64;
    const CONNECTION: u64 = 64;
    const PROGRAM: u64 = 64 << 10;
    let number = |name: &str| -> Option<u64> {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line?.strip_prefix(" = ")?.parse().ok()
    };
    let kib = number("streams")? * STREAM
        + number("requests")? * REQUEST
        + (number("answers-mib")? << 10)
        + number("connections")? * CONNECTION
        + PROGRAM;
    let (_, limit) = deployment.split_once("limits: {memory: ")?;
    let (limit, _) = limit.split_once("Mi}")?;
    Some((kib.div_ceil(1 << 10), limit.parse().ok()?))
}

fn proxy(workspace: &Workspace) -> Command {
    let mut command = Command::new(workspace.proxy_binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAYERSCOPE_") {
            command.env_remove(name);
        }
    }
    command
}

/// A proxy that is ended with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A token endpoint that gives tokens for whatever is asked: what is looked at is the proxy's
/// answer. It counts how often it was asked, and ends with the process.
fn token_endpoint() -> Result<(SocketAddr, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let count = count.clone();
            // One that fails is one that the proxy complains of.
            thread::spawn(move || give_tokens(&stream, &count));
        }
    });
    Ok((address, asked))
}

/// Answers the requests of one connection.
fn give_tokens(mut stream: &TcpStream, count: &AtomicUsize) -> std::io::Result<()> {
    const TOKENS: &str = r#"{"access_token":"an-access","refresh_token":"a-refresh","id_token":"an.id.token","expires_in":3600,"token_type":"Bearer"}"#;
    let mut reader = BufReader::new(stream);
    loop {
        let mut len = 0;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                len = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        reader.read_exact(&mut vec![0; len])?;
        count.fetch_add(1, Ordering::Relaxed);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{TOKENS}",
            TOKENS.len()
        )?;
    }
}

/// schemathesis asks what the description allows, and what it does not, of the sample registry and
/// of a provider on loopback: nothing here goes to a network.
fn api(workspace: &Workspace, python: &Path) -> Result<()> {
    let (tokens, asked) = token_endpoint()?;
    let limits = workspace.target.join("operators.toml");
    fs::write(
        &limits,
        "[limits]\nclient-rate = 1000000\nupstream-rate = 1000000\n",
    )?;
    let provider = format!(
        r#"{{ id = "op", registry = ["sample.localhost"], authorization-endpoint = "https://op.example/auth", token-endpoint = "http://{tokens}/token", revocation-endpoint = "http://{tokens}/revoke", client-id = "c", client-secret = "s", username = "u" }}"#
    );
    let mut child = proxy(workspace)
        .args(["--listen", "127.0.0.1:0", "--registry", "sample.localhost"])
        .args(["--provider", &provider])
        .args(["--allow-private", &tokens.to_string()])
        .args(["--plain-http", &tokens.to_string()])
        .arg("--config")
        .arg(&limits)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the proxy")?;
    let out = child.stdout.take().context("its output was not piped")?;
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let base = line
        .trim()
        .strip_prefix("layerscope-proxy listening on ")
        .context("the proxy does not say where it listens")?;
    let mut said = Vec::new();
    let ok = shell::run_watched(
        Command::new(python)
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(workspace.root.join("tests/schemathesis.toml"))
            .arg("run")
            .arg(workspace.root.join("proxy/openapi.yaml"))
            .args(["--url", base, "--checks", "all", "--no-color"])
            .args(["--seed", SEED, "--max-examples", CASES])
            .args(["--generation-database", "none", "--continue-on-failure"])
            .current_dir(&workspace.target),
        |line| said.push(line.to_owned()),
    )?;
    drop(running);
    let cases = said
        .iter()
        .find(|line| line.contains(" generated, "))
        .map_or("no case", |line| line.trim());
    if !ok {
        bail!("the API is not what proxy/openapi.yaml says: {cases}");
    }
    let asked = asked.load(Ordering::Relaxed);
    if asked == 0 {
        bail!("schemathesis never signed in: {cases}");
    }
    println!("schemathesis: {cases}; {asked} sign-ins reached the provider");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_adds_up() {
        let printed = "connections = 4096\nstreams = 1000\nclient-streams = 64\nrequests = 512\nanswers-mib = 128\n";
        let pod = "limits: {memory: 768Mi}";
        // 64 for the program, 196 for streams, 32 for requests, 128 and 256.
        assert_eq!(memory(printed, pod), Some((676, 768)));
        assert_eq!(memory("", pod), None);
        assert_eq!(memory(printed, ""), None);
    }

    #[test]
    fn the_file_in_a_config_map() {
        let text = "data:\n  proxy.toml: |\n    a = 1\n\n    [b]\n      c = 2\nother: x\n";
        assert_eq!(embedded(text), "a = 1\n\n[b]\n  c = 2\n");
        assert_eq!(embedded("data: {}\n"), "");
    }
}
