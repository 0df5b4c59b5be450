//! Who may depend on whom, as Cargo itself reads the manifests.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Finding;
use crate::workspace::Workspace;

/// The members and the members each may name.
const MEMBERS: [(&str, &[&str]); 8] = [
    ("layerscope-inflate", &[]),
    ("layerscope-core", &["layerscope-inflate"]),
    ("layerscope-viewers", &["layerscope-core"]),
    (
        "layerscope-app",
        // Peers for `bin/bench` alone.
        &[
            "layerscope-core",
            "layerscope-inflate",
            "layerscope-peers",
            "layerscope-viewers",
        ],
    ),
    ("layerscope-proxy", &["layerscope-core"]),
    (
        "layerscope-tests",
        &[
            "layerscope-core",
            "layerscope-inflate",
            "layerscope-proxy",
            "layerscope-viewers",
        ],
    ),
    ("layerscope-peers", &[]),
    // All for `bench` alone.
    (
        "xtask",
        &["layerscope-core", "layerscope-inflate", "layerscope-peers"],
    ),
];
/// The crates that stay free of any outside.
const PURE: [&str; 3] = [
    "layerscope-inflate",
    "layerscope-core",
    "layerscope-viewers",
];
/// How the crates are named that bring a browser, a runtime or a network.
const OUTSIDE: [&str; 11] = [
    "web-sys",
    "js-sys",
    "wasm-bindgen",
    "leptos",
    "gloo",
    "tokio",
    "reqwest",
    "hyper",
    "async-std",
    "smol",
    "getrandom",
];

/// Asks Cargo for the workspace's manifests and checks their dependencies.
pub fn check(workspace: &Workspace, findings: &mut Vec<Finding>) -> Result<()> {
    let mut command = workspace.cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--offline",
    ]);
    let output = command
        .output()
        .context("`cargo metadata` could not be started")?;
    if !output.status.success() {
        bail!(
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("reading `cargo metadata`")?;
    for package in metadata["packages"]
        .as_array()
        .context("`cargo metadata` lists no packages")?
    {
        let name = package["name"].as_str().unwrap_or_default();
        let dependencies: Vec<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|dependency| dependency["name"].as_str())
            .collect();
        check_package(name, &dependencies, findings);
    }
    Ok(())
}

/// Checks one package; dependencies of every kind and target count.
fn check_package(name: &str, dependencies: &[&str], findings: &mut Vec<Finding>) {
    let mut report = |message: String| {
        findings.push(Finding {
            path: format!("the manifest of {name}"),
            line: 0,
            message,
        });
    };
    let Some((_, allowed)) = MEMBERS.iter().find(|(member, _)| *member == name) else {
        report(
            "an unknown member; say in xtask/src/tidy/manifests.rs what it may depend on"
                .to_owned(),
        );
        return;
    };
    for dependency in dependencies {
        let member = MEMBERS.iter().any(|(member, _)| member == dependency);
        if member && !allowed.contains(dependency) {
            report(format!("{dependency} is not for {name} to depend on"));
        }
        let outside = OUTSIDE.iter().any(|crate_name| {
            dependency == crate_name || dependency.starts_with(&format!("{crate_name}-"))
        });
        if PURE.contains(&name) && outside {
            report(format!("{dependency} in a pure crate"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, dependencies: &[&str], count: usize) {
        let mut findings = Vec::new();
        check_package(name, dependencies, &mut findings);
        assert_eq!(findings.len(), count, "{findings:?}");
    }

    #[test]
    fn pure_crates_stay_pure() {
        check(
            "layerscope-core",
            &["layerscope-inflate", "serde", "sha2"],
            0,
        );
        check("layerscope-core", &["web-sys"], 1);
        check("layerscope-core", &["wasm-bindgen-futures", "tokio"], 2);
        check("layerscope-inflate", &["gloo-net"], 1);
        check("layerscope-app", &["web-sys", "leptos"], 0);
    }

    #[test]
    fn members_keep_their_layers() {
        check("layerscope-inflate", &["layerscope-core"], 1);
        check("layerscope-proxy", &["layerscope-app"], 1);
        check("layerscope-app", &["layerscope-proxy"], 1);
        check(
            "layerscope-tests",
            &["layerscope-proxy", "layerscope-core"],
            0,
        );
        check("layerscope-new", &[], 1);
    }
}
