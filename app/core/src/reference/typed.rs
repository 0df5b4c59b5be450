//! What people put into a reference box beside references: a registry alone, an address copied
//! from a registry's web page, a pull command.

use super::{Reference, ReferenceError, ReferenceProblem, Registry, parse};

/// Where Docker Hub's web pages are, which is no registry.
pub(super) const HUB_PAGES: &str = "hub.docker.com";

/// What was typed into the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// An image or another artifact.
    Image(Reference),
    /// A registry with nothing behind it: its catalog is meant.
    Registry(Registry),
}

impl Typed {
    /// Reads the box. Docker takes `localhost:5000` and `ghcr.io` for images on its Hub, whose
    /// names no one uses; here a host alone means the registry.
    pub fn parse(text: &str) -> Result<Typed, ReferenceError> {
        let bare = ["https://", "http://", "docker://", "oci://"]
            .iter()
            .find_map(|scheme| strip_prefix_ignoring_case(text.trim(), scheme))
            .unwrap_or(text.trim())
            .trim_end_matches('/');
        let host = parse::split_port(bare).0;
        let is_host = host.starts_with('[')
            || host.eq_ignore_ascii_case("localhost")
            || host.split('.').count() > 1;
        if is_host && !bare.contains(['/', '@', '?']) {
            return Registry::parse(bare).map(Typed::Registry);
        }
        Reference::parse(text).map(Typed::Image)
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

/// The reference inside a pasted form; none if the text is none of these.
pub(super) fn unwrap_pasted(text: &str) -> Result<Option<String>, ReferenceError> {
    for command in [
        "docker pull ",
        "podman pull ",
        "nerdctl pull ",
        "crane pull ",
    ] {
        if let Some(rest) = text.strip_prefix(command) {
            let rest = rest.trim();
            return Ok(Some(unwrap_address(rest)?.unwrap_or_else(|| rest.into())));
        }
    }
    unwrap_address(text)
}

/// The reference inside a text that begins with a scheme or is a page of Docker Hub.
fn unwrap_address(text: &str) -> Result<Option<String>, ReferenceError> {
    let after = |scheme: &&str| strip_prefix_ignoring_case(text, scheme);
    let image = ["docker://", "oci://", "docker-image://"];
    if let Some(rest) = image.iter().find_map(after) {
        return Ok(Some(rest.to_owned()));
    }
    if let Some(address) = ["https://", "http://"].iter().find_map(after) {
        return from_web_page(address).map(Some);
    }
    // The pages of Docker Hub are pasted without their scheme too; no registry is there.
    let is_hub_page =
        strip_prefix_ignoring_case(text, HUB_PAGES).is_some_and(|r| r.starts_with('/'));
    is_hub_page.then(|| from_web_page(text)).transpose()
}

/// A web address without its scheme to the reference that its page is about.
fn from_web_page(address: &str) -> Result<String, ReferenceError> {
    let address = address.split('#').next().unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = path.trim_end_matches('/');
    let (host, rest) = path.split_once('/').unwrap_or((path, ""));
    let parts: Vec<&str> = rest.split('/').collect();
    let host = host.to_ascii_lowercase();
    let tag = query
        .split('&')
        .find_map(|p| p.strip_prefix("tag=").or_else(|| p.strip_prefix("name=")))
        .filter(|t| parse::tag(t).is_ok());
    let with_tag = |name: String| match tag {
        Some(tag) => format!("{name}:{tag}"),
        None => name,
    };
    match (host.as_str(), parts.as_slice()) {
        (HUB_PAGES, ["_", name, ..]) => Ok(with_tag((*name).to_owned())),
        // An owner that looks like a host would be taken for a registry.
        (HUB_PAGES, ["r", owner, name, ..]) if !parse::looks_like_host(owner) => {
            Ok(with_tag(format!("{owner}/{name}")))
        }
        (HUB_PAGES, ["layers", owner, name, tag, ..]) if !parse::looks_like_host(owner) => {
            Ok(format!("{owner}/{name}:{tag}"))
        }
        ("quay.io", ["repository", owner, name, "tag", tag, ..]) => {
            Ok(format!("quay.io/{owner}/{name}:{tag}"))
        }
        ("quay.io", ["repository", owner, name, ..]) => {
            Ok(with_tag(format!("quay.io/{owner}/{name}")))
        }
        ("gallery.ecr.aws", [owner, name @ ..]) if !name.is_empty() => {
            Ok(format!("public.ecr.aws/{owner}/{}", name.join("/")))
        }
        ("github.com", [owner, _, "pkgs", "container", name, ..]) => Ok(format!(
            "ghcr.io/{}/{}",
            owner.to_ascii_lowercase(),
            name.replace("%2F", "/").to_ascii_lowercase()
        )),
        (HUB_PAGES | "github.com" | "gallery.ecr.aws", _) => {
            Err(ReferenceProblem::PastedAddress.at(address, 0))
        }
        // The read API's own addresses.
        (_, ["v2", name @ .., kind @ ("manifests" | "blobs"), id]) if !name.is_empty() => {
            let mark = match id.contains(':') {
                true => '@',
                false => ':',
            };
            match *kind == "blobs" {
                true => Err(ReferenceProblem::PastedAddress.at(address, 0)),
                false => Ok(format!("{host}/{}{mark}{id}", name.join("/"))),
            }
        }
        (_, ["v2", name @ .., "tags", "list"]) if !name.is_empty() => {
            Ok(format!("{host}/{}", name.join("/")))
        }
        (_, [""]) => Err(ReferenceProblem::NoRepository.at(address, address.len())),
        // Any other host: what follows the scheme is taken as the reference itself, if the host
        // is one that a reference can begin with.
        _ if query.is_empty() && parse::looks_like_host(&host) => Ok(format!("{host}/{rest}")),
        _ => Err(ReferenceProblem::PastedAddress.at(address, 0)),
    }
}
