//! The page's program in two modules: what the start page needs, and the rest.
//!
//! The splitter follows what each split point of `app/src/bin/app.rs` reaches. It works on the
//! module as it was linked, before wasm-bindgen, so that what Trunk made of it is made again.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::names;
use crate::shell;
use crate::workspace::Workspace;

/// The second module.
pub const SECOND: &str = "split_pages.wasm";
/// The script that loads it.
const LINK: &str = "__wasm_split.js";
/// The script of the first.
const FIRST: &str = "app.js";

/// What [`rename`] renames.
pub const NAMES: [&str; 3] = [FIRST, LINK, SECOND];

/// Replaces the page's module in `folder` by two, and adds the script that joins them.
pub fn run(
    workspace: &Workspace,
    wasm_split: &Path,
    wasm_bindgen: &Path,
    folder: &Path,
) -> Result<()> {
    let linked = workspace.wasm_module("app");
    let parts = workspace.target.join("xtask-split");
    super::empty(&parts)?;
    shell::run(
        Command::new(wasm_split)
            .args(["--target", "web", "--out-name", "app"])
            .args([&linked, &parts])
            // Its errors say what failed; where in its own code it was is of no use.
            .env_remove("RUST_BACKTRACE"),
    )?;
    shell::run(
        Command::new(wasm_bindgen)
            // The second module is linked to the first by what the linker exports.
            .args(["--target", "web", "--no-typescript", "--keep-lld-exports"])
            .args(["--out-name", "app", "--out-dir"])
            .args([folder, &parts.join("app.wasm")]),
    )?;
    for name in [SECOND, LINK] {
        fs::copy(parts.join(name), folder.join(name))
            .with_context(|| format!("the splitter left no {name}"))?;
    }
    Ok(())
}

/// The names with their hashes.
pub struct Renamed {
    /// The first module's script.
    pub first: String,
    /// The script that it imports.
    pub link: String,
    /// The second module.
    pub second: String,
}

/// Gives the second module and the two scripts, which name each other, names with a hash.
pub fn rename(folder: &Path) -> Result<Renamed> {
    let second = names::rename_hashed(folder, SECOND)?;
    let read = |name: &str| {
        fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name}"))
    };
    let (first, link) = (read(FIRST)?, read(LINK)?.replace(SECOND, &second));
    let hash = names::hash(&Sha256::digest([first.as_str(), &link].concat()));
    let (first_name, link_name) = (
        names::with_hash(FIRST, &hash),
        names::with_hash(LINK, &hash),
    );
    for (old, new, text) in [
        // Only where it is imported: by its old name the module asks for what it exports.
        (
            FIRST,
            &first_name,
            first.replace(
                &format!("from \"./{LINK}\""),
                &format!("from \"./{link_name}\""),
            ),
        ),
        (LINK, &link_name, link.replace(FIRST, &first_name)),
    ] {
        fs::write(folder.join(new), text)?;
        fs::remove_file(folder.join(old))?;
    }
    Ok(Renamed {
        first: first_name,
        link: link_name,
        second,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_name_each_other() {
        let folder = std::env::temp_dir().join(format!("layerscope-split-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let table = "{ \"./__wasm_split.js\": a }";
        write(
            FIRST,
            &format!("import * as a from \"./__wasm_split.js\"; {table}"),
        );
        write(
            LINK,
            "import { b } from \"./app.js\"; \"./split_pages.wasm\"",
        );
        write(SECOND, "module");
        let Renamed {
            first,
            link,
            second,
        } = rename(&folder).unwrap();
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(
            text(&first),
            format!("import * as a from \"./{link}\"; {table}")
        );
        assert_eq!(
            text(&link),
            format!("import {{ b }} from \"./{first}\"; \"./{second}\"")
        );
        assert_eq!(text(&second), "module");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
        fs::remove_dir_all(folder).unwrap();
    }
}
