//! The same by the command line: lines to copy that do what a page shows.
//!
//! Every part that a stranger chose is quoted for a POSIX shell.

use crate::digest::Digest;
use crate::layer_index::Compression;
use crate::manifest::Platform;
use crate::path::EntryPath;
use crate::reference::{ManifestRef, Reference, Registry, Repository};
use crate::route::{ImageDocument, Route};

/// A line to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The tool it needs: `crane`, `oras`, `docker`, `curl`.
    pub tool: &'static str,
    /// The line.
    pub line: String,
}

fn command(tool: &'static str, line: String) -> Command {
    Command { tool, line }
}

/// One word for a POSIX shell. Bytes that are not UTF-8, and controls, are written by `printf`,
/// so that the line can be copied as text and shows what it does.
pub fn quote(word: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(b);
    if !word.is_empty() && word.iter().all(plain) {
        // Only ASCII is left.
        return String::from_utf8_lossy(word).into_owned();
    }
    let visible = |c: char| {
        !c.is_control()
            && crate::path::visible(c.to_string().as_bytes())
                .chars()
                .eq([c])
    };
    match std::str::from_utf8(word) {
        Ok(text) if text.chars().all(visible) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => quote_by_printf(word),
    }
}

/// `"$(printf '…')"` with octal escapes. Substitution drops newlines at the end, so these stand
/// behind it as they are, and NUL, which no argument and no tar name can have, is left out.
fn quote_by_printf(word: &[u8]) -> String {
    use std::fmt::Write as _;
    let end = word
        .iter()
        .rposition(|b| *b != b'\n')
        .map_or(0, |at| at + 1);
    let (head, newlines) = word.split_at(end);
    let mut out = String::from("\"$(printf '");
    for (at, &b) in head.iter().enumerate().filter(|(_, b)| **b != 0) {
        match b {
            // A dash in front would begin an option of printf.
            b' '..=b'~' if !(b"\\'%".contains(&b) || (at == 0 && b == b'-')) => {
                out.push(char::from(b))
            }
            b => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{b:03o}");
            }
        }
    }
    out.push_str("')\"");
    if !newlines.is_empty() {
        let _ = write!(out, "'{}'", "\n".repeat(newlines.len()));
    }
    out
}

fn is_plain_http(registry: &Registry) -> bool {
    registry.is_loopback()
}

fn insecure(registry: &Registry) -> &'static str {
    match is_plain_http(registry) {
        true => " --insecure",
        false => "",
    }
}

fn platform_option(platform: Option<&Platform>) -> String {
    platform.map_or(String::new(), |p| {
        format!(" --platform {}", quote(p.to_string().as_bytes()))
    })
}

fn oras_plain(registry: &Registry) -> &'static str {
    match is_plain_http(registry) {
        true => " --plain-http",
        false => "",
    }
}

fn v2(repository: &Repository, rest: &str) -> String {
    let registry = repository.registry();
    let scheme = if is_plain_http(registry) {
        "http"
    } else {
        "https"
    };
    let url = format!(
        "{scheme}://{}/v2/{}/{rest}",
        registry.dial(),
        repository.path()
    );
    quote(url.as_bytes())
}

fn at(repository: &Repository, digest: &Digest) -> String {
    quote(format!("{}@{digest}", repository.qualified()).as_bytes())
}

/// Shows a manifest, and pulls the image.
pub fn manifest(reference: &Reference) -> Vec<Command> {
    let name = quote(reference.qualified().as_bytes());
    let by = match reference.manifest() {
        ManifestRef::Tag(t) => t.to_string(),
        ManifestRef::Digest(d) => d.to_string(),
    };
    let registry = reference.registry();
    let accept =
        quote(format!("Accept: {}", crate::media_type::MANIFEST_TYPES.join(", ")).as_bytes());
    let url = v2(reference.repository(), &format!("manifests/{by}"));
    vec![
        command(
            "crane",
            format!("crane manifest{} {name} | jq .", insecure(registry)),
        ),
        command(
            "oras",
            format!(
                "oras manifest fetch{} --pretty {name}",
                oras_plain(registry)
            ),
        ),
        command("curl", format!("curl -sSL -H {accept} {url} | jq .")),
        pull(reference),
    ]
}

/// Shows one of an image's documents, or what a filter finds in it.
pub fn document(
    reference: &Reference,
    platform: Option<&Platform>,
    document: ImageDocument,
    filter: &str,
) -> Vec<Command> {
    let name = quote(reference.qualified().as_bytes());
    let what = match document {
        ImageDocument::Config => "config",
        ImageDocument::Manifest | ImageDocument::Index => "manifest",
    };
    let of_platform = platform.filter(|_| document != ImageDocument::Index);
    let platform = platform_option(of_platform);
    let filter = match filter.trim() {
        "" => ".".to_owned(),
        filter => quote(filter.as_bytes()),
    };
    let insecure = insecure(reference.registry());
    vec![command(
        "crane",
        format!("crane {what}{insecure}{platform} {name} | jq {filter}"),
    )]
}

/// Pulls an image.
pub fn pull(reference: &Reference) -> Command {
    let name = reference.familiar();
    command("docker", format!("docker pull {}", quote(name.as_bytes())))
}

/// Compares two images: their configurations and lists of files, or one file of both. The shell is one
/// with process substitution, such as bash. Nothing on other pages.
pub fn compare(route: &Route) -> Vec<Command> {
    let Route::Compare {
        left,
        right,
        left_platform,
        right_platform,
        path,
        ..
    } = route
    else {
        return Vec::new();
    };
    let part = |action: &str, reference: &Reference, platform: &Option<Platform>, then: &str| {
        let platform = platform_option(platform.as_ref());
        let name = quote(reference.qualified().as_bytes());
        let insecure = insecure(reference.registry());
        format!("<(crane {action}{insecure}{platform} {name}{then})")
    };
    let both = |action: &str, then: &str| {
        let a = part(action, left, left_platform, then);
        let b = part(action, right, right_platform, then);
        command("diff", format!("diff -u {a} {b}"))
    };
    match path {
        // As `crane export` writes them, names have no slash in front.
        Some(path) => {
            let name = quote(path.normalised().as_bytes());
            vec![both("export", &format!(" - | tar -xOf - -- {name}"))]
        }
        None => vec![
            both("config", " | jq -S ."),
            both("export", " - | tar -tf - | sort"),
        ],
    }
}

/// Lists a repository's tags.
pub fn tags(repository: &Repository) -> Vec<Command> {
    let name = quote(repository.qualified().as_bytes());
    let registry = repository.registry();
    vec![
        command("crane", format!("crane ls{} {name}", insecure(registry))),
        command(
            "oras",
            format!("oras repo tags{} {name}", oras_plain(registry)),
        ),
        command(
            "curl",
            format!(
                "curl -sSL {} | jq -r '.tags[]'",
                v2(repository, "tags/list")
            ),
        ),
    ]
}

/// Lists a registry's repositories.
pub fn catalog(registry: &Registry) -> Vec<Command> {
    let name = quote(registry.familiar().as_bytes());
    vec![
        command(
            "crane",
            format!("crane catalog{} {name}", insecure(registry)),
        ),
        command(
            "oras",
            format!("oras repo ls{} {name}", oras_plain(registry)),
        ),
    ]
}

/// A ztoc to be pushed, and what it is of.
#[derive(Debug, Clone, Copy)]
pub struct PushedZtoc<'a> {
    /// The file that it was saved as.
    pub file: &'a str,
    /// Its digest.
    pub digest: &'a Digest,
    /// Its bytes.
    pub len: u64,
    /// The layer's digest.
    pub layer: &'a Digest,
    /// The layer's media type.
    pub layer_type: &'a str,
    /// The image's manifest.
    pub image: &'a Digest,
    /// Its bytes.
    pub image_len: u64,
    /// Its media type.
    pub image_type: &'a str,
}

/// Puts a ztoc beside its image as SOCI does it (soci/soci_index.go): the ztoc, an empty
/// configuration, and a manifest of version 1 that refers to the image. They are run one after the
/// other, in the folder where the ztoc is.
pub fn push_ztoc(repository: &Repository, ztoc: &PushedZtoc<'_>) -> Vec<Command> {
    const EMPTY: &[u8] = b"{}";
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.amazon.soci.index.v1+json",
            "digest": Digest::of(crate::digest::Algorithm::Sha256, EMPTY),
            "size": EMPTY.len(),
        },
        "layers": [{
            "mediaType": "application/octet-stream",
            "digest": ztoc.digest,
            "size": ztoc.len,
            "annotations": {
                "com.amazon.soci.image-layer-digest": ztoc.layer,
                "com.amazon.soci.image-layer-mediaType": ztoc.layer_type,
                "com.amazon.soci.span-size": crate::ztoc::DEFAULT_SPAN_BYTES.to_string(),
            },
        }],
        "subject": {
            "mediaType": ztoc.image_type,
            "digest": ztoc.image,
            "size": ztoc.image_len,
        },
    });
    let name = quote(repository.qualified().as_bytes());
    let plain = oras_plain(repository.registry());
    let file = quote(ztoc.file.as_bytes());
    let lines = [
        format!("oras blob push{plain} {name} {file}"),
        format!("printf '{{}}' | oras blob push{plain} --size 2 {name} -"),
        format!(
            "printf %s {} | oras manifest push{plain} {name} -",
            quote(index.to_string().as_bytes())
        ),
    ];
    lines.map(|line| command("oras", line)).into()
}

/// Lists what refers to a manifest.
pub fn referrers(repository: &Repository, digest: &Digest) -> Vec<Command> {
    let name = at(repository, digest);
    let registry = repository.registry();
    let url = v2(repository, &format!("referrers/{digest}"));
    vec![
        command(
            "oras",
            format!("oras discover{} {name}", oras_plain(registry)),
        ),
        command("curl", format!("curl -sSL {url} | jq .")),
    ]
}

/// Fetches a blob to standard output: the start of the other lines.
fn fetch_blob(repository: &Repository, digest: &Digest) -> [(&'static str, String); 3] {
    let name = at(repository, digest);
    let registry = repository.registry();
    [
        ("crane", format!("crane blob{} {name}", insecure(registry))),
        (
            "oras",
            format!("oras blob fetch{} --output - {name}", oras_plain(registry)),
        ),
        (
            "curl",
            format!("curl -sSL {}", v2(repository, &format!("blobs/{digest}"))),
        ),
    ]
}

/// Fetches a blob into a file that is named after its digest.
pub fn blob(repository: &Repository, digest: &Digest) -> Vec<Command> {
    let file = digest.encoded();
    fetch_blob(repository, digest)
        .into_iter()
        .map(|(tool, line)| command(tool, format!("{line} > {file}")))
        .collect()
}

/// Fetches a blob that is one file, and unpacks it into a file of this name.
pub fn bare(
    repository: &Repository,
    digest: &Digest,
    compression: Compression,
    name: &EntryPath,
) -> Vec<Command> {
    let unpack = match compression {
        Compression::None => "",
        Compression::Gzip => " | gzip -dc",
        Compression::Zstd => " | zstd -dc",
        Compression::Xz => " | xz -dc",
        Compression::Bzip2 => " | bzip2 -dc",
    };
    let file = quote(name.as_bytes());
    fetch_blob(repository, digest)
        .into_iter()
        .map(|(tool, line)| command(tool, format!("{line}{unpack} > {file}")))
        .collect()
}

/// The letter by which tar reads a compression: GNU tar finds it out by itself from a file, but
/// not from a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TarFilter {
    /// Plain tar.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

impl TarFilter {
    fn flags(self, action: &str) -> String {
        match self {
            TarFilter::None => format!("tar -{action}f -"),
            TarFilter::Gzip => format!("tar -{action}zf -"),
            TarFilter::Zstd => format!("tar --zstd -{action}f -"),
            TarFilter::Xz => format!("tar -{action}Jf -"),
            TarFilter::Bzip2 => format!("tar -{action}jf -"),
        }
    }
}

/// Lists a layer's entries.
pub fn layer(repository: &Repository, digest: &Digest, filter: TarFilter) -> Vec<Command> {
    let tar = filter.flags("tv");
    fetch_blob(repository, digest)
        .into_iter()
        .map(|(tool, line)| command(tool, format!("{line} | {tar}")))
        .collect()
}

/// Writes one file of a layer to standard output. `name` is the raw name in the archive, which
/// may begin with `./`; it is no pattern.
pub fn file(
    repository: &Repository,
    digest: &Digest,
    filter: TarFilter,
    name: &EntryPath,
) -> Vec<Command> {
    // GNU tar turns \n, \t and octal escapes in a member's name into bytes unless it is told not
    // to, and takes a name that starts with a dash for an option unless -- stands before it.
    let tar = filter.flags("xO");
    let member = quote(name.as_bytes());
    fetch_blob(repository, digest)
        .into_iter()
        .map(|(tool, line)| {
            command(
                tool,
                format!("{line} | {tar} --no-unquote --no-wildcards -- {member}"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
