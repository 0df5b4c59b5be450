//! Archives in archives: what is in a file that is itself an archive, from bytes that are already
//! here.
//!
//! The file's bytes are pushed into an [`ArchiveBuilder`], unpacked on the way if it is compressed,
//! and held whole in memory, up to [`MAX_HELD_BYTES`]. Zip (with jar and whl), ar (with deb), cpio
//! and tar are listed like a layer; anything else that was compressed is one file.
//!
//! Invariants: no bytes make it panic; what is held is bounded, whatever a header states; a
//! compressed member is given whole only if its checksum holds.

mod ar;
mod build;
mod cpio;
mod error;
mod number;
mod read;
mod zip;

#[cfg(test)]
mod tests;

pub use build::ArchiveBuilder;
pub use error::ArchiveError;
pub use read::{HeldReader, PIECE_BYTES};

/// Whether a file begins like an archive that is no tar: zip, ar, cpio.
pub(crate) fn is_marked(head: &[u8]) -> bool {
    zip::is_zip(head) || cpio::is_cpio(head) || head.starts_with(ar::MAGIC)
}

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::layer_index::{Compression, Damage};
use crate::toc::Toc;

/// Bytes of one archive, unpacked, that are held. A worker's memory can be four times that, and
/// jars and wheels seldom come near it.
pub const MAX_HELD_BYTES: u64 = 256 << 20;
/// Archives one inside the other. A jar in a war in a tar in a layer has three.
pub const MAX_DEPTH: usize = 8;

/// What kind of archive it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchiveKind {
    /// tar.
    Tar,
    /// zip, and so jar, war, whl, apk of Android.
    Zip,
    /// ar, and so deb.
    Ar,
    /// cpio, as initramfs has it.
    Cpio,
    /// A compressed file that is no archive.
    File,
}

/// An archive that is held in memory.
#[derive(Debug)]
pub struct Archive {
    kind: ArchiveKind,
    /// How the archive itself is compressed.
    compression: Compression,
    plain: Rc<Vec<u8>>,
    toc: Toc,
    /// Members that do not lie in `plain` as they are.
    packed: HashMap<u32, Packed>,
    damage: Option<Damage>,
}

/// A member that is compressed by itself.
#[derive(Debug, Clone)]
struct Packed {
    /// Its bytes in the archive.
    place: Range<usize>,
    method: Method,
    /// CRC-32 of what comes out.
    crc: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Method {
    Deflate,
    /// Not read here, for this reason.
    Unreadable(String),
}

impl Archive {
    /// What kind it is.
    pub fn kind(&self) -> ArchiveKind {
        self.kind
    }

    /// How the archive itself is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Its entries.
    pub fn toc(&self) -> &Toc {
        &self.toc
    }

    /// What is wrong with it; the entries before that are good.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Bytes held.
    pub fn len(&self) -> u64 {
        self.plain.len() as u64
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }
}
