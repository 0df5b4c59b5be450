//! The grammar of references. Positions are bytes from the start of the text looked at.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    DOCKER_HUB, MAX_HOST_LEN, MAX_REFERENCE_LEN, MAX_REPOSITORY_LEN, MAX_TAG_LEN, Reference,
    ReferenceError, ReferenceProblem, Registry, Repository, Tag, typed,
};

type Result<T> = std::result::Result<T, ReferenceError>;

fn fail<T>(problem: ReferenceProblem, position: usize) -> Result<T> {
    Err(problem.at("", position))
}

fn shift<T>(result: Result<T>, by: usize) -> Result<T> {
    result.map_err(|mut e| {
        e.position += by;
        e
    })
}

/// `HOST[:PORT]` to its canonical spelling.
pub(super) fn registry(text: &str) -> Result<Box<str>> {
    if let Some(at) = text.find('@') {
        return fail(ReferenceProblem::UserInfo, at);
    }
    let lower = text.to_ascii_lowercase();
    let (host, port) = split_port(&lower);
    // No registry answers at hub.docker.com: who writes it means Docker Hub.
    let known = matches!(
        host,
        "docker.io" | DOCKER_HUB | "registry-1.docker.io" | typed::HUB_PAGES
    );
    if known && matches!(port, None | Some("443")) {
        return Ok(DOCKER_HUB.into());
    }
    let host = match host.strip_prefix('[') {
        Some(rest) => ipv6(rest)?,
        None => name_or_ipv4(host)?,
    };
    match port {
        Some(digits) => {
            let ok = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            match digits.parse::<u16>() {
                Ok(port) if ok && port > 0 => Ok(format!("{host}:{port}").into()),
                _ => fail(ReferenceProblem::Port, lower.len() - digits.len()),
            }
        }
        None if host.contains(['.', '[']) || host == "localhost" => Ok(host.into()),
        None => {
            let try_this = format!("{host}:443");
            fail(ReferenceProblem::NotAHost { try_this }, 0)
        }
    }
}

/// Host and port of a text; the colons in brackets are the host's.
pub(super) fn split_port(text: &str) -> (&str, Option<&str>) {
    let bracket = text.rfind(']').map_or(0, |at| at + 1);
    match text[bracket..].find(':') {
        Some(at) => (&text[..bracket + at], Some(&text[bracket + at + 1..])),
        None => (text, None),
    }
}

fn ipv6(rest: &str) -> Result<String> {
    let address = rest.strip_suffix(']').and_then(|a| a.parse().ok());
    match address {
        Some(address) => Ok(format!("[{}]", <Ipv6Addr as ToString>::to_string(&address))),
        None => fail(ReferenceProblem::Ipv6Host, 0),
    }
}

fn name_or_ipv4(host: &str) -> Result<String> {
    const PART: &str = "a registry's host";
    if host.is_empty() {
        return fail(ReferenceProblem::NoHost, 0);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if let Some((at, found)) = host.char_indices().find(|&(_, c)| !allowed(c)) {
        return fail(ReferenceProblem::Character { found, part: PART }, at);
    }
    if host.len() > MAX_HOST_LEN {
        return fail(ReferenceProblem::HostTooLong, MAX_HOST_LEN);
    }
    let mut at = 0;
    for label in host.split('.') {
        let dashed = label.starts_with('-') || label.ends_with('-');
        if label.is_empty() || label.len() > 63 || dashed {
            return fail(ReferenceProblem::HostLabel, at);
        }
        at += label.len() + 1;
    }
    // As browsers read it, a host whose last part is a number is an IPv4 address, and has many
    // spellings; only the one that cannot be mistaken is let through.
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    if (hex || last.bytes().all(|b| b.is_ascii_digit())) && host.parse::<Ipv4Addr>().is_err() {
        return fail(ReferenceProblem::NumericHost, 0);
    }
    Ok(host.to_owned())
}

/// Checks a repository's path by distribution's grammar: components of lower-case letters and
/// digits with `.`, `_`, `__` or dashes between, joined by `/`.
pub(super) fn repository_path(path: &str) -> Result<()> {
    const PART: &str = "a repository's name";
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if path.is_empty() {
        return fail(ReferenceProblem::NoRepository, 0);
    }
    let mut separator = String::new();
    let mut separator_at = 0;
    let mut after_word = false;
    for (at, c) in path.char_indices() {
        match c {
            c if is_word(c) => {
                separator.clear();
                after_word = true;
            }
            '/' | '.' | '_' | '-' => {
                if separator.is_empty() {
                    separator_at = at;
                }
                separator.push(c);
                let dashes = separator.bytes().all(|b| b == b'-');
                let one = matches!(&*separator, "/" | "." | "_" | "__");
                if !after_word || !(dashes || one) {
                    return fail(ReferenceProblem::Separator { found: c }, at);
                }
            }
            c if c.is_ascii_uppercase() => {
                let try_this = path.to_ascii_lowercase();
                return fail(ReferenceProblem::Capital { try_this }, at);
            }
            found => return fail(ReferenceProblem::Character { found, part: PART }, at),
        }
    }
    if let Some(found) = separator.chars().next() {
        return fail(ReferenceProblem::Separator { found }, separator_at);
    }
    if path.len() > MAX_REPOSITORY_LEN {
        return fail(ReferenceProblem::RepositoryTooLong, MAX_REPOSITORY_LEN);
    }
    Ok(())
}

/// Checks a tag.
pub(super) fn tag(text: &str) -> Result<()> {
    const PART: &str = "a tag";
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.chars().next() {
        None => return fail(ReferenceProblem::EmptyTag, 0),
        Some(found @ ('.' | '-')) => return fail(ReferenceProblem::TagStart { found }, 0),
        Some(_) => {}
    }
    let allowed = |c: char| is_word(c) || c == '.' || c == '-';
    if let Some((at, found)) = text.char_indices().find(|&(_, c)| !allowed(c)) {
        return fail(ReferenceProblem::Character { found, part: PART }, at);
    }
    if text.len() > MAX_TAG_LEN {
        return fail(ReferenceProblem::TagTooLong, MAX_TAG_LEN);
    }
    Ok(())
}

/// Whether the part in front of the first slash names a registry, by Docker's rule.
pub(crate) fn looks_like_host(first: &str) -> bool {
    first.contains(['.', ':', '[']) || first.eq_ignore_ascii_case("localhost")
}

/// A reference whose tag and digest may both be missing.
pub(super) fn reference(input: &str) -> Result<Reference> {
    let text = input.trim();
    if text.is_empty() {
        return fail(ReferenceProblem::Empty, 0);
    }
    let start = input.len() - input.trim_start().len();
    if text.len() > MAX_REFERENCE_LEN {
        return fail(ReferenceProblem::TooLong, start + MAX_REFERENCE_LEN);
    }
    match typed::unwrap_pasted(text)? {
        // The text that was unwrapped lies in the input, if it was not put together anew.
        Some(inner) => {
            let at = input.find(&inner).unwrap_or(0);
            shift(plain_reference(&inner), at)
        }
        None => shift(plain_reference(text), start),
    }
}

fn plain_reference(text: &str) -> Result<Reference> {
    if text.is_empty() {
        return fail(ReferenceProblem::Empty, 0);
    }
    if digest_alone(text) {
        return fail(ReferenceProblem::DigestAlone, 0);
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => match digest.parse() {
            Ok(digest) => (name, Some(digest)),
            // user:password@host/… is a mistake worth its own words.
            Err(_) if digest.contains('/') => return fail(ReferenceProblem::UserInfo, name.len()),
            Err(e) => return fail(ReferenceProblem::Digest(e), name.len() + 1),
        },
        None => (text, None),
    };
    let after_slash = name.rfind('/').map_or(0, |at| at + 1);
    let (name, tag_text) = match name[after_slash..].rfind(':') {
        // An IPv6 address without a repository: its colons begin no tag.
        Some(_) if name.starts_with('[') && after_slash == 0 => (name, None),
        Some(at) => (
            &name[..after_slash + at],
            Some(&name[after_slash + at + 1..]),
        ),
        None => (name, None),
    };
    let repository = repository(name)?;
    let tag = match tag_text {
        Some(text) => {
            shift(tag(text), name.len() + 1)?;
            Some(Tag(text.into()))
        }
        None => None,
    };
    Ok(Reference {
        repository,
        tag,
        digest,
    })
}

/// A digest with no repository: `sha256:…`, `@sha256:…`, or the bare 64 digits of an image ID.
fn digest_alone(text: &str) -> bool {
    let text = text.strip_prefix('@').unwrap_or(text);
    let hex = |t: &str| t.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match text.split_once(':') {
        Some(("sha256" | "sha512", rest)) => rest.len() >= 64 && hex(rest),
        Some(_) => false,
        None => text.len() == 64 && hex(text),
    }
}

fn repository(name: &str) -> Result<Repository> {
    let (registry, path, at) = match name.split_once('/') {
        Some((first, rest)) if looks_like_host(first) => {
            (Registry(self::registry(first)?), rest, first.len() + 1)
        }
        None if name.starts_with('[') => {
            self::registry(name)?;
            return fail(ReferenceProblem::NoRepository, name.len());
        }
        _ => (Registry::docker_hub(), name, 0),
    };
    shift(repository_path(path), at)?;
    shift(Repository::new(registry, path), at)
}
