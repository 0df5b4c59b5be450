//! A registry that misbehaves on request, and writes down what it is asked.
//!
//! It serves what is put into it as the distribution spec says; then troubles are laid over
//! single paths. Two of them make a registry with its storage host.

mod answer;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::{
    corpus::push::{NewLayer, digest, media},
    net::Server,
    recorder::Log,
};

/// How an answer differs from what the spec says.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// This status, these headers, this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// 200 and a page of HTML, as a login portal answers.
    Html,
    /// The headers of the right answer, and the connection closed after so many bytes of the body.
    DropAfter(u64),
    /// The right length, but one byte in the middle is another.
    WrongByte,
    /// Only so many bytes, with a `Content-Length` that says so too.
    Cut(u64),
    /// Pieces of so many bytes with a pause between them.
    Slow(usize, Duration),
    /// 200 and the whole blob, whatever `Range` says.
    IgnoreRange,
    /// 307 to this address.
    Redirect(String),
    /// 307 to the same path on this `host:port`, over plain HTTP.
    RedirectHost(String),
    /// A JSON document of about so many bytes, made while it is sent.
    HugeJson(u64),
    /// 400 if the request has an `Authorization`, as S3 and its like answer on signed addresses;
    /// 403 on HEAD, because such a signature is bound to the method.
    Storage,
    /// No answer at all.
    Silence,
    /// A `Content-Encoding` that nobody asked for.
    Encoded,
}

/// A trouble and how often it strikes.
struct Rule {
    path: String,
    trouble: Trouble,
    left: Option<u32>,
}

#[derive(Clone)]
struct Stored {
    media_type: String,
    bytes: Bytes,
    digest: String,
}

#[derive(Default)]
struct Shelf {
    /// By path below `/v2/`.
    content: HashMap<String, Stored>,
    rules: Vec<Rule>,
    /// Tags of a repository, in the order given, and how many make a page.
    tags: HashMap<String, (Vec<String>, usize)>,
}

#[derive(Clone, Default)]
struct Shared {
    shelf: Arc<Mutex<Shelf>>,
    log: Log,
}

impl Shared {
    fn with<T>(&self, use_it: impl FnOnce(&mut Shelf) -> T) -> T {
        use_it(
            &mut self
                .shelf
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }
}

/// The double.
pub struct Double {
    server: Server,
    shared: Shared,
}

impl Double {
    /// Starts an empty one.
    pub fn start() -> io::Result<Self> {
        let shared = Shared::default();
        let server = Server::start(
            Router::new()
                .fallback(answer::answer)
                .with_state(shared.clone()),
        )?;
        Ok(Self { server, shared })
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// What was asked.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Puts a blob on the shelf; returns its sha256 digest.
    pub fn blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = digest(&bytes);
        self.put_blob(repository, &digest, bytes);
        digest
    }

    /// Puts a blob on the shelf under its sha512 digest, and returns that.
    pub fn blob_sha512(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = format!("sha512:{}", hex::encode(Sha512::digest(&bytes)));
        self.put_blob(repository, &digest, bytes);
        digest
    }

    /// Puts any bytes under any digest, right or wrong.
    pub fn put_blob(&self, repository: &str, digest: &str, bytes: impl Into<Bytes>) {
        self.put(
            format!("{repository}/blobs/{digest}"),
            "application/octet-stream",
            bytes.into(),
        );
    }

    /// Puts a manifest on the shelf under its digest and a tag; returns the digest.
    pub fn manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        manifest: &Value,
    ) -> String {
        self.manifest_bytes(repository, tag, media_type, manifest.to_string())
    }

    /// The same for a manifest whose bytes matter.
    pub fn manifest_bytes(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> String {
        let bytes = bytes.into();
        let digest = digest(&bytes);
        for reference in [tag, &digest] {
            self.put(
                format!("{repository}/manifests/{reference}"),
                media_type,
                bytes.clone(),
            );
        }
        digest
    }

    /// Puts a whole image of these layers on the shelf; returns the layers' digests.
    pub fn image(&self, repository: &str, tag: &str, layers: Vec<NewLayer>) -> Vec<String> {
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|l| &l.diff_id).collect::<Vec<_>>()},
        })
        .to_string();
        let config_size = config.len();
        let config = self.blob(repository, config);
        let mut digests = Vec::new();
        let mut descriptors = Vec::new();
        for layer in layers {
            let size = layer.blob.len();
            let digest = self.blob(repository, layer.blob);
            descriptors
                .push(json!({"mediaType": layer.media_type, "digest": digest, "size": size}));
            digests.push(digest);
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST,
            "config": {"mediaType": media::CONFIG, "digest": config, "size": config_size},
            "layers": descriptors,
        });
        self.manifest(repository, tag, media::MANIFEST, &manifest);
        digests
    }

    /// Lists these tags, so many on a page.
    pub fn tags(&self, repository: &str, tags: Vec<String>, page: usize) {
        self.shared.with(|shelf| {
            shelf.tags.insert(repository.to_owned(), (tags, page));
        });
    }

    /// Lays a trouble over every request whose path (below `/v2/`, or whole) is or begins with
    /// `path`. Of several, the latest that still strikes wins.
    pub fn trouble(&self, path: &str, trouble: Trouble) {
        self.rule(path, trouble, None);
    }

    /// The same, but only for the next `times` requests.
    pub fn trouble_times(&self, path: &str, trouble: Trouble, times: u32) {
        self.rule(path, trouble, Some(times));
    }

    /// Lifts every trouble.
    pub fn behave(&self) {
        self.shared.with(|shelf| shelf.rules.clear());
    }

    fn rule(&self, path: &str, trouble: Trouble, left: Option<u32>) {
        let rule = Rule {
            path: path.to_owned(),
            trouble,
            left,
        };
        self.shared.with(|shelf| shelf.rules.push(rule));
    }

    fn put(&self, path: String, media_type: &str, bytes: Bytes) {
        let digest = match path.rsplit_once('/') {
            Some((_, last)) if last.contains(':') => last.to_owned(),
            _ => digest(&bytes),
        };
        let media_type = media_type.to_owned();
        let stored = Stored {
            media_type,
            bytes,
            digest,
        };
        self.shared.with(|shelf| shelf.content.insert(path, stored));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{client, wait};

    fn get(
        double: &Double,
        path: &str,
        range: Option<&str>,
    ) -> (u16, Result<Vec<u8>, reqwest::Error>) {
        let mut request = client().get(format!("http://{}/v2/{path}", double.host()));
        if let Some(range) = range {
            request = request.header("range", range);
        }
        wait(async {
            let answer = request.send().await.unwrap();
            (
                answer.status().as_u16(),
                answer.bytes().await.map(|bytes| bytes.to_vec()),
            )
        })
    }

    #[test]
    fn serves_and_strikes() {
        let double = Double::start().unwrap();
        let data: Vec<u8> = (0..200u8).collect();
        let digest = double.blob("a/b", data.clone());
        let path = format!("a/b/blobs/{digest}");
        assert_eq!(get(&double, "", None).0, 200);
        assert_eq!(get(&double, &path, None).1.unwrap(), data);
        let (status, body) = get(&double, &path, Some("bytes=10-19"));
        assert_eq!((status, body.unwrap()), (206, data[10..20].to_vec()));
        assert_eq!(get(&double, &path, Some("bytes=200-")).0, 416);
        assert_eq!(get(&double, "a/b/manifests/none", None).0, 404);

        double.trouble(&path, Trouble::WrongByte);
        let wrong = get(&double, &path, None).1.unwrap();
        assert_eq!(wrong.iter().zip(&data).filter(|(a, b)| a != b).count(), 1);
        double.trouble(&path, Trouble::Cut(50));
        assert_eq!(get(&double, &path, None).1.unwrap(), data[..50]);
        double.trouble(&path, Trouble::DropAfter(50));
        assert!(get(&double, &path, None).1.is_err());
        double.trouble(&path, Trouble::IgnoreRange);
        assert_eq!(get(&double, &path, Some("bytes=10-19")).0, 200);
        double.trouble(&path, Trouble::Slow(100, Duration::from_millis(1)));
        assert_eq!(get(&double, &path, None).1.unwrap(), data);
        double.trouble_times(&path, Trouble::Html, 1);
        assert_eq!(get(&double, &path, None).1.unwrap()[..9], *b"<!doctype");
        assert_eq!(get(&double, &path, None).1.unwrap(), data);
        double.trouble("a/b/manifests/huge", Trouble::HugeJson(3_000_000));
        let huge = get(&double, "a/b/manifests/huge", None).1.unwrap();
        assert!(huge.len() > 2_900_000);
        assert!(serde_json::from_slice::<Value>(&huge).is_ok());
        double.behave();
        assert_eq!(get(&double, &path, None).1.unwrap(), data);
        let last = double.log().all().pop().unwrap();
        assert_eq!((last.status, last.sent), (200, 200));
    }

    #[test]
    fn pages_tags() {
        let double = Double::start().unwrap();
        double.tags("t", (0..5).map(|i| format!("v{i}")).collect(), 2);
        let (_, body) = get(&double, "t/tags/list?n=2&last=v3", None);
        assert_eq!(body.unwrap(), br#"{"name":"t","tags":["v4"]}"#);
    }
}
