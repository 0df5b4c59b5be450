//! Package URLs (purl): what page a package has.
//!
//! Of the purl specification as much as leads somewhere: type, namespace and name, version. What
//! stands behind `?` is read for container images alone.

use percent_encoding::percent_decode_str;

use super::json::Link;
use crate::reference::{ManifestRef, Reference};
use crate::route::Route;

/// Longest purl that is looked at, in bytes.
const MAX_PURL: usize = 2048;

struct Purl<'a> {
    kind: &'a str,
    /// Namespace and name, still encoded.
    name: &'a str,
    /// Empty if none is given; still encoded.
    version: &'a str,
    qualifiers: &'a str,
}

fn parts(purl: &str) -> Option<Purl<'_>> {
    let rest = purl.strip_prefix("pkg:").filter(|r| r.len() <= MAX_PURL)?;
    let rest = rest.split('#').next()?;
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, rest) = rest.trim_start_matches('/').split_once('/')?;
    let (name, version) = rest.rsplit_once('@').unwrap_or((rest, ""));
    (!name.is_empty()).then_some(Purl {
        kind,
        name,
        version,
        qualifiers,
    })
}

/// Where a package of this purl has a page: a container image here, others on the site of their
/// registry.
pub fn link(purl: &str) -> Option<Link> {
    let parts = parts(purl)?;
    match parts.kind {
        "docker" | "oci" => {
            image(&parts).map(|reference| Link::Route(Box::new(Route::image(reference))))
        }
        _ => super::json::web_address(&page(&parts)?),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `pkg:docker/library/debian@12`, `pkg:docker/debian@sha256:…?repository_url=r.example`,
/// `pkg:oci/debian@sha256:…?repository_url=r.example/library/debian`.
fn image(purl: &Purl<'_>) -> Option<Reference> {
    let qualifier = |name: &str| {
        let mut pairs = purl.qualifiers.split('&').filter_map(|q| q.split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, v)| decoded(v))
    };
    let url = qualifier("repository_url");
    let url = url
        .as_deref()
        .map(|u| u.trim_start_matches("https://").trim_end_matches('/'));
    let (name, version) = (decoded(purl.name), decoded(purl.version));
    let name = match (purl.kind, url) {
        // Of an OCI artifact the name is the last part of the repository's, and told again in it.
        ("oci", Some(url)) => url.to_owned(),
        ("oci", None) => return None,
        (_, Some(url)) => format!("{url}/{name}"),
        (_, None) => name,
    };
    let reference = Reference::parse(&name).ok()?;
    let by = match version.parse() {
        Ok(digest) => ManifestRef::Digest(digest),
        Err(_) if version.is_empty() => return Some(reference),
        Err(_) => return Reference::parse(&format!("{name}:{version}")).ok(),
    };
    Some(reference.repository().reference(by))
}

fn page(purl: &Purl<'_>) -> Option<String> {
    let Purl { name, version, .. } = *purl;
    let plain = name.replace("%40", "@");
    let at = |base: &str, between: &str| match version {
        "" => format!("{base}{plain}"),
        version => format!("{base}{plain}{between}{version}"),
    };
    Some(match purl.kind {
        "npm" => at("https://www.npmjs.com/package/", "/v/"),
        "pypi" => at("https://pypi.org/project/", "/"),
        "cargo" => at("https://crates.io/crates/", "/"),
        "golang" => at("https://pkg.go.dev/", "@"),
        "gem" => at("https://rubygems.org/gems/", "/versions/"),
        "nuget" => at("https://www.nuget.org/packages/", "/"),
        "maven" => at("https://central.sonatype.com/artifact/", "/"),
        "composer" => format!("https://packagist.org/packages/{plain}"),
        "hex" => at("https://hex.pm/packages/", "/"),
        "github" => format!("https://github.com/{name}"),
        "gitlab" => format!("https://gitlab.com/{name}"),
        "bitbucket" => format!("https://bitbucket.org/{name}"),
        "deb" => {
            let (vendor, name) = name.split_once('/')?;
            match vendor {
                "debian" => format!("https://tracker.debian.org/pkg/{name}"),
                "ubuntu" => format!("https://packages.ubuntu.com/search?keywords={name}"),
                _ => return None,
            }
        }
        "apk" => {
            let name = name.strip_prefix("alpine/")?;
            format!("https://pkgs.alpinelinux.org/packages?name={name}")
        }
        "rpm" => {
            let name = name.strip_prefix("fedora/")?;
            format!("https://packages.fedoraproject.org/pkgs/{name}")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(purl: &str, expect: Option<&str>) {
        assert_eq!(link(purl).map(|l| l.href()).as_deref(), expect, "{purl}");
    }

    #[test]
    fn packages_lead_to_their_pages() {
        check(
            "pkg:npm/%40scope/name@1.0.0",
            Some("https://www.npmjs.com/package/@scope/name/v/1.0.0"),
        );
        check(
            "pkg:npm/left-pad",
            Some("https://www.npmjs.com/package/left-pad"),
        );
        check(
            "pkg:pypi/requests@2.0",
            Some("https://pypi.org/project/requests/2.0"),
        );
        check(
            "pkg:golang/github.com/spf13/cobra@v1.8.0#cmd",
            Some("https://pkg.go.dev/github.com/spf13/cobra@v1.8.0"),
        );
        check(
            "pkg:deb/debian/bash@5.2?arch=amd64",
            Some("https://tracker.debian.org/pkg/bash"),
        );
        check(
            "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64",
            Some("https://pkgs.alpinelinux.org/packages?name=musl"),
        );
        check("pkg:deb/other/bash@5.2", None);
        check("pkg:generic/x@1", None);
        check("pkg:npm/\"><script>", None);
        check("not a purl", None);
        check("pkg:npm/", None);
    }

    #[test]
    fn images_lead_to_their_page_here() {
        let digest = format!("sha256:{}", "a".repeat(64));
        check(
            "pkg:docker/debian@bookworm?platform=linux%2Famd64",
            Some("#/image/index.docker.io/library/debian:bookworm"),
        );
        check(
            &format!(
                "pkg:docker/a/b@{}?repository_url=r.example",
                digest.replace(':', "%3A")
            ),
            Some(&format!("#/image/r.example/a/b@{digest}")),
        );
        check(
            &format!("pkg:oci/b@{digest}?repository_url=https://r.example/a/b&tag=1"),
            Some(&format!("#/image/r.example/a/b@{digest}")),
        );
        check(&format!("pkg:oci/b@{digest}"), None);
        check("pkg:docker/A%20B@1", None);
    }
}
