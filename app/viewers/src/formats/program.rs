//! Programs, libraries and object files: ELF, PE, Mach-O. What all of them have; ELF's own is in
//! `elf`.

use std::collections::BTreeMap;

use object::read::macho::{FatArch, MachOFatFile32};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use object::read::{
    Architecture, File, NameOrOrdinal, Object, ObjectKind, ObjectSection, ObjectSymbol, ReadRef,
};
use object::{Endianness, SymbolScope};

use super::certificate::hex;
use super::{ViewError, elf, go, rust};
use crate::model::{Block, Cell, Section, Table, View};
use crate::source::Source;

/// Most bytes of a table of symbols, or of their names, that are fetched.
const MAX_SYMBOL_BYTES: u64 = 16 << 20;
/// Most bytes read of a section that is shown as text or unpacked.
pub(super) const MAX_SECTION: u64 = 4 << 20;
/// Machines in one Mach-O file; a Java class, which begins alike, has its version (45 and more)
/// in the same place.
const MAX_ARCHES: u8 = 40;

/// Whether a file begins like a program.
pub(super) fn is_one(head: &[u8]) -> bool {
    match head {
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] => true,
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, n, ..] => *n < MAX_ARCHES,
        _ => false,
    }
}

/// A program.
pub(super) fn view(source: &Source) -> Result<View, ViewError> {
    if source.head(4) == b"\xca\xfe\xba\xbe" {
        return fat(source);
    }
    let file = match File::parse(source) {
        Ok(file) => file,
        // A program of MS-DOS, or a text that begins with these letters.
        Err(_) if source.head(2) == b"MZ" => return Err(ViewError::Other),
        Err(error) => return Err(ViewError::says(error)),
    };
    let (format, mut facts) = match &file {
        File::Elf32(elf) => ("ELF", elf::facts(elf, source)),
        File::Elf64(elf) => ("ELF", elf::facts(elf, source)),
        File::Pe32(pe) => ("PE", pe_facts(pe)),
        File::Pe64(pe) => ("PE", pe_facts(pe)),
        File::MachO32(_) | File::MachO64(_) => ("Mach-O", Vec::new()),
        _ => return Err(ViewError::Other),
    };
    let kind = match file.kind() {
        ObjectKind::Relocatable => "object file",
        ObjectKind::Dynamic if elf::has_interpreter(&file) => "program (position-independent)",
        ObjectKind::Dynamic => "shared library",
        ObjectKind::Core => "core dump",
        _ => "program",
    };
    let endian = match file.endianness() {
        Endianness::Little => "little-endian",
        Endianness::Big => "big-endian",
    };
    let bits = if file.is_64() { 64 } else { 32 };
    let mut all = vec![
        (
            "Format".into(),
            Cell::text(format!("{format} {kind}, {bits}-bit, {endian}")),
        ),
        ("Machine".into(), Cell::text(machine(file.architecture()))),
    ];
    if file.entry() != 0 {
        all.push(("Entry point".into(), Cell::hex(file.entry())));
    }
    all.append(&mut facts);
    identity(&file, &mut all);
    let mut sections = vec![Section::new("Header", vec![Block::Facts(all)])];
    sections.extend(go::section(&file, source));
    sections.extend(rust::sections(&file));
    match &file {
        File::Elf32(elf) => sections.extend(elf::libraries(elf)),
        File::Elf64(elf) => sections.extend(elf::libraries(elf)),
        _ => sections.extend(libraries(&file)),
    }
    match &file {
        File::Elf32(elf) => sections.extend(elf::segments(elf)),
        File::Elf64(elf) => sections.extend(elf::segments(elf)),
        _ => {}
    }
    sections.extend(section_table(&file));
    sections.extend(exports(&file));
    sections.extend(symbols(&file, source, true));
    sections.extend(symbols(&file, source, false));
    Ok(View::new(format!("{format} {}", short(kind)), sections))
}

fn short(kind: &str) -> &str {
    kind.split(" (").next().unwrap_or(kind)
}

fn machine(architecture: Architecture) -> String {
    match architecture {
        Architecture::X86_64 => "x86-64 (amd64)".into(),
        Architecture::Aarch64 => "AArch64 (arm64)".into(),
        Architecture::I386 => "x86 (386)".into(),
        Architecture::Arm => "ARM".into(),
        Architecture::Riscv64 => "RISC-V, 64-bit".into(),
        Architecture::PowerPc64 => "PowerPC, 64-bit".into(),
        Architecture::S390x => "IBM Z (s390x)".into(),
        Architecture::LoongArch64 => "LoongArch, 64-bit".into(),
        Architecture::Mips => "MIPS".into(),
        Architecture::Mips64 => "MIPS, 64-bit".into(),
        other => format!("{other:?}"),
    }
}

/// By what a build is known.
fn identity<'d>(file: &File<'d, &'d Source>, facts: &mut Vec<(String, Cell)>) {
    if let Ok(Some(id)) = file.build_id() {
        facts.push(("Build id".into(), Cell::mono(hex(id))));
    }
    if let Ok(Some(id)) = file.mach_uuid() {
        facts.push(("UUID".into(), Cell::mono(hex(&id))));
    }
    if let Ok(Some((name, _))) = file.gnu_debuglink() {
        facts.push(("Debugging information in".into(), Cell::bytes(name)));
    }
    if let Ok(Some(pdb)) = file.pdb_info() {
        facts.push(("Debugging information in".into(), Cell::bytes(pdb.path())));
        facts.push(("PDB id".into(), Cell::mono(hex(&pdb.guid()))));
    }
    if file.has_debug_symbols() {
        let told = Cell::text("in the file itself");
        facts.push(("Debugging information".into(), told));
    }
}

fn pe_facts<'d, Pe: ImageNtHeaders>(file: &PeFile<'d, Pe, &'d Source>) -> Vec<(String, Cell)> {
    let header = file.nt_headers().file_header();
    let optional = file.nt_headers().optional_header();
    let stamp = header.time_date_stamp.get(object::LittleEndian);
    let flags = format!("{:?}", optional.dll_characteristics());
    let flags = flags
        .replace("IMAGE_DLLCHARACTERISTICS_", "")
        .replace(" | ", ", ");
    let name = optional.subsystem().name().unwrap_or("unknown");
    vec![
        (
            "Subsystem".into(),
            Cell::text(name.trim_start_matches("IMAGE_SUBSYSTEM_")),
        ),
        (
            "Time stamp".into(),
            Cell {
                title: Some("A reproducible build writes a hash here.".into()),
                ..Cell::time(i64::from(stamp))
            },
        ),
        ("Characteristics".into(), Cell::text(flags)),
    ]
}

/// A section by its name, with its bytes; none if it is larger than is read, or not here.
pub(super) fn section_data<'d>(file: &File<'d, &'d Source>, names: &[&str]) -> Option<&'d [u8]> {
    let section = names.iter().find_map(|name| file.section_by_name(name))?;
    (section.size() <= MAX_SECTION)
        .then(|| section.data().ok())
        .flatten()
}

/// Which libraries a program needs, and what of each.
fn libraries<'d>(file: &File<'d, &'d Source>) -> Option<Section> {
    let mut by_library: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for library in file.import_libraries().ok()?.flatten() {
        by_library.entry(library.name().to_vec()).or_default();
    }
    for import in file.imports().into_iter().flatten().flatten() {
        let names = by_library.entry(import.library().to_vec()).or_default();
        if names.len() < crate::model::MAX_ROWS {
            names.push(match import.name() {
                NameOrOrdinal::Name(name) => String::from_utf8_lossy(name).into_owned(),
                NameOrOrdinal::Ordinal(n) => format!("no. {n}"),
            });
        }
    }
    let mut table = Table::new("libraries", &["Library", "#Names", "Which"]);
    for (library, names) in by_library {
        if library.is_empty() && names.is_empty() {
            continue;
        }
        table.push(vec![
            Cell::bytes(&library),
            Cell::number(names.len() as u64),
            Cell::mono(names.join(" ")),
        ]);
    }
    Section::table("Libraries needed", table)
}

fn exports<'d>(file: &File<'d, &'d Source>) -> Option<Section> {
    if matches!(file, File::Elf32(_) | File::Elf64(_)) {
        return None; // they are among the dynamic symbols
    }
    let mut table = Table::new("exports", &["Name"]);
    for export in file.exports().ok()?.flatten() {
        let name = match export.name() {
            NameOrOrdinal::Name(name) => Cell::bytes(name),
            NameOrOrdinal::Ordinal(n) => Cell::text(format!("no. {n}")),
        };
        if !table.push(vec![name]) {
            break;
        }
    }
    Section::table("Exports", table).map(Section::folded)
}

fn section_table<'d>(file: &File<'d, &'d Source>) -> Option<Section> {
    let mut table = Table::new(
        "sections",
        &["Name", "#Address", "#In the file at", "#Size", "Holds"],
    );
    for section in file.sections() {
        let (at, _) = section.file_range().unwrap_or_default();
        table.push(vec![
            Cell::bytes(section.name_bytes().unwrap_or_default()),
            Cell::hex(section.address()),
            Cell::hex(at),
            Cell::size(section.size()),
            Cell::text(words(&format!("{:?}", section.kind()))),
        ]);
    }
    Section::table("Sections", table)
}

/// `ReadOnlyData` as people say it.
fn words(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().filter(|c| c.is_ascii_alphabetic()) {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The symbols that are for others at run time, or all.
fn symbols<'d>(file: &File<'d, &'d Source>, source: &Source, dynamic: bool) -> Option<Section> {
    let title = if dynamic {
        "Dynamic symbols"
    } else {
        "Symbols"
    };
    // Fetched as a whole: one by one, each name would be a request.
    let sections: &[&str] = match dynamic {
        true => &[".dynsym", ".dynstr"],
        false => &[".symtab", ".strtab"],
    };
    for name in sections {
        let range = file.section_by_name(name).and_then(|s| s.file_range());
        let Some((start, size)) = range else { continue };
        if size > MAX_SYMBOL_BYTES {
            let told = "There are too many to be shown here.";
            return Some(Section::new(title, vec![Block::Text(told.into())]));
        }
        source.read_bytes_at(start, size).ok()?;
    }
    let mut table = Table::new("symbols", &["Name", "Is", "Seen by", "#Address", "#Size"]);
    let symbols = match dynamic {
        true => file.dynamic_symbols(),
        false => file.symbols(),
    };
    for symbol in symbols {
        let name = symbol.name_bytes().unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        let scope = match (symbol.is_undefined(), symbol.scope()) {
            (true, _) => "wanted from elsewhere",
            (false, SymbolScope::Dynamic) => "all",
            (false, SymbolScope::Linkage) => "this program",
            (false, SymbolScope::Compilation) => "its own file",
            (false, SymbolScope::Unknown) => "",
        };
        let row = vec![
            Cell::bytes(name),
            Cell::text(words(&format!("{:?}", symbol.kind()))),
            Cell::text(scope),
            Cell::hex(symbol.address()),
            Cell::number(symbol.size()),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table(title, table).map(Section::folded)
}

/// Several programs in one file, for several machines.
fn fat(source: &Source) -> Result<View, ViewError> {
    let file = MachOFatFile32::parse(source).map_err(ViewError::says)?;
    let mut table = Table::new("machines", &["Machine", "#In the file at", "#Size"]);
    for arch in file.arches() {
        let (at, size) = arch.file_range();
        table.push(vec![
            Cell::text(machine(arch.architecture())),
            Cell::hex(at),
            Cell::size(size),
        ]);
    }
    let sections = Section::table("Machines", table);
    Ok(View::new(
        "Mach-O for several machines",
        sections.into_iter().collect(),
    ))
}
