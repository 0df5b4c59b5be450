//! Binary content: the smallest program that greets, for two processors, and a picture.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// What the program says.
const GREETING: &[u8] = b"Hello from Layerscope's sample image.\n";
/// Where the program is mapped.
const BASE: u64 = 0x40_0000;
/// ELF header and one program header.
const HEADERS: u64 = 64 + 56;

/// A processor for which the program can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    Amd64,
    Arm64,
}

/// A static ELF64 program: write(1, greeting), exit(0).
pub(super) fn hello(machine: Machine) -> Vec<u8> {
    let (number, code): (u16, Vec<u8>) = match machine {
        Machine::Amd64 => (62, amd64_code()),
        Machine::Arm64 => (183, arm64_code()),
    };
    let size = HEADERS + (code.len() + GREETING.len()) as u64;
    let mut elf = Vec::new();
    // e_ident: magic, 64 bit, little-endian, version 1, System V.
    elf.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2, number] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend(1_u32.to_le_bytes());
    for word in [BASE + HEADERS, 64, 0] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(0_u32.to_le_bytes());
    // Sizes of the headers: ELF, program (one), section (none).
    for half in [64_u16, 56, 1, 64, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    // PT_LOAD, readable and executable: the whole file.
    for word in [1_u32, 5] {
        elf.extend(word.to_le_bytes());
    }
    for word in [0, BASE, BASE, size, size, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(code);
    elf.extend(GREETING);
    elf
}

fn amd64_code() -> Vec<u8> {
    let mut code = Vec::new();
    code.extend(b"\xb8\x01\0\0\0"); // mov eax, 1 (write)
    code.extend(b"\xbf\x01\0\0\0"); // mov edi, 1
    code.extend(b"\x48\x8d\x35\x10\0\0\0"); // lea rsi, [rip + 16]: the greeting
    code.push(0xba); // mov edx, length
    code.extend((GREETING.len() as u32).to_le_bytes());
    code.extend(b"\x0f\x05"); // syscall
    code.extend(b"\xb8\x3c\0\0\0"); // mov eax, 60 (exit)
    code.extend(b"\x31\xff\x0f\x05"); // xor edi, edi; syscall
    code
}

fn arm64_code() -> Vec<u8> {
    let length = GREETING.len() as u32;
    let words: [u32; 8] = [
        0xd280_0020,                    // mov x0, #1
        0x1000_0001 | ((28 >> 2) << 5), // adr x1, . + 28: the greeting
        0xd280_0002 | (length << 5),    // mov x2, length
        0xd280_0808,                    // mov x8, #64 (write)
        0xd400_0001,                    // svc #0
        0xd280_0000,                    // mov x0, #0
        0xd280_0ba8,                    // mov x8, #93 (exit)
        0xd400_0001,                    // svc #0
    ];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Width and height of the picture in pixels.
const SIDE: u32 = 96;

/// A PNG of layers lying on each other: colour bands with a round hole.
pub(super) fn picture() -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..SIDE {
        rows.push(0); // filter: none
        for x in 0..SIDE {
            let band = (y / 16) as u8;
            let (dx, dy) = (x.abs_diff(SIDE / 2), y.abs_diff(SIDE / 2));
            let inside = dx * dx + dy * dy < 30 * 30;
            let pixel = match inside {
                true => [40 + band * 30, 90 + band * 20, 200 - band * 20],
                false => [235, 240 - band * 8, 245],
            };
            rows.extend(pixel);
        }
    }
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(9));
    zlib.write_all(&rows).expect("writing into memory");
    let data = zlib.finish().expect("writing into memory");
    let mut head = Vec::new();
    head.extend(SIDE.to_be_bytes());
    head.extend(SIDE.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]); // 8 bits, RGB, no interlace
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in [(b"IHDR", head), (b"IDAT", data), (b"IEND", Vec::new())] {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(&body);
        png.extend((body.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(&body);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}
