//! What a root file system has, as one worker tells it another.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::job::RowKind;
use crate::rootfs::RootFs;
use crate::toc::{EntryKind, Toc};
use crate::tree::{MAX_LINKS, NodeId, Tree};

/// Extended attributes in PAX records, as GNU tar and libarchive write them.
const XATTRS: [&[u8]; 2] = [b"SCHILY.xattr.", b"LIBARCHIVE.xattr."];

/// What a path is in one of the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// What it is; a hard link is the file that it names.
    pub kind: RowKind,
    /// The file's size in bytes.
    pub size: u64,
    /// It is a further name of a file, which takes no room again.
    pub linked: bool,
    /// The low twelve bits of the mode; none of a directory that no entry states.
    pub mode: Option<u16>,
    /// Owner's and group's numbers.
    pub owner: (u64, u64),
    /// Where a symbolic link points.
    pub link: Vec<u8>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Stands for its extended attributes; 0 if it has none.
    pub xattrs: u64,
    /// The layer that its content is from, from 0.
    pub layer: u16,
    /// Its content's entry in that layer.
    pub place: u32,
    /// Its content's entry among all of the root file system.
    pub ordinal: u32,
}

impl Side {
    /// Bytes that it takes.
    pub fn takes(&self) -> u64 {
        match self.linked {
            true => 0,
            false => self.size,
        }
    }

    /// It has content.
    pub fn is_file(&self) -> bool {
        self.kind == RowKind::File
    }
}

/// What a root file system has, in the order of [`by_path`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The layers' digests, the lowest first.
    pub layers: Vec<Digest>,
    /// Every visible name but the root.
    pub names: Vec<(Vec<u8>, Side)>,
}

/// The order of paths: a directory's content follows it at once.
pub fn by_path(a: &[u8], b: &[u8]) -> Ordering {
    // No name has a NUL.
    let key = |path: &&u8| if **path == b'/' { 0 } else { **path };
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match key(&x).cmp(&key(&y)) {
                Ordering::Equal => {}
                other => return other,
            },
        }
    }
}

impl Snapshot {
    /// Of what is visible in a root file system.
    pub fn of(root: &RootFs, layers: Vec<Digest>) -> Snapshot {
        let tree = root.visible();
        let mut names = Vec::new();
        let mut todo = vec![(Tree::ROOT, Vec::new())];
        while let Some((node, path)) = todo.pop() {
            let mut children: Vec<NodeId> = tree.children(node).collect();
            // The last of them is taken first.
            children.sort_by(|a, b| tree.name(*b).cmp(tree.name(*a)));
            for child in children {
                let mut at: Vec<u8> = path.clone();
                if !at.is_empty() {
                    at.push(b'/');
                }
                at.extend_from_slice(tree.name(child));
                todo.push((child, at));
            }
            if node != Tree::ROOT {
                let side = side(root, node);
                names.push((path, side));
            }
        }
        Snapshot { layers, names }
    }
}

/// What a visible name is.
pub fn side(root: &RootFs, node: NodeId) -> Side {
    let (tree, toc) = (root.visible(), root.toc());
    let implied = Side {
        kind: RowKind::Dir,
        size: 0,
        linked: false,
        mode: None,
        owner: (0, 0),
        link: Vec::new(),
        device: None,
        xattrs: 0,
        layer: 0,
        place: 0,
        ordinal: u32::MAX,
    };
    let Some(ordinal) = tree.ordinal(node) else {
        return implied;
    };
    let file = file_of(root, ordinal);
    let Some(entry) = toc.get(file) else {
        return implied;
    };
    let version = root.version(file);
    Side {
        kind: kind(entry.kind),
        size: entry.size,
        linked: file != ordinal,
        mode: Some((entry.mode & 0o7777) as u16), // twelve bits
        owner: (entry.uid, entry.gid),
        link: entry.linkname,
        device: entry.device,
        xattrs: attributes(&entry.pax),
        layer: version.map_or(0, |v| v.layer),
        place: version.map_or(0, |v| v.ordinal),
        ordinal: file,
    }
}

/// The entry that has a hard link's content: the nearest one of that name before it, else the first
/// behind it ([`Toc::hardlink_target`], which looks through the whole table for it). Any other entry,
/// and a link that leads nowhere, is itself.
fn file_of(root: &RootFs, ordinal: u32) -> u32 {
    let (all, toc) = (root.all(), root.toc());
    let mut at = ordinal;
    for _ in 0..MAX_LINKS {
        if toc.kind(at) != Some(EntryKind::Hardlink) {
            return at;
        }
        let Some(node) = all.find(toc.link(at)) else {
            break;
        };
        let earlier = all.earlier(node).iter().copied();
        let (mut before, mut behind) = (None, None);
        for other in earlier.chain(all.ordinal(node)) {
            match other {
                other if other < at => before = Some(other),
                other if other > at => behind = behind.or(Some(other)),
                _ => {}
            }
        }
        match before.or(behind) {
            Some(next) => at = next,
            None => break,
        }
    }
    ordinal
}

fn kind(kind: EntryKind) -> RowKind {
    match kind {
        EntryKind::File | EntryKind::Other(_) => RowKind::File,
        EntryKind::Dir => RowKind::Dir,
        EntryKind::Symlink => RowKind::Symlink,
        EntryKind::Hardlink => RowKind::Hardlink,
        EntryKind::Char => RowKind::Char,
        EntryKind::Block => RowKind::Block,
        EntryKind::Fifo => RowKind::Fifo,
    }
}

/// A number that is the same for the same extended attributes.
fn attributes(pax: &[(Vec<u8>, Vec<u8>)]) -> u64 {
    let mut named: Vec<(&[u8], &[u8])> = pax
        .iter()
        .filter_map(|(key, value)| {
            let name = XATTRS.iter().find_map(|front| key.strip_prefix(*front))?;
            Some((name, value.as_slice()))
        })
        .collect();
    if named.is_empty() {
        return 0;
    }
    named.sort_unstable();
    let mut hasher = Sha256::new();
    for part in named.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let (front, _) = digest.split_at(8);
    front.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// A snapshot on its way from one worker to the other: each path without what it shares with the
/// one before it.
#[derive(Serialize, Deserialize)]
struct Packed {
    layers: Vec<Digest>,
    names: Vec<(u16, Vec<u8>, Side)>,
}

impl Snapshot {
    /// Packs it.
    pub fn pack(self) -> Vec<u8> {
        let mut before: Vec<u8> = Vec::new();
        let mut names = Vec::with_capacity(self.names.len());
        for (path, side) in self.names {
            let common = path.iter().zip(&before).take_while(|(a, b)| a == b);
            let shared = u16::try_from(common.count()).unwrap_or(u16::MAX);
            names.push((shared, path[usize::from(shared)..].to_vec(), side));
            before = path;
        }
        let layers = self.layers;
        // Each of its parts can be packed.
        postcard::to_allocvec(&Packed { layers, names }).unwrap_or_default()
    }

    /// Reads what was packed; none of anything else.
    pub fn unpack(bytes: &[u8]) -> Option<Snapshot> {
        let packed: Packed = postcard::from_bytes(bytes).ok()?;
        let mut before: Vec<u8> = Vec::new();
        let mut names = Vec::new();
        for (shared, rest, side) in packed.names {
            let mut path = before.get(..usize::from(shared))?.to_vec();
            path.extend_from_slice(&rest);
            // What is compared has to be in order.
            if !names.is_empty() && by_path(&before, &path) != Ordering::Less {
                return None;
            }
            before.clone_from(&path);
            names.push((path, side));
        }
        let layers = packed.layers;
        Some(Snapshot { layers, names })
    }
}

/// Where a file's bytes are among the plain bytes of its layer, if they lie there in one piece.
pub fn bytes_of(toc: &Toc, ordinal: u32) -> Option<std::ops::Range<u64>> {
    let file = toc.hardlink_target(ordinal)?;
    let range = toc.data_range(file)?;
    let whole = toc.sparse(file).is_none() && range.end - range.start == toc.size(file);
    whole.then_some(range)
}
