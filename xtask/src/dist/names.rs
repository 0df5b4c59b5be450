//! Names that change with the content, so that a cache may keep a file for ever.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// Bytes of the hash in a name: 64 bits tell the builds of one app apart.
const HASH_BYTES: usize = 8;
/// Files whose address others have to know: they keep their names.
const FIXED: [&str; 3] = ["callback.js", "sw.js", "layerscope-embed.js"];

/// `bytes` as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The top-level scripts, style sheets and modules of a folder, in order of name; the workers'
/// loaders, which are written later, and the parts that name each other are left out.
pub fn hashable(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let code = [".js", ".css", ".wasm"]
            .iter()
            .any(|end| name.ends_with(end));
        if entry.file_type()?.is_file()
            && code
            && !name.ends_with("_loader.js")
            && !super::split::renames(&name)
            && !FIXED.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Renames a file after its content and returns the new name.
pub fn rename_hashed(folder: &Path, name: &str) -> Result<String> {
    let content = fs::read(folder.join(name)).with_context(|| format!("reading {name}"))?;
    let hashed = with_hash(name, &hash(&Sha256::digest(&content)));
    fs::rename(folder.join(name), folder.join(&hashed))?;
    Ok(hashed)
}

/// As much of a digest as stands in a name.
pub fn hash(digest: &[u8]) -> String {
    hex(digest.get(..HASH_BYTES).unwrap_or_default())
}

/// `app.js` becomes `app-HASH.js`, `app_bg.wasm` becomes `app-HASH_bg.wasm`.
pub fn with_hash(name: &str, hash: &str) -> String {
    let at = name
        .find("_bg.")
        .or_else(|| name.rfind('.'))
        .unwrap_or(name.len());
    let (stem, rest) = name.split_at(at);
    format!("{stem}-{hash}{rest}")
}

/// The one file of a folder whose name begins and ends so.
pub fn find(folder: &Path, begin: &str, end: &str) -> Result<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(begin) && name.ends_with(end) {
            found.push(name);
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        _ => bail!(
            "expected one file {begin}…{end} in {}, found {found:?}",
            folder.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: &str) {
        assert_eq!(with_hash(name, "00ff"), expect);
    }

    #[test]
    fn the_hash_goes_before_the_ending() {
        check("app.js", "app-00ff.js");
        check("app_bg.wasm", "app-00ff_bg.wasm");
        check("worker_loader.js", "worker_loader-00ff.js");
        check("main.min.css", "main.min-00ff.css");
        check("LICENSE", "LICENSE-00ff");
    }
}
