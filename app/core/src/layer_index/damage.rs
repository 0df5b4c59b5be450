//! What is wrong with a layer. Damage is told beside what could be read, not instead of it.

use layerscope_inflate::GzipError;

use crate::decode::DecodeError;
use crate::tar::{TarError, TarProblem};

/// Bytes of a damage's text that are kept.
const MAX_DETAIL: usize = 500;

/// The first thing that is wrong with a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Damage {
    /// What kind of thing.
    pub kind: DamageKind,
    /// About where: uncompressed bytes from the blob's start. Entries before it are good.
    pub out_offset: u64,
    /// What, in words.
    pub detail: String,
}

/// What kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// The blob is no tar archive. Its uncompressed bytes can be read all the same.
    NotTar,
    /// The archive is damaged.
    Tar,
    /// The archive holds more than is allowed; the rest was not looked at.
    Limit,
    /// The compressed stream is damaged, or inflates to more than is allowed.
    Compressed,
    /// The compression cannot be read.
    Unreadable,
}

impl Damage {
    pub(crate) fn new(kind: DamageKind, out_offset: u64, mut detail: String) -> Self {
        let cut = (0..=MAX_DETAIL.min(detail.len()))
            .rev()
            .find(|at| detail.is_char_boundary(*at));
        detail.truncate(cut.unwrap_or(0));
        Damage {
            kind,
            out_offset,
            detail,
        }
    }

    pub(crate) fn from_tar(error: &TarError) -> Self {
        let kind = match error.problem {
            TarProblem::NotTar => DamageKind::NotTar,
            TarProblem::TooMuch { .. } => DamageKind::Limit,
            _ => DamageKind::Tar,
        };
        Damage::new(kind, error.out_offset, error.to_string())
    }

    pub(super) fn from_gzip(error: &GzipError, out_offset: u64) -> Self {
        Damage::new(DamageKind::Compressed, out_offset, error.to_string())
    }

    pub(super) fn from_decode(error: &DecodeError, out_offset: u64) -> Self {
        Damage::new(DamageKind::Compressed, out_offset, error.to_string())
    }
}
