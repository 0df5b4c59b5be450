//! From header to header through a tar, without reading what lies between.

use super::names::{At, Names};
use super::{Files, LocalError, Piece};
use crate::tar::{BLOCK, Limits, TarEvent, TarParser, TarProblem};
use crate::toc::{Entry, EntryKind};

/// Bytes that are read at a time: the headers of small files that follow each other.
const WINDOW: u64 = 64 << 10;
/// Entries of an image's tar. Each of its layers has three or so, and there are never 128 of them;
/// a layout with every platform of many images has thousands.
const MAX_ENTRIES: u32 = 100_000;
/// Entries that no image has: after so many the archive is taken for something else, such as a
/// single layer with a million files.
const MAX_FOREIGN: u32 = 16;

/// What a tar turned out to be.
pub(super) enum Walked {
    /// It has an image's files.
    Image(Names),
    /// It is a tar of other things.
    Other,
    /// It is no tar.
    NotTar,
}

/// Walks through the tar that is file `file`.
pub(super) async fn walk(files: &impl Files, file: usize) -> Result<Walked, LocalError> {
    let len = files.list().get(file).map_or(0, |f| f.len);
    let whole = Piece {
        file,
        start: 0,
        len,
    };
    let limits = Limits {
        entries: MAX_ENTRIES,
        ..Limits::default()
    };
    let mut parser = TarParser::new(limits);
    let mut names = Names::default();
    let (mut foreign, mut documents) = (0, 0);
    let mut ended = false;
    while !ended && parser.out_offset() < len {
        let from = parser.out_offset();
        let window = super::names::read(files, whole, from..from + WINDOW).await?;
        let end = from + window.len() as u64;
        while !ended && parser.out_offset() < end {
            // Both are in the window, which fits into memory.
            let at = (parser.out_offset() - from) as usize;
            let block = &window[at..window.len().min(at + BLOCK as usize)];
            let mut entry = None;
            let pushed = parser.push(block, &mut |event| match event {
                TarEvent::Entry(found) => entry = Some(found),
                TarEvent::EndOfArchive => ended = true,
                TarEvent::Data(_) => {}
            });
            match pushed {
                Err(error) if error.problem == TarProblem::NotTar => return Ok(Walked::NotTar),
                // Whoever reads it as a layer says so, beside what it has before.
                Err(_) if documents == 0 && foreign > 0 => return Ok(Walked::Other),
                Err(error) => return Err(damaged(error)),
                Ok(()) => {}
            }
            let Some(entry) = entry else { continue };
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            match part_of_image(&super::names::plain(&path)) {
                Part::Document => documents += 1,
                Part::Other => foreign += 1,
                Part::Of => {}
            }
            if documents == 0 && foreign > MAX_FOREIGN {
                return Ok(Walked::Other);
            }
            parser.skip_data();
            let data_end = entry
                .data_out_offset
                .map(|at| at.saturating_add(entry.stored_len));
            if data_end.is_some_and(|end| end > len) {
                return match documents == 0 && foreign > 0 {
                    true => Ok(Walked::Other), // as above
                    false => Err(LocalError::Damaged {
                        detail: format!(
                            "it ends after {len} bytes, in the middle of {}",
                            crate::path::visible(&entry.path)
                        ),
                    }),
                };
            }
            if let Some(at) = place(file, &path, &entry) {
                names.insert(&path, at);
            }
        }
    }
    if documents == 0 {
        return Ok(Walked::Other);
    }
    parser.finish().map_err(damaged)?;
    Ok(Walked::Image(names))
}

fn damaged(error: crate::tar::TarError) -> LocalError {
    LocalError::Damaged {
        detail: error.to_string(),
    }
}

fn place(file: usize, path: &str, entry: &Entry) -> Option<At> {
    let link = String::from_utf8_lossy(&entry.linkname);
    match entry.kind {
        EntryKind::File if entry.sparse.is_none() => Some(At::Piece(Piece {
            file,
            start: entry.data_out_offset?,
            len: entry.size,
        })),
        EntryKind::Hardlink => Some(At::Link(link.into_owned())),
        EntryKind::Symlink if link.starts_with('/') => None,
        // From the link's own folder.
        EntryKind::Symlink => Some(At::Link(format!("{path}/../{link}"))),
        _ => None,
    }
}

enum Part {
    /// One of those that say what is in the image.
    Document,
    /// What else images have.
    Of,
    Other,
}

fn part_of_image(path: &str) -> Part {
    let first = path.split('/').next().unwrap_or_default();
    match path {
        "index.json" | "manifest.json" => Part::Document,
        "" | "oci-layout" | "repositories" | "blobs" => Part::Of,
        _ if first == "blobs" || super::names::digest_in_name(first).is_some() => Part::Of,
        _ => Part::Other,
    }
}

/// Whether the first block of a tar is one that an image's tar begins with.
pub(super) fn begins_image(block: &[u8]) -> bool {
    let mut first = None;
    let pushed = TarParser::new(Limits::default()).push(
        block.get(..BLOCK as usize).unwrap_or_default(),
        &mut |event| {
            if let TarEvent::Entry(entry) = event {
                first = Some(entry);
            }
        },
    );
    let path = first.map(|e| super::names::plain(&String::from_utf8_lossy(&e.path)));
    // `./` alone may begin any tar.
    pushed.is_ok()
        && path.is_some_and(|p| !p.is_empty() && !matches!(part_of_image(&p), Part::Other))
}
