//! What a value of a manifest, configuration or other document leads to.

use super::tree::Node;
use super::{Context, Link, value_of};
use crate::digest::Digest;
use crate::media_type::{self, MediaTypeKind};
use crate::path::EntryPath;
use crate::reference::{ManifestRef, Reference, Repository};
use crate::route::Route;
use crate::view::{human, purl};

/// A link and a word about a value.
#[derive(Default)]
pub(super) struct Told {
    pub(super) link: Option<Link>,
    pub(super) title: Option<String>,
}

fn link(link: Option<Link>) -> Told {
    Told { link, title: None }
}

/// Where a value stands: the key it is under, the members beside it, and where the object with these
/// stands. An array's items stand where the array does.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, 't> {
    key: &'a str,
    beside: &'a [(&'t str, Node<'t>)],
    above: Option<&'a Place<'a, 't>>,
}

impl<'a, 't> Place<'a, 't> {
    pub(super) fn root() -> Place<'a, 't> {
        Place {
            key: "",
            beside: &[],
            above: None,
        }
    }

    pub(super) fn item(&self) -> Place<'a, 't> {
        *self
    }

    pub(super) fn member<'b>(
        &'b self,
        key: &'b str,
        beside: &'b [(&'t str, Node<'t>)],
    ) -> Place<'b, 't>
    where
        'a: 'b,
    {
        Place {
            key,
            beside,
            above: Some(self),
        }
    }

    /// The key of the object that it is a member of.
    fn outer_key(&self) -> &'a str {
        self.above.map_or("", |above| above.key)
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
    if value.starts_with("pkg:") {
        return link(purl::link(&value));
    }
    match place.key {
        // In-toto's digest sets: an algorithm's name and bare hex.
        algorithm @ ("sha256" | "sha512") if place.outer_key() == "digest" => {
            let digest = format!("{algorithm}:{value}").parse();
            link(digest.ok().and_then(|digest| named(digest, place, context)))
        }
        "WorkingDir" if place.outer_key() == "config" => {
            let path = EntryPath::new(value.trim_start_matches('/')).normalised();
            let layers = |image: &Digest| {
                Link::Route(Box::new(Route::layers(
                    context.repository.clone(),
                    image.clone(),
                    path,
                )))
            };
            link(context.image.as_ref().map(layers))
        }
        "os.version" => Told {
            link: None,
            title: windows(&value).map(str::to_owned),
        },
        "org.opencontainers.image.licenses" => link(licence(&value)),
        "logIndex" => link(log_entry(&value)),
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

/// What a statement speaks of, or was made from: an image if it is said to be one, or if nothing is
/// said of where else it would be.
fn named(digest: Digest, place: &Place<'_, '_>, context: &Context) -> Option<Link> {
    let artifact = place.above?;
    let name = ["uri", "name"]
        .into_iter()
        .find_map(|key| artifact.sibling(key))?;
    if name.starts_with("pkg:docker/") || name.starts_with("pkg:oci/") {
        let Some(Link::Route(route)) = purl::link(&name) else {
            return None;
        };
        let Route::Image { reference, .. } = *route else {
            return None;
        };
        let reference = reference
            .repository()
            .reference(ManifestRef::Digest(digest));
        return Some(Link::Route(Box::new(Route::image(reference))));
    }
    // cosign's subjects are named by their repository, without a tag.
    let named = Repository::parse(&name).ok()?;
    if named != context.repository {
        return None;
    }
    let reference = named.reference(ManifestRef::Digest(digest));
    Some(Link::Route(Box::new(Route::image(reference))))
}

/// A licence by its SPDX identifier, where it is a single one.
fn licence(value: &str) -> Option<Link> {
    let is_id = |b: u8| b.is_ascii_alphanumeric() || b"-.+".contains(&b);
    let short = (2..=64).contains(&value.len());
    let named = value.starts_with("LicenseRef-") || value.starts_with("NOASSERTION");
    (short && !named && value.bytes().all(is_id))
        .then(|| web_address(&format!("https://spdx.org/licenses/{value}.html")))
        .flatten()
}

/// An entry of Sigstore's public transparency log, Rekor.
fn log_entry(index: &str) -> Option<Link> {
    let is_number = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    is_number
        .then(|| web_address(&format!("https://search.sigstore.dev/?logIndex={index}")))
        .flatten()
}

/// The Windows that an `os.version` belongs to, by its build number (Microsoft's list of Windows
/// container versions).
fn windows(version: &str) -> Option<&'static str> {
    let mut parts = version.strip_prefix("10.0.")?.split('.');
    Some(match parts.next()? {
        "14393" => "Windows Server 2016",
        "16299" => "Windows Server, version 1709",
        "17134" => "Windows Server, version 1803",
        "17763" => "Windows Server 2019",
        "18362" => "Windows Server, version 1903",
        "18363" => "Windows Server, version 1909",
        "19041" => "Windows Server, version 2004",
        "19042" => "Windows Server, version 20H2",
        "20348" => "Windows Server 2022",
        "25398" => "Windows Server, version 23H2",
        "26100" => "Windows Server 2025",
        _ => return None,
    })
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
pub(in crate::view) fn web_address(text: &str) -> Option<Link> {
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
    if place.key == "logIndex" {
        return link(log_entry(raw));
    }
    let is_size = matches!(place.key, "size" | "Size" | "container_size" | "length");
    let bytes = raw.parse::<u64>().ok().filter(|_| is_size);
    Told {
        link: None,
        title: bytes.filter(|b| *b >= 1000).map(human::size),
    }
}
