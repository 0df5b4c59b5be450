//! What ELF alone has: segments, the dynamic table, how a program is protected.

use object::elf as consts;
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::read::{File, Object, ObjectSection};
use object::{Endianness, FileFlags};

use crate::model::{Block, Cell, Section, Table};
use crate::source::Source;

/// Whether it names the program that loads it, as those do that are started and not only linked.
pub(super) fn has_interpreter<'d>(file: &File<'d, &'d Source>) -> bool {
    file.section_by_name(".interp").is_some()
}

type Elf<'d, H> = ElfFile<'d, H, &'d Source>;

/// What the header, the program headers and the dynamic table say in one line each.
pub(super) fn facts<'d, H>(file: &Elf<'d, H>, source: &'d Source) -> Vec<(String, Cell)>
where
    H: FileHeader<Endian = Endianness>,
{
    let endian = file.endian();
    let mut facts = Vec::new();
    if let FileFlags::Elf { os_abi, .. } = file.flags()
        && let Some(name) = os_abi.name()
    {
        let name = name.trim_start_matches("ELFOSABI_");
        facts.push(("System".into(), Cell::text(name)));
    }
    let headers = file.elf_program_headers();
    for header in headers {
        if let Ok(Some(path)) = header.interpreter(endian, source) {
            facts.push(("Loaded by".into(), Cell::bytes(path)));
        }
    }
    for (name, tag) in [
        ("Own name", consts::DT_SONAME),
        ("Looks for libraries in", consts::DT_RUNPATH),
        ("Looks for libraries first in", consts::DT_RPATH),
    ] {
        for value in dynamic(file, tag) {
            facts.push((name.into(), Cell::bytes(value)));
        }
    }
    if !headers.is_empty() {
        let found = |wanted| headers.iter().find(|h| h.p_type(endian) == wanted);
        let stack = found(consts::PT_GNU_STACK);
        let runs = stack.is_none_or(|h| h.p_flags(endian).contains(consts::PF_X));
        let now = file.elf_dynamic_table().is_ok_and(|t| {
            t.iter()
                .any(|d| d.tag == consts::DT_BIND_NOW || binds_now(&d))
        });
        let relro = match (found(consts::PT_GNU_RELRO).is_some(), now) {
            (true, true) => "full",
            (true, false) => "partial",
            (false, _) => "none",
        };
        let protection = format!(
            "stack {}, read-only relocations: {relro}",
            if runs {
                "can be executed"
            } else {
                "cannot be executed"
            },
        );
        facts.push(("Protection".into(), Cell::text(protection)));
    }
    facts
}

fn binds_now(entry: &object::read::elf::Dynamic) -> bool {
    const DF_BIND_NOW: u64 = 8;
    const DF_1_NOW: u64 = 1;
    (entry.tag == consts::DT_FLAGS && entry.val & DF_BIND_NOW != 0)
        || (entry.tag == consts::DT_FLAGS_1 && entry.val & DF_1_NOW != 0)
}

/// The texts that the dynamic table has under a tag.
fn dynamic<'d, H>(file: &Elf<'d, H>, tag: consts::DynamicTag) -> Vec<&'d [u8]>
where
    H: FileHeader<Endian = Endianness>,
{
    let Ok(table) = file.elf_dynamic_table() else {
        return Vec::new();
    };
    let entries = table.iter().filter(|d| d.tag == tag);
    entries.filter_map(|d| table.string(d).ok()).collect()
}

/// The libraries that it needs, in the order in which they are loaded.
pub(super) fn libraries<'d, H>(file: &Elf<'d, H>) -> Option<Section>
where
    H: FileHeader<Endian = Endianness>,
{
    let needed = dynamic(file, consts::DT_NEEDED);
    if needed.is_empty() {
        let is_linked = file.section_by_name(".dynamic").is_some();
        let told = "It needs no libraries: it is linked statically.";
        let is_program = file.elf_header().e_type(file.endian()) != consts::ET_REL;
        return (!is_linked && is_program)
            .then(|| Section::new("Libraries needed", vec![Block::Text(told.into())]));
    }
    let mut table = Table::new("libraries", &["Library"]);
    for name in needed {
        table.push(vec![Cell::bytes(name)]);
    }
    Section::table("Libraries needed", table)
}

/// What is loaded where.
pub(super) fn segments<'d, H>(file: &Elf<'d, H>) -> Option<Section>
where
    H: FileHeader<Endian = Endianness>,
{
    let endian = file.endian();
    let mut table = Table::new(
        "segments",
        &[
            "Type",
            "May be",
            "#Address",
            "#In the file at",
            "#Size in the file",
            "#In memory",
        ],
    );
    for header in file.elf_program_headers() {
        let kind = header.p_type(endian);
        let name = kind
            .name()
            .map_or_else(|| format!("{kind:?}"), str::to_owned);
        let flags = header.p_flags(endian);
        let may: Vec<&str> = [
            (consts::PF_R, "read"),
            (consts::PF_W, "written"),
            (consts::PF_X, "executed"),
        ]
        .into_iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, word)| word)
        .collect();
        table.push(vec![
            Cell::mono(name.trim_start_matches("PT_")),
            Cell::text(may.join(", ")),
            Cell::hex(header.p_vaddr(endian).into()),
            Cell::hex(header.p_offset(endian).into()),
            Cell::size(header.p_filesz(endian).into()),
            Cell::size(header.p_memsz(endian).into()),
        ]);
    }
    Section::table("Segments", table).map(Section::folded)
}

/// What compilers and linkers wrote about themselves.
pub(super) fn comments<'d>(file: &File<'d, &'d Source>) -> Vec<String> {
    let data = file.section_by_name(".comment").and_then(|s| s.data().ok());
    let texts = data.unwrap_or_default().split(|b| *b == 0);
    let texts = texts.filter(|t| !t.is_empty()).take(100);
    texts
        .map(|t| String::from_utf8_lossy(t).into_owned())
        .collect()
}
