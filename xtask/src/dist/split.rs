//! A program in two modules: what everybody needs, and the rest.
//!
//! The splitter follows what each split point in `app/src/bin` reaches. It works on the module as it
//! was linked, before wasm-bindgen, so that what Trunk made of it is made again.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::names;
use crate::shell;
use crate::workspace::Workspace;

/// A program that is split.
pub struct Program {
    /// Its name.
    name: &'static str,
    /// The script of the first module.
    pub first: &'static str,
    /// The script that loads the second.
    link: &'static str,
    /// The second module.
    pub second: &'static str,
}

/// The page's: the start page is in the first.
pub const PAGE: Program = Program {
    name: "app",
    first: "app.js",
    link: "app_split.js",
    second: "split_pages.wasm",
};

/// The worker's: gzip and plain tar are in the first.
pub const WORKER: Program = Program {
    name: "worker",
    first: "worker.js",
    link: "worker_split.js",
    second: "split_formats.wasm",
};

/// How the splitter names what loads the second module.
const SPLITTERS_LINK: &str = "__wasm_split.js";

/// Whether [`rename`] renames it.
pub fn renames(name: &str) -> bool {
    [PAGE, WORKER]
        .iter()
        .any(|p| [p.first, p.link, p.second].contains(&name))
}

/// Replaces a program's module in `folder` by two, and adds the script that joins them.
pub fn run(
    workspace: &Workspace,
    wasm_split: &Path,
    wasm_bindgen: &Path,
    folder: &Path,
    program: &Program,
) -> Result<()> {
    let linked = workspace.wasm_module(program.name);
    let parts = workspace.target.join("xtask-split").join(program.name);
    super::empty(&parts)?;
    shell::run(
        Command::new(wasm_split)
            .args(["--target", "web", "--out-name", program.name])
            .args([&linked, &parts])
            // Its errors say what failed; where in its own code it was is of no use.
            .env_remove("RUST_BACKTRACE"),
    )?;
    shell::run(
        Command::new(wasm_bindgen)
            // The second module is linked to the first by what the linker exports.
            .args(["--target", "web", "--no-typescript", "--keep-lld-exports"])
            .args(["--out-name", program.name, "--out-dir"])
            .arg(folder)
            .arg(parts.join(format!("{}.wasm", program.name))),
    )?;
    for (from, to) in [
        (program.second, program.second),
        (SPLITTERS_LINK, program.link),
    ] {
        fs::copy(parts.join(from), folder.join(to))
            .with_context(|| format!("the splitter left no {from}"))?;
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
pub fn rename(folder: &Path, program: &Program) -> Result<Renamed> {
    let Program {
        first: first_script,
        link: link_script,
        second: second_module,
        ..
    } = *program;
    let second = names::rename_hashed(folder, second_module)?;
    let read = |name: &str| {
        fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name}"))
    };
    let (first, link) = (
        read(first_script)?,
        read(link_script)?.replace(second_module, &second),
    );
    let hash = names::hash(&Sha256::digest([first.as_str(), &link].concat()));
    let (first_name, link_name) = (
        names::with_hash(first_script, &hash),
        names::with_hash(link_script, &hash),
    );
    for (old, new, text) in [
        // Only where it is imported: by its old name the module asks for what it exports.
        (
            first_script,
            &first_name,
            first.replace(
                &format!("from \"./{SPLITTERS_LINK}\""),
                &format!("from \"./{link_name}\""),
            ),
        ),
        (
            link_script,
            &link_name,
            link.replace(first_script, &first_name),
        ),
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
            PAGE.first,
            &format!("import * as a from \"./__wasm_split.js\"; {table}"),
        );
        write(
            PAGE.link,
            "import { b } from \"./app.js\"; \"./split_pages.wasm\"",
        );
        write(PAGE.second, "module");
        let Renamed {
            first,
            link,
            second,
        } = rename(&folder, &PAGE).unwrap();
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
