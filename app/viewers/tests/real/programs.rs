//! Programs of gcc, Go and Rust, and those that others ship.

use layerscope_viewers::Step;

use crate::{check, lines, open, read};

#[test]
fn elf_of_gcc() {
    check(
        "hello-c",
        "ELF program",
        &[
            "Header: Format: ELF program (position-independent), 64-bit, little-endian",
            "Header: Machine: x86-64 (amd64)",
            "Header: Loaded by: /lib64/ld-linux-x86-64.so.2",
            "Header: Looks for libraries in: /opt/lib",
            "Header: Protection: stack cannot be executed, read-only relocations: full",
            "Header: Build id: ",
            "Compiled by: GCC: GCC: (Debian",
            "Libraries needed (2): libm.so.6",
            "Libraries needed (2): libc.so.6",
            "Segments (…): INTERP | read | ",
            "Sections (…): .text | 0x…text",
            "Dynamic symbols (…): cos | …wanted from elsewhere",
            "Symbols (…): answer | text",
        ],
    );
    check(
        "libanswer.so",
        "ELF shared library",
        &[
            "Header: Own name: libanswer.so.1",
            "Dynamic symbols (…): answer | text | all",
        ],
    );
    check(
        "answer.o",
        "ELF object file",
        &["Symbols (…): printf | …wanted from elsewhere"],
    );
}

#[test]
fn what_go_and_rust_say_of_themselves() {
    check(
        "hello-go",
        "ELF program",
        &[
            "Go: Compiler: go1.19",
            "Go: Program: example.test/hello",
            "Go: Main module: example.test/hello (devel)",
            "Go: CGO_ENABLED: 0",
            "Go: GOARCH: amd64",
        ],
    );
    check(
        "hello-rust",
        "ELF program",
        &["Compiled by: Rust: rustc version 1."],
    );
}

#[test]
fn of_other_systems() {
    check(
        "cli-64.exe",
        "PE program",
        &[
            "Header: Format: PE program, 64-bit, little-endian",
            "Header: Subsystem: WINDOWS_CUI",
            "Libraries needed (…): KERNEL32.dll | 23 | CreateFileA",
            "Sections (…): .text",
        ],
    );
    check(
        "darwin.so",
        "Mach-O program",
        &[
            "Header: Machine: x86-64 (amd64)",
            "Header: UUID: ",
            "Libraries needed (…): /usr/lib/libSystem.B.dylib",
            "Exports (…): _PyInit__speedups",
        ],
    );
    check(
        "universal.so",
        "Mach-O for several machines",
        &[
            "Machines (2): x86-64 (amd64)",
            "Machines (2): AArch64 (arm64)",
        ],
    );
}

#[test]
fn a_wasm_module() {
    check(
        "hello.wasm",
        "WebAssembly module",
        &[
            "Header: processed-by: rustc 1.",
            "Imports (1): env | log | function",
            "Exports (…): answer | function",
            "Exports (…): memory | memory",
            "Custom sections (…): producers",
        ],
    );
}

/// Of a program of any size only the tables are read.
#[test]
fn a_large_program_is_not_read_whole() {
    let small = read("hello-c");
    // Its section headers, which are the last of it, moved behind a hundred megabytes of nothing.
    let table = u64::from_le_bytes(small[40..48].try_into().unwrap());
    let mut large = small[..table as usize].to_vec();
    large.resize(100 << 20, 0);
    let moved = large.len() as u64;
    large.extend_from_slice(&small[table as usize..]);
    large[40..48].copy_from_slice(&moved.to_le_bytes());
    let mut read_bytes = 256 * 1024;
    let mut doc = layerscope_viewers::Doc::new(b"large".to_vec(), large.len() as u64, 0);
    doc.add(0, large[..read_bytes as usize].to_vec());
    loop {
        match doc.step() {
            Step::Need(start, len) => {
                read_bytes += len;
                doc.add(
                    start,
                    large[start as usize..(start + len) as usize].to_vec(),
                );
            }
            step => {
                assert_eq!(step, Step::Found("ELF program".into()));
                break;
            }
        }
    }
    assert!(read_bytes < 512 * 1024, "{read_bytes} bytes read");
    let (whole, _, _) = open("small", &small, small.len());
    let symbols = |all: Vec<String>| all.iter().filter(|l| l.contains("ymbols (")).count();
    assert_eq!(symbols(lines(&doc)), symbols(lines(&whole)));
}
