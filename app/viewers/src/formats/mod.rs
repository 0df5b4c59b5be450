//! The formats that have a view: found by content first, then by name.

use crate::model::View;
use crate::source::{NotHere, Source};

mod certificate;
mod elf;
mod fulcio;
mod go;
pub(crate) mod json;
mod key;
mod packages;
mod pem;
mod program;
mod rust;
mod tensors;
pub(crate) mod verify;
mod wasm;

/// Why a file is not shown as what it seemed to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// It only looked like it.
    #[error("it is something else")]
    Other,
    /// It is damaged, or of a kind that nobody here knows.
    #[error("{0}")]
    Malformed(String),
    /// It would have to be held as a whole, and is larger than that.
    #[error("it is too large")]
    TooLarge,
    /// It names bytes that it does not have.
    #[error(transparent)]
    NotHere(#[from] NotHere),
}

impl ViewError {
    /// What a parser of somebody else says.
    pub(crate) fn says(error: impl std::fmt::Display) -> ViewError {
        ViewError::Malformed(error.to_string())
    }
}

/// A kind of file that has a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Certificates and keys, in PEM.
    Pem,
    /// A certificate, certificate request or public key, in DER.
    Der,
    /// ELF, PE or Mach-O.
    Program,
    /// WebAssembly.
    Wasm,
    /// GGUF.
    Gguf,
    /// Safetensors.
    Safetensors,
    /// Packages installed by dpkg.
    Dpkg,
    /// Packages installed by apk.
    Apk,
    /// JSON of a known kind.
    Json,
}

impl Format {
    /// Each of them.
    pub const ALL: [Format; 9] = [
        Format::Pem,
        Format::Der,
        Format::Program,
        Format::Wasm,
        Format::Gguf,
        Format::Safetensors,
        Format::Dpkg,
        Format::Apk,
        Format::Json,
    ];

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Format::Pem => "a PEM file",
            Format::Der => "a certificate",
            Format::Program => "a program",
            Format::Wasm => "a WebAssembly module",
            Format::Gguf => "a GGUF model",
            Format::Safetensors => "a safetensors model",
            Format::Dpkg => "a list of dpkg",
            Format::Apk => "a list of apk",
            Format::Json => "a JSON document",
        }
    }

    /// What is to be seen of it.
    ///
    /// # Errors
    /// When it cannot be read as this, or not all that it takes is here; [`Source::take_missing`]
    /// tells the two apart.
    pub fn view(self, source: &Source, now_s: i64) -> Result<View, ViewError> {
        match self {
            Format::Pem => pem::view(source, now_s),
            Format::Der => certificate::view_der(source, now_s),
            Format::Program => program::view(source),
            Format::Wasm => wasm::view(source),
            Format::Gguf => tensors::gguf(source),
            Format::Safetensors => tensors::safetensors(source),
            Format::Dpkg => packages::dpkg(source),
            Format::Apk => packages::apk(source),
            Format::Json => json::view(source, now_s),
        }
    }
}

/// Bytes looked at to find out what a file is; the page fetches more than these at first.
const HEAD: usize = 64 * 1024;

/// What a file is, if it has a view.
pub fn detect(source: &Source, name: &[u8]) -> Option<Format> {
    let head = source.head(HEAD);
    if head.starts_with(b"\0asm") {
        Some(Format::Wasm)
    } else if program::is_one(head) {
        Some(Format::Program)
    } else if head.starts_with(b"GGUF") {
        Some(Format::Gguf)
    } else if tensors::is_safetensors(head, source.total()) {
        Some(Format::Safetensors)
    } else if packages::is_dpkg(head) {
        Some(Format::Dpkg)
    } else if packages::is_apk(head) {
        Some(Format::Apk)
    } else if json::may_be_one(head) {
        Some(Format::Json)
    } else if certificate::may_be_der(head, source.total()) {
        Some(Format::Der)
    } else if pem::is_one(head, name) {
        Some(Format::Pem)
    } else {
        None
    }
}
