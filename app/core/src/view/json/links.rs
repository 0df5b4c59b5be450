//! What a value of a manifest, configuration or other document leads to.

use super::tree::Node;
use super::{Context, Link, value_of};
use crate::digest::Digest;
use crate::media_type::{self, MediaTypeKind};
use crate::path::EntryPath;
use crate::reference::{ManifestRef, Reference, Repository};
use crate::route::Route;
use crate::view::human;

/// A link and a word about a value.
#[derive(Default)]
pub(super) struct Told {
    pub(super) link: Option<Link>,
    pub(super) title: Option<String>,
}

fn link(link: Option<Link>) -> Told {
    Told { link, title: None }
}

/// Where a value stands: the key it is under, and the members beside it. An array's items stand
/// where the array does.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, 't> {
    key: &'a str,
    beside: &'a [(&'t str, Node<'t>)],
}

impl<'a, 't> Place<'a, 't> {
    pub(super) fn root() -> Place<'a, 't> {
        Place {
            key: "",
            beside: &[],
        }
    }

    pub(super) fn item(&self) -> Place<'a, 't> {
        *self
    }

    pub(super) fn member<'b>(
        &self,
        key: &'b str,
        beside: &'b [(&'t str, Node<'t>)],
    ) -> Place<'b, 't> {
        Place { key, beside }
    }

    /// The string under a key beside this value.
    fn sibling(&self, name: &str) -> Option<String> {
        let found = self.beside.iter().find_map(|(key, value)| match value {
            Node::String(raw) if value_of(key).as_deref() == Some(name) => Some(*raw),
            _ => None,
        });
        found.and_then(value_of)
    }
}

/// Longest string looked at for a link: digests, references and addresses are shorter.
const MAX_LINKED: usize = 4096;

pub(super) fn of_string(raw: &str, place: &Place<'_, '_>, context: &Context) -> Told {
    if raw.len() > MAX_LINKED {
        return Told::default();
    }
    let Some(value) = value_of(raw) else {
        return Told::default();
    };
    if let Ok(digest) = value.parse::<Digest>() {
        return of_digest(digest, place, context);
    }
    match place.key {
        "mediaType" | "artifactType" | "com.amazon.soci.image-layer-mediaType" => {
            let url = media_type::specification(&value);
            link(url.map(|u| Link::Url(u.to_owned())))
        }
        "created"
        | "org.opencontainers.image.created"
        | "build-date"
        | "created_at"
        | "org.label-schema.build-date" => Told {
            link: None,
            title: human::parse_time(&value).map(|then| told_time(then, context.now_s)),
        },
        "org.opencontainers.image.base.name" => {
            let reference = Reference::parse(&value).ok();
            link(reference.map(|r| Link::Route(Box::new(Route::image(r)))))
        }
        "org.opencontainers.image.revision" | "vcs-ref" | "org.label-schema.vcs-ref" => {
            link(commit(&value, place))
        }
        _ => link(web_address(&value)),
    }
}

fn told_time(then: i64, now: Option<i64>) -> String {
    match now {
        Some(now) => format!("{} UTC, {}", human::time(then), human::ago(then, now)),
        None => format!("{} UTC", human::time(then)),
    }
}

/// A digest leads to what it names, as far as the document tells what that is.
fn of_digest(digest: Digest, place: &Place<'_, '_>, context: &Context) -> Told {
    let repository = &context.repository;
    let image = |digest, repository: &Repository| {
        let reference = repository.reference(ManifestRef::Digest(digest));
        Some(Route::image(reference))
    };
    let layer = |digest| Some(Route::fs(repository.clone(), digest, EntryPath::ROOT));
    let route = match place.key {
        "diff_ids" | "io.buildpacks.diff_id" => {
            return Told {
                link: None,
                title: Some("digest of the layer when uncompressed: no blob has it".into()),
            };
        }
        "digest" => {
            let media_type = place.sibling("mediaType");
            match media_type.as_deref().map(media_type::kind) {
                Some(
                    MediaTypeKind::Index | MediaTypeKind::Manifest | MediaTypeKind::DockerSchema1,
                ) => image(digest, repository),
                Some(MediaTypeKind::Layer { .. }) => layer(digest),
                _ => Some(Route::blob(repository.clone(), digest, media_type)),
            }
        }
        "blobSum" | "com.amazon.soci.image-layer-digest" => layer(digest),
        "vnd.docker.reference.digest"
        | "com.amazon.soci.index-digest"
        | "com.amazon.soci.image-manifest-digest" => image(digest, repository),
        "org.opencontainers.image.base.digest" => {
            let base = place.sibling("org.opencontainers.image.base.name");
            let base = base.and_then(|name| Reference::parse(&name).ok());
            base.and_then(|base| image(digest, base.repository()))
        }
        _ => None,
    };
    link(route.map(|r| Link::Route(Box::new(r))))
}

/// A commit in the repository that is named beside it, where its web site is known.
fn commit(revision: &str, place: &Place<'_, '_>) -> Option<Link> {
    let hex = revision.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex || !(7..=64).contains(&revision.len()) {
        return None;
    }
    let source = [
        "org.opencontainers.image.source",
        "vcs-url",
        "org.label-schema.vcs-url",
    ];
    let source = source.into_iter().find_map(|key| place.sibling(key))?;
    let source = source.strip_prefix("git+").unwrap_or(&source);
    let source = source.trim_end_matches('/').trim_end_matches(".git");
    let path = source.strip_prefix("https://")?;
    let commit = match path.split('/').next()? {
        "github.com" | "codeberg.org" => "commit",
        "gitlab.com" => "-/commit",
        "bitbucket.org" => "commits",
        _ => return None,
    };
    let is_repository = path.split('/').count() >= 3 && !path.contains(['?', '#']);
    let url = format!("{source}/{commit}/{revision}");
    is_repository.then(|| web_address(&url)).flatten()
}

/// A link to `http` or `https`, if the text is one whole address and nothing but ASCII.
pub(super) fn web_address(text: &str) -> Option<Link> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    let usable = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b);
    let ok = !host.is_empty() && host.bytes().all(plain) && text.bytes().all(usable);
    ok.then(|| Link::Url(text.to_owned()))
}

pub(super) fn of_number(raw: &str, place: &Place<'_, '_>) -> Told {
    let is_size = matches!(place.key, "size" | "Size" | "container_size" | "length");
    let bytes = raw.parse::<u64>().ok().filter(|_| is_size);
    Told {
        link: None,
        title: bytes.filter(|b| *b >= 1000).map(human::size),
    }
}
