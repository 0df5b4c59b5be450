//! Builds layers, manifests and indexes. Deterministic: fixed times, fixed owners, no host data.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::Repo;

/// 2024-05-01 12:00:00 UTC, the time of the first file; each later one is a minute younger.
const FIRST_MTIME: u64 = 1_714_564_800;
/// The time in configs.
pub(super) const CREATED: &str = "2024-05-01T12:00:00Z";

/// OCI image manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image config.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// gzip-compressed layer.
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The empty JSON object that stands for "no config".
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A descriptor (OCI image spec), its keys in the usual order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<Value>,
}

/// An image manifest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<Value>,
}

impl Manifest {
    pub(super) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        let (artifact_type, subject, annotations) = (None, None, None);
        Self {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type,
            config,
            layers,
            subject,
            annotations,
        }
    }
}

/// An image index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    schema_version: u32,
    media_type: &'static str,
    pub(super) manifests: Vec<Descriptor>,
    pub(super) annotations: Value,
}

impl Index {
    pub(super) fn new(manifests: Vec<Descriptor>, annotations: Value) -> Self {
        Self {
            schema_version: 2,
            media_type: INDEX,
            manifests,
            annotations,
        }
    }
}

pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Repo {
    /// Stores a blob; gives its descriptor.
    pub(super) fn put_blob(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = describe(media_type, &bytes);
        self.blobs.insert(descriptor.digest.clone(), bytes);
        descriptor
    }

    /// Stores a layer.
    pub(super) fn put_layer(&mut self, layer: &Layer) -> Descriptor {
        self.put_blob(LAYER, layer.gzip.clone())
    }

    /// Stores a manifest or index; gives its descriptor.
    pub(super) fn put_manifest(
        &mut self,
        media_type: &str,
        content: &impl Serialize,
    ) -> Descriptor {
        let bytes = Bytes::from(pretty(content));
        let descriptor = describe(media_type, &bytes);
        self.manifests
            .insert(descriptor.digest.clone(), (media_type.to_owned(), bytes));
        descriptor
    }

    pub(super) fn tag(&mut self, name: impl Into<String>, descriptor: &Descriptor) {
        self.tags.insert(name.into(), descriptor.digest.clone());
    }
}

fn describe(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest(bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        platform: None,
        annotations: None,
    }
}

/// JSON as people write it: two spaces, one line feed at the end.
pub(super) fn pretty(content: &impl Serialize) -> Vec<u8> {
    // Plain structs and JSON values cannot fail to serialise.
    let mut text = serde_json::to_vec_pretty(content).expect("plain data serialises");
    text.push(b'\n');
    text
}

/// A finished layer.
pub(super) struct Layer {
    /// The compressed tar.
    pub(super) gzip: Bytes,
    /// The digest of the uncompressed tar.
    pub(super) diff_id: String,
}

/// A layer in the making. Paths are relative; parents are not made by themselves.
pub(super) struct LayerBuilder {
    tar: Builder<Vec<u8>>,
    entries: u64,
}

impl LayerBuilder {
    pub(super) fn new() -> Self {
        Self {
            tar: Builder::new(Vec::new()),
            entries: 0,
        }
    }

    fn header(&mut self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(FIRST_MTIME + 60 * self.entries);
        header.set_uid(0);
        header.set_gid(0);
        // Both names are short and plain.
        header.set_username("root").expect("a short name fits");
        header.set_groupname("root").expect("a short name fits");
        self.entries += 1;
        header
    }

    fn append(&mut self, mut header: Header, path: &str, data: &[u8]) {
        // Writing into memory; the paths are constants of this module's callers.
        self.tar
            .append_data(&mut header, path, data)
            .expect("constant paths fit");
    }

    pub(super) fn dir(&mut self, path: &str, mode: u32) -> &mut Self {
        let header = self.header(EntryType::Directory, mode, 0);
        self.append(header, &format!("{path}/"), b"");
        self
    }

    pub(super) fn dirs(&mut self, paths: &[&str]) -> &mut Self {
        for path in paths {
            self.dir(path, 0o755);
        }
        self
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> &mut Self {
        let content = content.as_ref();
        let header = self.header(EntryType::Regular, mode, content.len() as u64);
        self.append(header, path, content);
        self
    }

    /// A file of an ordinary user.
    pub(super) fn user_file(&mut self, path: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let content = content.as_ref();
        let mut header = self.header(EntryType::Regular, 0o640, content.len() as u64);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_username("hello").expect("a short name fits");
        header.set_groupname("hello").expect("a short name fits");
        self.append(header, path, content);
        self
    }

    /// A file with an extended attribute in a PAX record.
    pub(super) fn file_with_xattr(
        &mut self,
        path: &str,
        xattr: (&str, &[u8]),
        content: &[u8],
    ) -> &mut Self {
        let key = format!("SCHILY.xattr.{}", xattr.0);
        self.tar
            .append_pax_extensions([(key.as_str(), xattr.1)])
            .expect("writing into memory");
        self.file(path, 0o755, content)
    }

    pub(super) fn symlink(&mut self, path: &str, target: &str) -> &mut Self {
        self.link(EntryType::Symlink, 0o777, path, target)
    }

    pub(super) fn hard_link(&mut self, path: &str, target: &str) -> &mut Self {
        self.link(EntryType::Link, 0o755, path, target)
    }

    fn link(&mut self, kind: EntryType, mode: u32, path: &str, target: &str) -> &mut Self {
        let mut header = self.header(kind, mode, 0);
        self.tar
            .append_link(&mut header, path, target)
            .expect("constant paths fit");
        self
    }

    pub(super) fn char_device(&mut self, path: &str, major: u32, minor: u32) -> &mut Self {
        let mut header = self.header(EntryType::Char, 0o666, 0);
        header
            .set_device_major(major)
            .expect("a ustar header has devices");
        header
            .set_device_minor(minor)
            .expect("a ustar header has devices");
        self.append(header, path, b"");
        self
    }

    pub(super) fn fifo(&mut self, path: &str) -> &mut Self {
        let header = self.header(EntryType::Fifo, 0o600, 0);
        self.append(header, path, b"");
        self
    }

    /// Marks what lower layers have at a path as removed (OCI image spec, whiteouts).
    pub(super) fn whiteout(&mut self, parent: &str, name: &str) -> &mut Self {
        self.file(&format!("{parent}/.wh.{name}"), 0o000, b"")
    }

    /// Marks all that lower layers have in a directory as removed.
    pub(super) fn opaque(&mut self, dir: &str) -> &mut Self {
        self.file(&format!("{dir}/.wh..wh..opq"), 0o000, b"")
    }

    pub(super) fn finish(self) -> Layer {
        let tar = self.tar.into_inner().expect("writing into memory");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
        gzip.write_all(&tar).expect("writing into memory");
        let gzip = gzip.finish().expect("writing into memory");
        Layer {
            gzip: gzip.into(),
            diff_id: digest(&tar),
        }
    }
}
