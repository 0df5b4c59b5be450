//! A hash of everything that the built app depends on.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::names::hex;

/// Folders and files that go into the build, relative to the root; what is missing is skipped.
const INPUTS: [&str; 8] = [
    "app",
    "public",
    "xtask/src/dist",
    "Trunk.toml",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    ".cargo",
];
/// Bytes of the hash that are kept: enough to tell builds apart, short enough to read out.
const ID_BYTES: usize = 8;

/// The build id of the sources under `root`, to be served at `public_url`.
pub fn of(root: &Path, public_url: &str) -> Result<String> {
    let mut hasher = Sha256::new();
    add(&mut hasher, public_url.as_bytes());
    for input in INPUTS {
        let start = root.join(input);
        if !start.exists() {
            continue;
        }
        for entry in WalkDir::new(&start).sort_by_file_name() {
            let entry = entry?;
            // Made from the page while it is built.
            let is_made = entry.file_name() == super::SPLIT_PAGE;
            if entry.file_type().is_file() && !is_made {
                let name = entry.path().strip_prefix(root)?.to_string_lossy();
                let content = fs::read(entry.path())
                    .with_context(|| format!("reading {}", entry.path().display()))?;
                add(&mut hasher, name.as_bytes());
                add(&mut hasher, &content);
            }
        }
    }
    Ok(hex(hasher.finalize().get(..ID_BYTES).unwrap_or_default()))
}

/// Each part with its length before it, so that no two lists of parts look the same.
fn add(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_le_bytes());
    hasher.update(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_follows_content_names_and_address() {
        let root = std::env::temp_dir().join(format!("layerscope-hash-{}", std::process::id()));
        fs::create_dir_all(root.join("app")).unwrap();
        fs::write(root.join("app/a.rs"), "one").unwrap();
        let first = of(&root, "./").unwrap();
        assert_eq!(first, of(&root, "./").unwrap());
        assert_ne!(first, of(&root, "/x/").unwrap());
        fs::write(root.join("app/a.rs"), "two").unwrap();
        let second = of(&root, "./").unwrap();
        assert_ne!(first, second);
        fs::rename(root.join("app/a.rs"), root.join("app/b.rs")).unwrap();
        assert_ne!(second, of(&root, "./").unwrap());
        fs::write(root.join("README.md"), "not an input").unwrap();
        assert_eq!(of(&root, "./").unwrap(), of(&root, "./").unwrap());
        fs::remove_dir_all(root).unwrap();
    }
}
