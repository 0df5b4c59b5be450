//! Which package a file belongs to, by the databases of dpkg and apk.
//!
//! dpkg: `var/lib/dpkg/status` has a stanza a package (deb-control(5)), `info/<package>.list` its
//! paths; images without a shell have a file a package in `status.d`, with paths in `.md5sums`.
//! apk: one file has it all (alpine's wiki, "Apk spec"): `P` name, `V` version, `I` size, `F` a
//! directory, `R` a file in it.

use std::collections::HashMap;

use super::RootFs;
use super::sizes::Total;
use crate::toc::EntryKind;
use crate::tree::{NodeId, Resolved, Tree};

/// Packages of one image; Debian has some 60,000 in all.
pub const MAX_PACKAGES: usize = 100_000;

/// Where dpkg's stanzas are.
pub const DPKG_STATUS: &[u8] = b"var/lib/dpkg/status";
/// Where dpkg's lists of paths are.
pub const DPKG_INFO: &[u8] = b"var/lib/dpkg/info";
/// Where images without a shell have a stanza in a file of its own for each package.
pub const DPKG_STATUS_D: &[u8] = b"var/lib/dpkg/status.d";
/// Where apk's database is, in its second and third version.
pub const APK_INSTALLED: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
/// Databases of rpm, which are not read.
pub const RPM: [&[u8]; 4] = [
    b"var/lib/rpm/rpmdb.sqlite",
    b"usr/lib/sysimage/rpm/rpmdb.sqlite",
    b"var/lib/rpm/Packages",
    b"var/lib/rpm/Packages.db",
];

/// An installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Bytes that it takes by its own word.
    pub stated: Option<u64>,
    /// What is there of it.
    pub total: Total,
}

/// Packages and what they own.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    packages: Vec<Package>,
    /// By the ordinal of the entry.
    owners: HashMap<u32, u32>,
    by_name: HashMap<String, usize>,
}

impl Packages {
    /// All, in the database's order.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The package that a visible entry belongs to.
    pub fn owner(&self, ordinal: u32) -> Option<&Package> {
        let package = *self.owners.get(&ordinal)?;
        self.packages.get(package as usize)
    }

    /// What belongs to some package.
    pub fn owned(&self) -> Total {
        let add = |sum: Total, p: &Package| Total {
            bytes: sum.bytes.saturating_add(p.total.bytes),
            files: sum.files.saturating_add(p.total.files),
        };
        self.packages.iter().fold(Total::default(), add)
    }

    fn push(&mut self, package: Package) -> Option<usize> {
        if package.name.is_empty() || self.packages.len() >= MAX_PACKAGES {
            return None;
        }
        let at = self.packages.len();
        // With another architecture beside it, lists are named with it.
        let name = format!("{}:{}", package.name, package.architecture);
        self.by_name.entry(name).or_insert(at);
        self.by_name.entry(package.name.clone()).or_insert(at);
        self.packages.push(package);
        Some(at)
    }

    /// Reads dpkg's stanzas; only what is installed counts.
    pub fn add_dpkg_status(&mut self, text: &[u8]) {
        for stanza in stanzas(text) {
            let mut package = Package::default();
            let mut installed = true;
            for (field, value) in fields(stanza) {
                match field {
                    b"Package" => package.name = shown(value),
                    b"Version" => package.version = shown(value),
                    b"Architecture" => package.architecture = shown(value),
                    b"Installed-Size" => {
                        // KiB.
                        package.stated = number(value).and_then(|n| n.checked_mul(1024));
                    }
                    b"Status" => installed = value.ends_with(b" installed"),
                    _ => {}
                }
            }
            if installed {
                self.push(package);
            }
        }
    }

    /// Reads one of dpkg's lists, by its file's name: `<package>[:<architecture>].list` with a path a
    /// line, or `.md5sums` with a digest and two blanks before each.
    pub fn add_dpkg_list(&mut self, root: &RootFs, file_name: &[u8], text: &[u8]) {
        let Some((name, sums)) = dpkg_list(file_name) else {
            return;
        };
        let name = String::from_utf8_lossy(name);
        let Some(package) = self.by_name.get(&*name).copied() else {
            return;
        };
        for line in lines(text) {
            let path = match sums {
                false => Some(line),
                true => line
                    .iter()
                    .position(|b| *b == b' ')
                    .map(|at| line[at..].trim_ascii_start()),
            };
            if let Some(path) = path {
                self.own(root, package, path);
            }
        }
    }

    /// Reads apk's database.
    pub fn add_apk(&mut self, root: &RootFs, text: &[u8]) {
        for stanza in stanzas(text) {
            let mut package = Package::default();
            for (field, value) in apk_fields(stanza) {
                match field {
                    b'P' => package.name = shown(value),
                    b'V' => package.version = shown(value),
                    b'A' => package.architecture = shown(value),
                    b'I' => package.stated = number(value),
                    _ => {}
                }
            }
            let Some(at) = self.push(package) else {
                continue;
            };
            let mut dir: &[u8] = b"";
            for (field, value) in apk_fields(stanza) {
                match field {
                    b'F' => dir = value,
                    b'R' => self.own(root, at, &[dir, b"/", value].concat()),
                    _ => {}
                }
            }
        }
    }

    /// A path belongs to a package; one that several name, to the first.
    fn own(&mut self, root: &RootFs, package: usize, path: &[u8]) {
        let (tree, toc) = (root.visible(), root.toc());
        let Resolved::Node(node) = tree.resolve(path, false, toc) else {
            return;
        };
        let Some(ordinal) = tree.ordinal(node) else {
            return;
        };
        if toc.kind(ordinal) == Some(EntryKind::Dir) {
            return;
        }
        let entry = self.owners.entry(ordinal);
        let std::collections::hash_map::Entry::Vacant(free) = entry else {
            return;
        };
        free.insert(package as u32); // below MAX_PACKAGES
        if let Some(package) = self.packages.get_mut(package) {
            package.total.files += 1;
            package.total.bytes = package.total.bytes.saturating_add(root.bytes(ordinal));
        }
    }
}

/// The package of one of dpkg's lists, and whether it has digests.
pub fn dpkg_list(file_name: &[u8]) -> Option<(&[u8], bool)> {
    let list = file_name.strip_suffix(b".list").map(|name| (name, false));
    list.or_else(|| file_name.strip_suffix(b".md5sums").map(|name| (name, true)))
}

/// The ordinals of a visible directory's files, in the archive's order.
pub fn files_in(root: &RootFs, dir: &[u8]) -> Vec<u32> {
    let (tree, toc) = (root.visible(), root.toc());
    let Resolved::Node(dir) = tree.resolve(dir, true, toc) else {
        return Vec::new();
    };
    let is_file = |node: &NodeId| {
        let kind = tree.ordinal(*node).and_then(|o| toc.kind(o));
        matches!(kind, Some(EntryKind::File | EntryKind::Hardlink))
    };
    let mut files: Vec<u32> = tree
        .children(dir)
        .filter(is_file)
        .filter_map(|node| tree.ordinal(node))
        .collect();
    files.sort_unstable();
    files
}

/// The ordinal of a visible file.
pub fn file_at(root: &RootFs, path: &[u8]) -> Option<u32> {
    let (tree, toc): (&Tree, _) = (root.visible(), root.toc());
    let Resolved::Node(node) = tree.resolve(path, true, toc) else {
        return None;
    };
    let ordinal = tree.ordinal(node)?;
    matches!(
        toc.kind(ordinal),
        Some(EntryKind::File | EntryKind::Hardlink)
    )
    .then_some(ordinal)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// Parts between empty lines.
fn stanzas(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\n\n");
        let (stanza, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        Some(stanza)
    })
}

/// `Field: value` lines; what is continued on the next is left out.
fn fields(stanza: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(stanza).filter_map(|line| {
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            return None;
        }
        let at = line.iter().position(|b| *b == b':')?;
        Some((&line[..at], line[at + 1..].trim_ascii()))
    })
}

/// `F:value` lines.
fn apk_fields(stanza: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    lines(stanza).filter_map(|line| match line {
        [field, b':', value @ ..] => Some((*field, value)),
        _ => None,
    })
}

/// Longest text of a field that is kept, in bytes.
const MAX_FIELD: usize = 256;

fn shown(value: &[u8]) -> String {
    crate::path::visible(&value[..value.len().min(MAX_FIELD)])
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::tests::toc;

    fn root() -> RootFs {
        let mut root = RootFs::new();
        root.add_layer(&toc(&[
            "d 0 usr",
            "s 0 lib -> usr/lib",
            "f 100 usr/lib/a.so",
            "s 0 usr/lib/b.so -> a.so",
            "f 50 usr/bin/tool",
            "f 9 var/lib/dpkg/info/one.list",
            "f 9 var/lib/dpkg/info/two:amd64.list",
            "d 0 var/lib/dpkg/info/dir",
            "f 7 loose",
        ]));
        root.update();
        root
    }

    fn told(packages: &Packages) -> Vec<(String, u64, u32)> {
        let fact = |p: &Package| {
            (
                format!("{} {}", p.name, p.version),
                p.total.bytes,
                p.total.files,
            )
        };
        packages.packages().iter().map(fact).collect()
    }

    const STATUS: &[u8] = b"Package: one\nStatus: install ok installed\nVersion: 1.0\n\
        Architecture: all\nInstalled-Size: 12\nDescription: of one\n Package: not this\n\n\
        Package: gone\nStatus: deinstall ok config-files\nVersion: 3\n\n\
        Package: two\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:1~rc1\n";

    #[test]
    fn dpkg() {
        let root = root();
        let mut packages = Packages::default();
        packages.add_dpkg_status(STATUS);
        assert_eq!(files_in(&root, DPKG_INFO).len(), 2);
        packages.add_dpkg_list(
            &root,
            b"one.list",
            b"/.\n/usr\n/lib/a.so\n/lib/b.so\n/gone\n",
        );
        packages.add_dpkg_list(
            &root,
            b"two:amd64.list",
            b"/usr/bin\n/usr/bin/tool\n/usr/lib/a.so\n/usr/bin/tool\n",
        );
        packages.add_dpkg_list(&root, b"three.list", b"/loose\n");
        packages.add_dpkg_list(&root, b"one.postinst", b"/loose\n");
        assert_eq!(
            told(&packages),
            [("one 1.0".into(), 100, 2), ("two 2:1~rc1".into(), 50, 1)]
        );
        assert_eq!(packages.packages()[0].stated, Some(12 * 1024));
        let owned = packages.owned();
        assert_eq!((owned.bytes, owned.files), (150, 3));
        let tool = file_at(&root, b"usr/bin/tool").unwrap();
        assert_eq!(packages.owner(tool).unwrap().name, "two");
        assert!(packages.owner(file_at(&root, b"loose").unwrap()).is_none());
        assert_eq!(file_at(&root, b"lib/b.so"), file_at(&root, b"usr/lib/a.so"));
        assert_eq!(file_at(&root, b"usr"), None);
    }

    #[test]
    fn dpkg_without_a_shell() {
        let root = root();
        let mut packages = Packages::default();
        packages.add_dpkg_status(b"Package: base-files\nVersion: 12\n");
        let sums = b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/tool\nbad\n";
        packages.add_dpkg_list(&root, b"base-files.md5sums", sums);
        assert_eq!(told(&packages), [("base-files 12".into(), 50, 1)]);
    }

    #[test]
    fn apk() {
        let root = root();
        let mut packages = Packages::default();
        packages.add_apk(
            &root,
            b"C:Q1x\nP:musl\nV:1.2.5-r0\nA:x86_64\nI:4096\nF:usr\nF:usr/lib\nR:a.so\na:0:0:755\nZ:Q1y\n\n\
              P:tool\nV:2\nF:usr/bin\nR:tool\nR:none\nF:\nR:loose\n",
        );
        assert_eq!(
            told(&packages),
            [("musl 1.2.5-r0".into(), 100, 1), ("tool 2".into(), 57, 2)]
        );
        assert_eq!(packages.packages()[0].stated, Some(4096));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(text in proptest::collection::vec(0_u8..255, 0..200)) {
            let root = root();
            let mut packages = Packages::default();
            packages.add_dpkg_status(&text);
            packages.add_dpkg_list(&root, b"one.list", &text);
            packages.add_apk(&root, &text);
        }
    }
}
