//! Fragment to route.

use percent_encoding::percent_decode_str;

use super::format::{DOCUMENTS, ONLY, RENDERS, SORTS, VIEWS};
use super::{ImageDocument, ImageView, ListMode, MAX_FRAGMENT_LEN, Route, Show};
use crate::compare::list::ListSpec;
use crate::digest::Digest;
use crate::job::SortKey;
use crate::path::EntryPath;
use crate::reference::parse::looks_like_host;
use crate::reference::{Reference, ReferenceError, Registry, Repository};

/// Why a fragment cannot be read.
type Why = String;

pub(super) fn route(text: &str) -> Route {
    // All of them: what is left is to be the same when it is read again.
    let fragment = text.trim_start_matches('#');
    let invalid = |why: Why| Route::Invalid {
        fragment: fragment.to_owned(),
        why,
    };
    if fragment.len() > MAX_FRAGMENT_LEN {
        return invalid(format!(
            "an address has at most {MAX_FRAGMENT_LEN} characters"
        ));
    }
    read(fragment).unwrap_or_else(invalid)
}

fn read(fragment: &str) -> Result<Route, Why> {
    let (path, query) = fragment.split_once('?').unwrap_or((fragment, ""));
    let path = path.strip_prefix('/').unwrap_or(path);
    let params = Params(query);
    let (kind, rest) = match path.split_once('/') {
        Some((kind, rest)) => (kind, Some(rest)),
        None => (path, None),
    };
    let what = rest.unwrap_or_default();
    match kind {
        "" if what.is_empty() => Ok(Route::Start),
        "settings" if what.is_empty() => Ok(Route::Settings),
        "help" if what.is_empty() => Ok(Route::Help),
        "repo" => repo(&decoded(what)?).map(|route| namespace(route, &params)),
        "image" => Ok(Route::Image {
            reference: reference(&decoded(what)?)?,
            platform: params.parsed("platform"),
            view: params.named("view", &VIEWS).unwrap_or(ImageView::Manifest),
            document: params
                .named("doc", &DOCUMENTS)
                .unwrap_or(ImageDocument::Manifest),
            filter: params.text("jq"),
        }),
        "search" => Ok(Route::Search {
            reference: reference(&decoded(what)?)?,
            platform: params.parsed("platform"),
            query: params.text("q").unwrap_or_default(),
        }),
        "compare" => compare(&decoded(what)?, &params),
        "local" => local(what, &params),
        "blob" | "referrers" | "fs" | "layers" | "size" | "sizes" => by_digest(kind, what, &params),
        "http" | "https" => Err(RAW_ADDRESS.into()),
        other => Err(format!(
            "there is no page {:?} here",
            crate::path::visible(&percent_decode_str(other).collect::<Vec<u8>>())
        )),
    }
}

/// Why `/http/…` and `/https/…` of the reference system are not followed.
pub(super) const RAW_ADDRESS: &str = "raw addresses are not fetched: a page that fetches whatever a link names could be used to reach into private networks. Open the image or blob by its reference";

/// The parameters of a fragment. Each stands and falls alone.
pub(super) struct Params<'a>(pub(super) &'a str);

impl Params<'_> {
    /// All of them with their `?`; empty where there are none.
    fn suffix(&self) -> String {
        match self.0 {
            "" => String::new(),
            params => format!("?{params}"),
        }
    }

    /// The raw value of the first parameter of this name.
    fn raw(&self, name: &str) -> Option<&str> {
        let mut pairs = self
            .0
            .split('&')
            .map(|p| p.split_once('=').unwrap_or((p, "")));
        pairs.find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// A text; none if it is missing, empty, or not UTF-8.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = percent_decode_str(self.raw(name)?).decode_utf8().ok()?;
        (!value.is_empty()).then(|| value.into_owned())
    }

    fn path(&self, name: &str) -> Option<EntryPath> {
        self.raw(name).map(|v| EntryPath::decode(v).normalised())
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn named<T: Copy>(&self, name: &str, names: &[(&str, T)]) -> Option<T> {
        let value = self.text(name)?;
        names.iter().find(|(n, _)| *n == value).map(|(_, v)| *v)
    }

    pub(super) fn show(&self) -> Show {
        Show {
            render: self.named("render", &RENDERS),
            lines: self.parsed("lines"),
            mode: match self.text("mode").as_deref() {
                Some("flat") => ListMode::Flat,
                _ => ListMode::Dir,
            },
            query: self.text("q"),
            sort: self.named("sort", &SORTS).unwrap_or(SortKey::Name),
            descending: self.text("desc").as_deref() == Some("1"),
            hidden: self.text("hidden").as_deref() == Some("1"),
        }
    }
}

fn decoded(text: &str) -> Result<String, Why> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| "the address is not UTF-8 text".to_owned())?;
    Ok(decoded.trim_end_matches('/').to_owned())
}

fn why(error: ReferenceError) -> Why {
    error.to_string()
}

fn reference(text: &str) -> Result<Reference, Why> {
    Reference::parse(text).map_err(why)
}

pub(super) fn repo(text: &str) -> Result<Route, Why> {
    if !text.contains(['/', '@']) && looks_like_host(text) {
        return Ok(Route::Repo {
            registry: Registry::parse(text).map_err(why)?,
            repository: None,
        });
    }
    let repository = Repository::parse(text).map_err(why)?;
    Ok(match repository.local_id() {
        Some(id) => Route::Local { id: id.to_owned() },
        None => Route::repo(repository),
    })
}

/// Docker Hub alone has namespaces that can be listed; a name that is none is left out.
fn namespace(route: Route, params: &Params<'_>) -> Route {
    match (route, params.text("namespace")) {
        (
            Route::Repo {
                registry,
                repository: None,
            },
            Some(namespace),
        ) if registry.is_docker_hub() && is_namespace(&namespace) => Route::Namespace {
            registry,
            namespace,
        },
        (route, _) => route,
    }
}

/// Whether a name can be a namespace: one part of a repository's.
pub(super) fn is_namespace(name: &str) -> bool {
    let whole = format!("{name}/x");
    !name.contains('/') && Repository::new(Registry::docker_hub(), &whole).is_ok()
}

fn compare(text: &str, params: &Params<'_>) -> Result<Route, Why> {
    let Some((left, right)) = text.split_once(',') else {
        return Err("two references are compared, with a comma between them".into());
    };
    Ok(Route::Compare {
        left: reference(left)?,
        right: reference(right)?,
        left_platform: params.parsed("pa"),
        right_platform: params.parsed("pb"),
        path: params.path("path").filter(|path| !path.is_root()),
        list: ListSpec {
            only: params.named("show", &ONLY).unwrap_or_default(),
            query: params.text("q").unwrap_or_default(),
            by_growth: params.text("sort").as_deref() == Some("growth"),
        },
    })
}

/// Longest id of something opened from disk.
const MAX_ID_LEN: usize = 64;

fn local(what: &str, params: &Params<'_>) -> Result<Route, Why> {
    let (id, rest) = what.split_once('/').unwrap_or((what, ""));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if id.is_empty() || id.len() > MAX_ID_LEN || !id.bytes().all(plain) {
        return Err("the id of something opened from disk has small letters and digits".into());
    }
    if rest.is_empty() {
        return Ok(Route::Local { id: id.to_owned() });
    }
    let kinds = [
        "image",
        "search",
        "blob",
        "referrers",
        "fs",
        "layers",
        "size",
        "sizes",
    ];
    let Some((kind, rest)) = rest.split_once('/').filter(|(k, _)| kinds.contains(k)) else {
        return Err("there is no such page of something opened from disk".into());
    };
    let local = Registry::local();
    read(&format!("/{kind}/{local}/{id}@{rest}{}", params.suffix()))
}

/// `<repository>@<digest>` and what follows the digest, still encoded.
pub(super) fn split_digest(text: &str) -> Result<(Repository, Digest, &str), Why> {
    let mark = text.find('@').map(|at| (at, 1));
    let mark = mark.or_else(|| text.find("%40").map(|at| (at, 3)));
    let Some((at, len)) = mark else {
        // `sha256:…` alone has its own words.
        let first = decoded(text.split('/').next().unwrap_or_default())?;
        return Err(match Reference::parse(&first) {
            Err(e) if first.contains(':') => why(e),
            _ => "a digest is missing: put @ and the digest behind the repository".into(),
        });
    };
    let rest = &text[at + len..];
    let end = rest.find('/').unwrap_or(rest.len());
    let digest = decoded(&rest[..end])?.parse::<Digest>();
    let digest = digest.map_err(|e| e.to_string())?;
    let repository = match decoded(&text[..at])?.as_str() {
        "" => {
            return Err(
                "a digest alone does not say where to look: put a repository and @ in front of it"
                    .into(),
            );
        }
        name => Repository::parse(name).map_err(why)?,
    };
    Ok((repository, digest, &rest[end..]))
}

fn by_digest(kind: &str, what: &str, params: &Params<'_>) -> Result<Route, Why> {
    let (repository, digest, rest) = split_digest(what)?;
    if matches!(kind, "blob" | "referrers") && rest.len() > 1 {
        return Err("nothing follows the digest on this page".into());
    }
    // Only a raw `!/` leads into an archive: one in a name is escaped.
    let mut paths = rest.split("!/").map(|p| EntryPath::decode(p).normalised());
    let path = paths.next().unwrap_or_default();
    let inner: Vec<EntryPath> = paths.collect();
    Ok(match kind {
        "blob" => Route::Blob {
            repository,
            digest,
            media_type: params.text("mt"),
            render: params.named("render", &RENDERS),
            lines: params.parsed("lines"),
            filter: params.text("jq"),
        },
        "referrers" => Route::Referrers {
            repository,
            digest,
            artifact_type: params.text("artifactType"),
        },
        "fs" => Route::Fs {
            repository,
            digest,
            path,
            inner,
            entry: params.parsed("entry"),
            show: params.show(),
        },
        "layers" => Route::Layers {
            repository,
            digest,
            path,
            inner,
            layer: params.parsed("layer"),
            show: params.show(),
        },
        "size" => Route::Size {
            repository,
            digest,
            path: EntryPath::decode(rest).normalised(),
        },
        _ => Route::Sizes {
            repository,
            digest,
            path: EntryPath::decode(rest).normalised(),
        },
    })
}
