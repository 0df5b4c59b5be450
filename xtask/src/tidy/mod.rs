//! `cargo xtask tidy`: what ARCHITECTURE.md promises, checked by reading the tree.
//!
//! The rules are textual on purpose: they cost no build, and whoever breaks one sees at once
//! which line it was.

mod manifests;
mod rules;
mod scan;
mod test_modules;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::workspace::Workspace;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File, relative to the root, with forward slashes.
    pub path: String,
    /// Line from 1; 0 speaks of the whole file.
    pub line: usize,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Folders that are not the project's own text.
const SKIPPED_FOLDERS: [&str; 6] = ["target", "dist", ".git", "node_modules", "data", "corpus"];

/// Reads the tree and prints every finding; an error if there is one.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    let walk = WalkDir::new(&workspace.root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            !(entry.file_type().is_dir() && SKIPPED_FOLDERS.contains(&name.as_ref()))
        });
    for entry in walk {
        let entry = entry.context("reading the tree")?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = relative(&workspace.root, entry.path());
        if !rules::is_text(&path) {
            continue;
        }
        let bytes = fs::read(entry.path()).with_context(|| format!("reading {path}"))?;
        files.push((path, String::from_utf8_lossy(&bytes).into_owned()));
    }
    let only_tests: BTreeSet<String> = files
        .iter()
        .flat_map(|(path, text)| test_modules::declared(path, text))
        .collect();
    for (path, text) in &files {
        rules::check(
            path,
            text,
            test_modules::contain(&only_tests, path),
            &mut findings,
        );
    }
    manifests::check(workspace, &mut findings)?;

    for finding in &findings {
        println!("tidy: {finding}");
    }
    if !findings.is_empty() {
        bail!("{} broken rules in {} files", findings.len(), files.len());
    }
    println!("tidy: {} files, nothing found", files.len());
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}
