//! Lists the files of the built app, where `LAYERSCOPE_DIST` names one, so that they are embedded.
//! It runs no build of its own: without that variable the proxy says how to make one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=LAYERSCOPE_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if let Some(dist) = env::var_os("LAYERSCOPE_DIST").filter(|value| !value.is_empty()) {
        // Build scripts run in the package's folder; the variable speaks from the workspace's.
        let dist = Path::new("..").join(PathBuf::from(dist)).canonicalize()?;
        println!("cargo::rerun-if-changed={}", dist.display());
        list(&dist, "", &mut files)?;
    }
    files.sort();
    let mut text = String::from("pub(super) static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        // Debug is Rust's own escaping.
        writeln!(text, "    ({name:?}, include_bytes!({path:?})),").map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(Path::new(&out).join("embedded.rs"), text)
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| io::Error::other(format!("{name:?} is not UTF-8")))?;
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}
