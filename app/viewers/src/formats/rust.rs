//! What is known of how a program was compiled: the compilers' own words, and the list of crates
//! that cargo-auditable adds to programs in Rust.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use object::read::File;
use serde_json::Value;

use super::{elf, program};
use crate::model::{Block, Cell, Section, Table};
use crate::source::Source;

/// Most bytes that the list of crates may unpack to: the largest programs have 0.2 MB.
const MAX_LIST: usize = 8 << 20;

/// What is to be seen of it.
pub(super) fn sections<'d>(file: &File<'d, &'d Source>) -> Vec<Section> {
    let mut sections = Vec::new();
    let comments = elf::comments(file);
    if !comments.is_empty() {
        let facts = comments.into_iter().map(|text| {
            let who = match text.split([' ', ':', '/']).next() {
                Some("rustc") => "Rust",
                Some("GCC") => "GCC",
                Some("clang" | "Linker") => "LLVM",
                _ => "",
            };
            (who.to_owned(), Cell::mono(text))
        });
        sections.push(Section::new(
            "Compiled by",
            vec![Block::Facts(facts.collect())],
        ));
    }
    sections.extend(crates(file));
    sections
}

fn crates<'d>(file: &File<'d, &'d Source>) -> Option<Section> {
    let packed = program::section_data(file, &[".dep-v0", "rust-deps-v0"])?;
    let list = decompress_to_vec_zlib_with_limit(packed, MAX_LIST).ok()?;
    let list: Value = serde_json::from_slice(&list).ok()?;
    let mut table = Table::new("crates", &["Crate", "Version", "From"]);
    for package in list.get("packages")?.as_array()? {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, version, source) = (text("name"), text("version"), text("source"));
        let plain = |t: &str| {
            t.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._+".contains(&b))
        };
        let link = (source == "crates.io" && plain(name) && plain(version))
            .then(|| format!("https://crates.io/crates/{name}/{version}"));
        let row = vec![
            Cell::mono(name).link(link),
            Cell::mono(version),
            Cell::text(source),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table("Crates", table)
}
