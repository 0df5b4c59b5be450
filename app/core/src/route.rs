//! Routes: what the page shows, as the fragment of its address. All that can be shared is here;
//! no credential ever is.
//!
//! Reading a fragment never fails silently: what cannot be read is [`Route::Invalid`] and says
//! why. A parameter that makes no sense is left out, and the rest stands.

use std::fmt;
use std::str::FromStr;

use crate::compare::list::ListSpec;
use crate::digest::Digest;
use crate::job::SortKey;
use crate::manifest::Platform;
use crate::path::EntryPath;
use crate::reference::{Reference, Registry, Repository};

mod format;
pub mod legacy;
mod parse;

/// Longest fragment read, in bytes. The longest path that Linux opens has 4,096 bytes, three
/// times that when escaped.
pub const MAX_FRAGMENT_LEN: usize = 32_768;

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `#/`: the start page.
    Start,
    /// `#/repo/<registry>[/<repository>]`: tags and children, or the registry's catalog.
    Repo {
        /// The registry.
        registry: Registry,
        /// The repository, in that registry; none for the catalog.
        repository: Option<Repository>,
    },
    /// `#/repo/docker.io?namespace=<name>`: the repositories of a namespace of Docker Hub.
    Namespace {
        /// The registry, which is Docker Hub.
        registry: Registry,
        /// The namespace.
        namespace: String,
    },
    /// `#/image/<reference>`: a manifest or image index.
    Image {
        /// The image.
        reference: Reference,
        /// `?platform=`: the one chosen of an index.
        platform: Option<Platform>,
        /// `?view=`.
        view: ImageView,
        /// `?doc=`: which of its documents is shown.
        document: ImageDocument,
        /// `?jq=`: what of that, as [`crate::view::json::Filter`] reads it.
        filter: Option<String>,
    },
    /// `#/blob/<repository>@<digest>`: a blob by its kind.
    Blob {
        /// Where it is.
        repository: Repository,
        /// The blob.
        digest: Digest,
        /// `?mt=`: its media type, as the descriptor that led here says.
        media_type: Option<String>,
        /// `?render=`.
        render: Option<Render>,
        /// `?lines=`.
        lines: Option<Lines>,
        /// `?jq=`: what of a JSON document, as [`crate::view::json::Filter`] reads it.
        filter: Option<String>,
    },
    /// `#/referrers/<repository>@<digest>`: what refers to a manifest.
    Referrers {
        /// Where it is.
        repository: Repository,
        /// The manifest.
        digest: Digest,
        /// `?artifactType=`: of this type only.
        artifact_type: Option<String>,
    },
    /// `#/fs/<repository>@<digest>/<path>`: a layer's file system, or a file in it.
    Fs {
        /// Where the layer is.
        repository: Repository,
        /// The layer's blob.
        digest: Digest,
        /// The directory or file.
        path: EntryPath,
        /// Paths in archives in the layer: `…/a.jar!/b!/c` has `b` and `c`.
        inner: Vec<EntryPath>,
        /// `?entry=N`: the entry's place in the archive, where a name is there more than once.
        entry: Option<u32>,
        /// How it is shown.
        show: Show,
    },
    /// `#/layers/<repository>@<digest>/<path>`: the merged root file system of an image.
    Layers {
        /// Where the image is.
        repository: Repository,
        /// Its manifest.
        digest: Digest,
        /// The directory or file.
        path: EntryPath,
        /// As in [`Route::Fs`].
        inner: Vec<EntryPath>,
        /// `?layer=`: the version in this layer, though hidden or overwritten.
        layer: Option<Digest>,
        /// How it is shown.
        show: Show,
    },
    /// `#/size/<repository>@<digest>[/<path>]`: where a layer's bytes are.
    Size {
        /// Where the layer is.
        repository: Repository,
        /// The layer's blob.
        digest: Digest,
        /// Under this directory.
        path: EntryPath,
    },
    /// `#/sizes/<repository>@<digest>[/<path>]`: where an image's bytes are.
    Sizes {
        /// Where the image is.
        repository: Repository,
        /// Its manifest.
        digest: Digest,
        /// Under this directory.
        path: EntryPath,
    },
    /// `#/compare/<reference>,<reference>`: two images.
    Compare {
        /// The first.
        left: Reference,
        /// The second.
        right: Reference,
        /// `?pa=`.
        left_platform: Option<Platform>,
        /// `?pb=`.
        right_platform: Option<Platform>,
        /// `?path=`: the diff of one file.
        path: Option<EntryPath>,
        /// `?show=`, `?q=`, `?sort=growth`: which files that differ are listed, and how.
        list: ListSpec,
    },
    /// `#/search/<reference>?q=`: a search over all layers.
    Search {
        /// The image.
        reference: Reference,
        /// `?platform=`.
        platform: Option<Platform>,
        /// `?q=`.
        query: String,
    },
    /// `#/local/<id>/`: what is in something opened from disk. The views of it are the others'
    /// over [`Registry::local`]: `#/local/<id>/fs/<digest>/<path>` is a [`Route::Fs`].
    Local {
        /// The page's name for it.
        id: String,
    },
    /// `#/settings`.
    Settings,
    /// `#/help`.
    Help,
    /// Anything else.
    Invalid {
        /// The fragment as it stands, without `#`.
        fragment: String,
        /// Why it cannot be read; a sentence without its stop.
        why: String,
    },
}

/// How a file system is listed, or a file shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Show {
    /// `?render=`; none for what fits the content.
    pub render: Option<Render>,
    /// `?lines=10-20`.
    pub lines: Option<Lines>,
    /// `?mode=flat`.
    pub mode: ListMode,
    /// `?q=`: entries whose path contains this.
    pub query: Option<String>,
    /// `?sort=`.
    pub sort: SortKey,
    /// `?desc=1`.
    pub descending: bool,
    /// `?hidden=1`: in a root file system, also what later layers hide.
    pub hidden: bool,
}

/// A document of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ImageDocument {
    /// The manifest, of an index that of the chosen platform.
    #[default]
    Manifest,
    /// The index that the manifest was chosen from.
    Index,
    /// The configuration.
    Config,
}

/// What an image's page shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageView {
    /// The manifest or index.
    #[default]
    Manifest,
    /// `history`.
    History,
    /// `waste`.
    Waste,
    /// `packages`.
    Packages,
}

/// How content is shown when not as fits it best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Render {
    /// As text.
    Text,
    /// As bytes.
    Hex,
    /// As a picture.
    Image,
    /// As JSON with links.
    Json,
    /// As what it is: a certificate, a program, a list of packages.
    Details,
}

/// Which entries a listing has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListMode {
    /// The directory's children.
    #[default]
    Dir,
    /// All under it.
    Flat,
}

/// Lines of a text, counted from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// The first.
    pub first: u64,
    /// The last; not before the first.
    pub last: u64,
}

impl Lines {
    /// Two lines and those between, in either order; none if one is 0.
    pub fn new(one: u64, other: u64) -> Option<Lines> {
        (one > 0 && other > 0).then(|| Lines {
            first: one.min(other),
            last: one.max(other),
        })
    }
}

impl FromStr for Lines {
    type Err = ();

    fn from_str(text: &str) -> Result<Lines, ()> {
        let number = |t: &str| {
            let digits = t.strip_prefix(['L', 'l']).unwrap_or(t);
            let all = digits.bytes().all(|b| b.is_ascii_digit());
            all.then(|| digits.parse().ok()).flatten()
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let pair = number(first).zip(number(last));
        pair.and_then(|(a, b)| Lines::new(a, b)).ok_or(())
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl Route {
    /// Reads a fragment, with or without its `#`.
    pub fn parse(fragment: &str) -> Route {
        parse::route(fragment)
    }

    /// The page of a namespace of Docker Hub; none if the name cannot be one.
    pub fn namespace(name: &str) -> Option<Route> {
        parse::is_namespace(name).then(|| Route::Namespace {
            registry: Registry::docker_hub(),
            namespace: name.to_owned(),
        })
    }

    /// A repository's page.
    pub fn repo(repository: Repository) -> Route {
        Route::Repo {
            registry: repository.registry().clone(),
            repository: Some(repository),
        }
    }

    /// An image's page.
    pub fn image(reference: Reference) -> Route {
        Route::image_for(reference, None)
    }

    /// An image's page, with a platform chosen.
    pub fn image_for(reference: Reference, platform: Option<Platform>) -> Route {
        Route::Image {
            reference,
            platform,
            view: ImageView::Manifest,
            document: ImageDocument::Manifest,
            filter: None,
        }
    }

    /// Two images side by side.
    pub fn compare(left: Reference, right: Reference) -> Route {
        Route::Compare {
            left,
            right,
            left_platform: None,
            right_platform: None,
            path: None,
            list: ListSpec::default(),
        }
    }

    /// A blob's page.
    pub fn blob(repository: Repository, digest: Digest, media_type: Option<String>) -> Route {
        Route::Blob {
            repository,
            digest,
            media_type,
            render: None,
            lines: None,
            filter: None,
        }
    }

    /// The path that a layer's page shows: in the layer, or in the innermost archive.
    pub fn shown_path(&self) -> Option<&EntryPath> {
        match self {
            Route::Fs { path, inner, .. } | Route::Layers { path, inner, .. } => {
                Some(inner.last().unwrap_or(path))
            }
            _ => None,
        }
    }

    /// Shows another path there.
    pub fn set_shown_path(&mut self, shown: EntryPath) {
        if let Route::Fs { path, inner, .. } | Route::Layers { path, inner, .. } = self {
            *inner.last_mut().unwrap_or(path) = shown;
        }
    }

    /// The file that is shown, opened as the archive that it is.
    pub fn into_archive(mut self) -> Route {
        if let Route::Fs { inner, .. } | Route::Layers { inner, .. } = &mut self {
            inner.push(EntryPath::ROOT);
        }
        self.set_show(Show::default());
        self
    }

    /// How a file system, or a file in it, is shown; none on other pages.
    pub fn show(&self) -> Option<&Show> {
        match self {
            Route::Fs { show, .. } | Route::Layers { show, .. } => Some(show),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn show_mut(&mut self) -> Option<&mut Show> {
        match self {
            Route::Fs { show, .. } | Route::Layers { show, .. } => Some(show),
            _ => None,
        }
    }

    /// Shows it in another way, and of what is there more than once what counts.
    pub fn set_show(&mut self, new: Show) {
        match self {
            Route::Fs { show, entry, .. } => (*show, *entry) = (new, None),
            Route::Layers { show, layer, .. } => (*show, *layer) = (new, None),
            _ => {}
        }
    }

    /// The root file system of an image, by the digest of its manifest.
    pub fn layers(repository: Repository, digest: Digest, path: EntryPath) -> Route {
        Route::Layers {
            repository,
            digest,
            path,
            inner: Vec::new(),
            layer: None,
            show: Show::default(),
        }
    }

    /// A place in a layer.
    pub fn fs(repository: Repository, digest: Digest, path: EntryPath) -> Route {
        Route::Fs {
            repository,
            digest,
            path,
            inner: Vec::new(),
            entry: None,
            show: Show::default(),
        }
    }

    /// The fragment without `#`: the canonical form, as in `data-route`.
    pub fn fragment(&self) -> String {
        format::fragment(self)
    }

    /// The fragment with `#`, for a link.
    pub fn href(&self) -> String {
        format!("#{}", self.fragment())
    }

    /// The repository that it is about; of two that are compared, the first.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Route::Repo { repository, .. } => repository.as_ref(),
            Route::Image { reference, .. } | Route::Search { reference, .. } => {
                Some(reference.repository())
            }
            Route::Compare { left, .. } => Some(left.repository()),
            Route::Blob { repository, .. }
            | Route::Referrers { repository, .. }
            | Route::Fs { repository, .. }
            | Route::Layers { repository, .. }
            | Route::Size { repository, .. }
            | Route::Sizes { repository, .. } => Some(repository),
            Route::Start
            | Route::Namespace { .. }
            | Route::Local { .. }
            | Route::Settings
            | Route::Help
            | Route::Invalid { .. } => None,
        }
    }

    /// The id of what was opened from disk, if it is about that.
    pub fn local_id(&self) -> Option<&str> {
        match self {
            Route::Local { id } => Some(id),
            other => other.repository()?.local_id(),
        }
    }

    /// The registry that it speaks of.
    pub fn registry(&self) -> Option<&Registry> {
        match self {
            Route::Repo { registry, .. } | Route::Namespace { registry, .. } => Some(registry),
            other => other.repository().map(Repository::registry),
        }
    }
}

/// As in a link: with `#`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.href())
    }
}

#[cfg(test)]
mod tests;
