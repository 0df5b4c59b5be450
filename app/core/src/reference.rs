//! References: what a user types to name an image, by the rules that Docker made customary.
//!
//! `debian` is `index.docker.io/library/debian:latest`; a tag beside a digest names nothing, the
//! digest does. The grammar is the one of github.com/distribution/reference, with a strict host:
//! a [`Registry`] is safe to be put into an address.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, DigestError};

pub(crate) mod parse;
pub mod typed;

pub use typed::Typed;

/// Docker Hub's canonical name here, in routes and requests.
pub const DOCKER_HUB: &str = "index.docker.io";
/// The name by which users know it.
const DOCKER_HUB_FAMILIAR: &str = "docker.io";
/// The tag that is meant when none is given.
pub const DEFAULT_TAG: &str = "latest";
/// Longest repository path in bytes (distribution: NameTotalLengthMax).
pub const MAX_REPOSITORY_LEN: usize = 255;
/// The host of what was opened from disk: no registry can have it (RFC 6761, section 6.4).
const LOCAL: &str = "local.invalid";
/// Where Docker looks for a Hub image of one word.
const LIBRARY: &str = "library/";
/// Longest tag in bytes (distribution specification: 128 characters).
pub const MAX_TAG_LEN: usize = 128;
/// Longest host name in bytes (RFC 1035, section 2.3.4).
pub const MAX_HOST_LEN: usize = 253;
/// Longest reference that is looked at, in bytes: all its parts at their longest.
pub const MAX_REFERENCE_LEN: usize = 1024;

/// A registry's host and port: lower case, a name, a dotted quad or a bracketed IPv6 address.
/// It has a dot, a colon or is `localhost`, so that it is never taken for a repository.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry(Box<str>);

impl Registry {
    /// Docker Hub.
    pub fn docker_hub() -> Registry {
        Registry(DOCKER_HUB.into())
    }

    /// Parses `HOST[:PORT]`; Docker Hub's other names become [`DOCKER_HUB`].
    pub fn parse(text: &str) -> Result<Registry, ReferenceError> {
        parse::registry(text)
            .map(Registry)
            .map_err(|e| e.in_text(text))
    }

    /// `HOST[:PORT]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name to show, which parses to the same registry: Docker Hub is `docker.io`.
    pub fn familiar(&self) -> &str {
        match self.is_docker_hub() {
            true => DOCKER_HUB_FAMILIAR,
            false => &self.0,
        }
    }

    /// The host without the port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        parse::split_port(&self.0).0
    }

    /// The port, if one is named.
    pub fn port(&self) -> Option<u16> {
        parse::split_port(&self.0).1.and_then(|p| p.parse().ok())
    }

    /// Whether it is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        &*self.0 == DOCKER_HUB
    }

    /// What was opened from disk: each is a repository here, which nobody is asked for.
    pub fn local() -> Registry {
        Registry(LOCAL.into())
    }

    /// Whether it is what was opened from disk.
    pub fn is_local(&self) -> bool {
        &*self.0 == LOCAL
    }

    /// `HOST[:PORT]` to be dialled: Docker Hub answers at a name of its own.
    pub fn dial(&self) -> &str {
        match self.is_docker_hub() {
            true => "registry-1.docker.io",
            false => &self.0,
        }
    }

    /// Whether it is this machine: `localhost` and names under it, 127.0.0.0/8, `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || bare.parse::<Ipv4Addr>().is_ok_and(|a| a.is_loopback())
            || bare.parse::<Ipv6Addr>().is_ok_and(|a| a.is_loopback())
    }
}

/// A repository in a registry.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: Registry,
    path: Box<str>,
}

impl Repository {
    /// A repository by registry and path; on Docker Hub a path of one component is in `library/`.
    pub fn new(registry: Registry, path: &str) -> Result<Repository, ReferenceError> {
        parse::repository_path(path).map_err(|e| e.in_text(path))?;
        if !registry.is_docker_hub() || path.contains('/') {
            let path = path.into();
            return Ok(Repository { registry, path });
        }
        let whole = format!("{LIBRARY}{path}");
        // What Docker puts in front counts too.
        let room = MAX_REPOSITORY_LEN - LIBRARY.len();
        match path.len() > room {
            true => Err(ReferenceProblem::RepositoryTooLong.at(path, room)),
            false => Ok(Repository {
                registry,
                path: whole.into(),
            }),
        }
    }

    /// Parses `[REGISTRY/]PATH` with Docker's defaults; no tag, no digest.
    pub fn parse(text: &str) -> Result<Repository, ReferenceError> {
        let reference = Reference::parse_name(text)?;
        match (reference.tag, reference.digest) {
            (None, None) => Ok(reference.repository),
            _ => Err(ReferenceProblem::NotARepository.at(text, text.len())),
        }
    }

    /// Parses `REGISTRY/PATH`, as [`Repository`] is displayed: nothing is added or guessed. What
    /// people type is for [`Repository::parse`].
    fn parse_qualified(text: &str) -> Result<Repository, ReferenceError> {
        let Some((registry, path)) = text.split_once('/') else {
            return Err(ReferenceProblem::NoRepository.at(text, text.len()));
        };
        Repository::new(Registry::parse(registry)?, path)
    }

    /// The id of what was opened from disk, if it is that.
    pub fn local_id(&self) -> Option<&str> {
        self.registry.is_local().then_some(&*self.path)
    }

    /// Where it lives.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Its name there, such as `library/debian`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// This repository by a tag or a digest.
    pub fn reference(&self, manifest: ManifestRef) -> Reference {
        let (tag, digest) = match manifest {
            ManifestRef::Tag(tag) => (Some(tag), None),
            ManifestRef::Digest(digest) => (None, Some(digest)),
        };
        Reference {
            repository: self.clone(),
            tag,
            digest,
        }
    }

    /// The whole name to show and to copy: with the registry, by its familiar name.
    pub fn qualified(&self) -> String {
        format!("{}/{}", self.registry.familiar(), self.path)
    }

    /// The short form to show: without the registry and `library/` where Docker puts them back.
    pub fn familiar(&self) -> String {
        if !self.registry.is_docker_hub() {
            return self.qualified();
        }
        let short = match self.path.strip_prefix(LIBRARY) {
            Some(one) if !one.contains('/') => one,
            _ => &self.path,
        };
        match Repository::parse(short) {
            Ok(same) if same == *self => short.to_owned(),
            _ => self.qualified(),
        }
    }
}

/// A tag.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Box<str>);

impl Tag {
    /// Parses a tag: up to 128 of `A-Za-z0-9_.-`, not starting with a dot or a dash.
    pub fn parse(text: &str) -> Result<Tag, ReferenceError> {
        parse::tag(text).map_err(|e| e.in_text(text))?;
        Ok(Tag(text.into()))
    }

    /// `latest`.
    pub fn latest() -> Tag {
        Tag(DEFAULT_TAG.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a manifest is asked by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ManifestRef {
    /// A name that may move.
    Tag(Tag),
    /// The content itself.
    Digest(Digest),
}

impl ManifestRef {
    /// Parses a tag or a digest; only a digest has a colon.
    pub fn parse(text: &str) -> Result<ManifestRef, ReferenceError> {
        if text.contains(':') {
            let digest = text
                .parse()
                .map_err(|e| ReferenceProblem::Digest(e).at(text, 0))?;
            return Ok(ManifestRef::Digest(digest));
        }
        Tag::parse(text).map(ManifestRef::Tag)
    }
}

/// A reference: a repository and a tag, a digest, or both.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// Parses what a user typed or pasted. Without tag and digest, `latest` is meant.
    pub fn parse(text: &str) -> Result<Reference, ReferenceError> {
        let mut reference = Reference::parse_name(text)?;
        if reference.digest.is_none() && reference.tag.is_none() {
            reference.tag = Some(Tag::latest());
        }
        Ok(reference)
    }

    /// As [`Reference::parse`], but leaves tag and digest empty if there are none.
    fn parse_name(text: &str) -> Result<Reference, ReferenceError> {
        parse::reference(text).map_err(|e| e.in_text(text))
    }

    /// Its repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Its registry.
    pub fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    /// The tag, also where a digest is there and decides.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What the manifest is asked by: the digest if there is one.
    pub fn manifest(&self) -> ManifestRef {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => ManifestRef::Digest(digest.clone()),
            (None, Some(tag)) => ManifestRef::Tag(tag.clone()),
            (None, None) => ManifestRef::Tag(Tag::latest()),
        }
    }

    /// The same repository and tag, pinned to a digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// The short form, such as `debian:12`, which parses to the same reference.
    pub fn familiar(&self) -> String {
        let mut out = self.repository.familiar();
        self.push_suffix(&mut out);
        out
    }

    /// The whole form to copy: with the registry, by its familiar name.
    pub fn qualified(&self) -> String {
        let mut out = self.repository.qualified();
        self.push_suffix(&mut out);
        out
    }

    fn push_suffix(&self, out: &mut String) {
        if let Some(tag) = &self.tag {
            out.push(':');
            out.push_str(&tag.0);
        }
        if let Some(digest) = &self.digest {
            out.push('@');
            out.push_str(&digest.to_string());
        }
    }
}

/// What is wrong with a reference, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceError {
    /// What is wrong.
    pub problem: ReferenceProblem,
    /// Where: bytes from the text's first byte.
    pub position: usize,
    /// The text, cut to a length that can be shown.
    pub text: String,
}

impl std::error::Error for ReferenceError {}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem)?;
        if self.position > 0 {
            write!(f, " (at character {})", self.position + 1)?;
        }
        Ok(())
    }
}

impl ReferenceError {
    fn in_text(mut self, text: &str) -> ReferenceError {
        self.text = text.chars().take(120).collect();
        self
    }
}

/// What is wrong with a reference. The texts end without a stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceProblem {
    /// Nothing there.
    #[error("there is nothing to look up")]
    Empty,
    /// More text than any reference has.
    #[error("a reference has at most {MAX_REFERENCE_LEN} bytes")]
    TooLong,
    /// A character that can stand nowhere in that part.
    #[error("{found:?} cannot stand in {part}")]
    Character {
        /// The character.
        found: char,
        /// Which part: "a repository's name", …
        part: &'static str,
    },
    /// A capital in the repository's name.
    #[error("repository names are in lower case: try {try_this:?}")]
    Capital {
        /// The same in lower case.
        try_this: String,
    },
    /// A separator at the start, at the end, or doubled.
    #[error("in a repository's name a letter or digit must stand on both sides of {found:?}")]
    Separator {
        /// The separator: one of `/ . _ -`.
        found: char,
    },
    /// The repository's name is too long.
    #[error("a repository's name has at most {MAX_REPOSITORY_LEN} bytes")]
    RepositoryTooLong,
    /// A registry and nothing behind it.
    #[error("a repository is missing behind the registry")]
    NoRepository,
    /// A digest and nothing in front of it.
    #[error("a digest alone does not say where to look: put a repository and @ in front of it")]
    DigestAlone,
    /// A tag or digest where only a repository belongs.
    #[error("only a repository belongs here, without tag or digest")]
    NotARepository,
    /// An empty tag.
    #[error("a tag is missing behind the colon")]
    EmptyTag,
    /// The tag is too long.
    #[error("a tag has at most {MAX_TAG_LEN} characters")]
    TagTooLong,
    /// The tag starts with a dot or a dash.
    #[error("a tag starts with a letter, a digit or an underscore, not with {found:?}")]
    TagStart {
        /// What it starts with.
        found: char,
    },
    /// The digest is wrong.
    #[error("{0}")]
    Digest(DigestError),
    /// Host: nothing there.
    #[error("the registry's host is missing")]
    NoHost,
    /// Host: no dot, no port.
    #[error("a registry's host has a dot or a port, or is localhost: try {try_this:?}")]
    NotAHost {
        /// The same with https's port.
        try_this: String,
    },
    /// Host: a label is empty, too long, or has a dash at an end.
    #[error(
        "each part of a host's name has 1 to 63 letters, digits and dashes, none at its ends a dash"
    )]
    HostLabel,
    /// Host: too long.
    #[error("a host's name has at most {MAX_HOST_LEN} bytes")]
    HostTooLong,
    /// Host: a number that is no dotted quad.
    #[error("a numeric address is written as four decimal numbers, such as 192.0.2.1")]
    NumericHost,
    /// Host: not an IPv6 address in the brackets.
    #[error("in brackets belongs an IPv6 address, such as [2001:db8::1]")]
    Ipv6Host,
    /// Port: not 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A user name in the address.
    #[error("sign in on the settings page: a name or password has no place in a reference")]
    UserInfo,
    /// A pasted address that means no image.
    #[error("this address does not name an image")]
    PastedAddress,
}

impl ReferenceProblem {
    fn at(self, text: &str, position: usize) -> ReferenceError {
        ReferenceError {
            problem: self,
            position,
            text: String::new(),
        }
        .in_text(text)
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ManifestRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestRef::Tag(tag) => tag.fmt(f),
            ManifestRef::Digest(digest) => digest.fmt(f),
        }
    }
}

/// The full form, which parses to the same reference.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut suffix = String::new();
        self.push_suffix(&mut suffix);
        write!(f, "{}{suffix}", self.repository)
    }
}

/// Text in, text out: every one of these travels as its own spelling.
macro_rules! text_form {
    ($($type:ty = $read:path),*) => {$(
        impl FromStr for $type {
            type Err = ReferenceError;
            fn from_str(text: &str) -> Result<Self, ReferenceError> {
                <$type>::parse(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $read(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_form!(
    Registry = Registry::parse,
    Repository = Repository::parse_qualified,
    Tag = Tag::parse,
    ManifestRef = ManifestRef::parse,
    Reference = Reference::parse
);

macro_rules! debug_as_text {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_text!(Registry, Repository, Tag, Reference);

#[cfg(test)]
mod tests;
