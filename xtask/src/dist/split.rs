//! A program in several modules: what everybody needs, and the rest.
//!
//! What two of the further modules share is a module of its own, which comes with either. The splitter
//! follows what each split point in `app/src/bin` reaches. It works on the module as it
//! was linked, before wasm-bindgen, so that what Trunk made of it is made again.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
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
    /// The script that loads the further modules.
    link: &'static str,
    /// The further modules, one for each split point.
    further: &'static [&'static str],
    /// How what they share is named: by a number that the splitter chooses.
    shared: Option<&'static str>,
}

/// The module of a layer's page.
pub const LAYER: &str = "split_layer.wasm";
/// The module of the page's other pages.
pub const PAGES: &str = "split_pages.wasm";

/// The page's: the start page is in the first.
pub const PAGE: Program = Program {
    name: "app",
    first: "app.js",
    link: "app_split.js",
    further: &[LAYER, PAGES],
    shared: Some("chunk_"),
};

/// The worker's: gzip and plain tar are in the first.
pub const WORKER: Program = Program {
    name: "worker",
    first: "worker.js",
    link: "worker_split.js",
    further: &["split_formats.wasm"],
    shared: None,
};

/// How the splitter names what loads the second module.
const SPLITTERS_LINK: &str = "__wasm_split.js";

impl Program {
    /// Whether this is one of the further modules, or what they share.
    fn has_module(&self, name: &str) -> bool {
        let is_shared = |begin| name.starts_with(begin) && name.ends_with(".wasm");
        self.further.contains(&name) || self.shared.is_some_and(is_shared)
    }

    /// The further modules that lie in a folder, in order of name.
    pub fn modules(&self, folder: &Path) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if self.has_module(&name) {
                found.push(name);
            }
        }
        found.sort();
        if let Some(missing) = self.further.iter().find(|m| !found.iter().any(|f| f == *m)) {
            bail!("the splitter left no {missing}");
        }
        Ok(found)
    }
}

/// Whether [`rename`] renames it.
pub fn renames(name: &str) -> bool {
    [PAGE, WORKER]
        .iter()
        .any(|p| [p.first, p.link].contains(&name) || p.has_module(name))
}

/// Replaces a program's module in `folder` by several, and adds the script that joins them.
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
            // The further modules are linked to the first by what the linker exports.
            .args(["--target", "web", "--no-typescript", "--keep-lld-exports"])
            .args(["--out-name", program.name, "--out-dir"])
            .arg(folder)
            .arg(parts.join(format!("{}.wasm", program.name))),
    )?;
    let modules = program.modules(&parts)?;
    let copies = modules.iter().map(|name| (name.as_str(), name.as_str()));
    for (from, to) in copies.chain([(SPLITTERS_LINK, program.link)]) {
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
    /// The further modules: the old name of each, and the new one.
    pub modules: Vec<(String, String)>,
}

impl Renamed {
    /// What has to be there before the split point of a module can be entered: the new names.
    pub fn needed_by(&self, module: &str) -> Vec<&str> {
        let is_needed = |old: &str| old == module || !old.starts_with("split_");
        let needed = self.modules.iter().filter(|(old, _)| is_needed(old));
        needed.map(|(_, new)| new.as_str()).collect()
    }
}

/// Gives the further modules and the two scripts, which name each other, names with a hash.
pub fn rename(folder: &Path, program: &Program) -> Result<Renamed> {
    let Program {
        first: first_script,
        link: link_script,
        ..
    } = *program;
    let mut modules = Vec::new();
    for old in program.modules(folder)? {
        let new = names::rename_hashed(folder, &old)?;
        modules.push((old, new));
    }
    let read = |name: &str| {
        fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name}"))
    };
    let first = read(first_script)?;
    let mut link = read(link_script)?;
    for (old, new) in &modules {
        link = link.replace(&format!("./{old}"), &format!("./{new}"));
    }
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
        modules,
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
            "import { b } from \"./app.js\"; \"./chunk_1.wasm\" \"./split_layer.wasm\" \"./split_pages.wasm\"",
        );
        assert!(rename(&folder, &PAGE).is_err(), "no modules");
        write("chunk_1.wasm", "shared");
        write(LAYER, "module");
        write(PAGES, "others");
        let renamed = rename(&folder, &PAGE).unwrap();
        let Renamed { first, link, .. } = &renamed;
        let [chunk, layer] = renamed.needed_by(LAYER)[..] else {
            panic!("{:?}", renamed.modules);
        };
        let pages = renamed.needed_by(PAGES)[1];
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(
            text(first),
            format!("import * as a from \"./{link}\"; {table}")
        );
        assert_eq!(
            text(link),
            format!("import {{ b }} from \"./{first}\"; \"./{chunk}\" \"./{layer}\" \"./{pages}\"")
        );
        assert_eq!(
            (text(chunk), text(layer)),
            ("shared".into(), "module".into())
        );
        assert_eq!(text(pages), "others");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 5);
        fs::remove_dir_all(folder).unwrap();
    }
}
