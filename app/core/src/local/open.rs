//! From chosen files to what is in them.

use super::names::{At, Names, plain, read};
use super::walk::{self, Walked, begins_image};
use crate::archive::is_marked;

use super::{Archive, Content, Files, Form, LocalError, Opened, Piece, docker, id_of, oci};

/// Files of a folder that are looked at: a layout of many images has thousands of blobs.
const MAX_FILES: usize = 100_000;

/// Opens what was chosen: one file, several, or a folder with all its files.
///
/// # Errors
/// See [`LocalError`].
pub async fn open(files: &impl Files) -> Result<Opened, LocalError> {
    let list = files.list();
    let first = list.first().ok_or(LocalError::Nothing)?;
    if list.len() > MAX_FILES {
        return Err(LocalError::TooMany { limit: MAX_FILES });
    }
    let folder = first.path.split_once('/').map(|(folder, _)| folder);
    let mut opened = Opened {
        id: match files.handed_over() {
            Some(id) => id.to_owned(),
            None => id_of(list),
        },
        name: match folder {
            Some(folder) => folder.to_owned(),
            None if list.len() > 1 => format!("{} files", list.len()),
            None => first.path.clone(),
        },
        len: list.iter().map(|f| f.len).sum(),
        ..Opened::default()
    };
    if folder.is_some() {
        let names = in_folder(files);
        return match images(&mut opened, files, &names).await? {
            true => Ok(opened),
            false => Err(LocalError::NoImage),
        };
    }
    if let [only] = list {
        if only.len == 0 {
            let name = only.path.clone();
            return Err(LocalError::Empty { name });
        }
        if let Walked::Image(names) = walk::walk(files, 0).await?
            && images(&mut opened, files, &names).await?
        {
            return Ok(opened);
        }
    }
    opened.form = Form::Archives;
    for (file, named) in list.iter().enumerate() {
        let piece = Piece {
            file,
            start: 0,
            len: named.len,
        };
        let head = read(files, piece, 0..HEAD).await?;
        let digest = opened.name_for(&named.path);
        let content = Content::Piece(piece);
        opened.contents.insert(digest.clone(), content);
        opened.archives.push(Archive {
            name: named.path.clone(),
            digest,
            len: named.len,
            // Where a layer is a tar.
            folder: is_marked(&head),
        });
    }
    Ok(opened)
}

/// Bytes by which it is told what a file is.
const HEAD: u64 = 512;

/// Whether the plain beginning of a compressed file is that of an image's tar, which is then to be
/// unpacked as a whole first: nothing in a compressed file can be got at by its place.
pub fn looks_packed(plain_head: &[u8]) -> bool {
    begins_image(plain_head)
}

/// Plain bytes that a packed image may have at least, in bytes: any is opened that is no larger.
const UNPACKED_FREE: u64 = 256 << 20;
/// Plain bytes that it may have for each packed byte. Layers that are packed well come to some
/// twenty; what is made to fill a disk has a thousand.
const UNPACKED_RATIO: u64 = 100;
/// Plain bytes that it may have at most, in bytes: the browser has to keep all of them.
const UNPACKED_MOST: u64 = 16 << 30;

/// How many plain bytes an image that was packed as a whole may have, by its packed bytes.
pub fn unpacked_limit(packed: u64) -> u64 {
    let by_ratio = packed.saturating_mul(UNPACKED_RATIO);
    by_ratio.clamp(UNPACKED_FREE, UNPACKED_MOST)
}

/// The files of a folder, from the folder on.
fn in_folder(files: &impl Files) -> Names {
    let mut names = Names::default();
    for (file, named) in files.list().iter().enumerate() {
        let inside = named.path.split_once('/').map_or("", |(_, inside)| inside);
        let piece = Piece {
            file,
            start: 0,
            len: named.len,
        };
        names.insert(&plain(inside), At::Piece(piece));
    }
    names
}

/// Takes the images; false if there is no document that names any. Where both kinds are there, as
/// Docker writes them since version 25, that of OCI has the digests.
async fn images(
    opened: &mut Opened,
    files: &impl Files,
    names: &Names,
) -> Result<bool, LocalError> {
    if oci::read(opened, files, names).await? {
        opened.form = Form::OciLayout;
        return Ok(true);
    }
    if docker::read(opened, files, names).await? {
        opened.form = Form::DockerSave;
        return Ok(true);
    }
    Ok(false)
}
