//! Reading and changing the page that Trunk wrote: as much HTML as our own page uses.

use anyhow::{Result, bail};

/// One start tag: its name in lower case and its attributes.
struct Tag<'a> {
    name: String,
    attributes: Vec<(String, &'a str)>,
    /// The text between this tag and the next.
    text: &'a str,
}

/// The start tags of a page, comments left out.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name_len = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let name = rest[..name_len].to_ascii_lowercase();
        rest = &rest[name_len..];
        if name.is_empty() {
            continue;
        }
        let (attributes, after) = attributes(rest);
        rest = after;
        let text = rest.split('<').next().unwrap_or_default();
        tags.push(Tag {
            name,
            attributes,
            text,
        });
    }
    tags
}

/// The attributes up to `>`, and what follows it.
fn attributes(mut rest: &str) -> (Vec<(String, &str)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let name_len = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))
            .unwrap_or(rest.len());
        let name = rest[..name_len].to_ascii_lowercase();
        rest = rest[name_len..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            (value, rest) = match quote {
                Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                None => {
                    let len = after
                        .find(|c: char| c.is_ascii_whitespace() || c == '>')
                        .unwrap_or(after.len());
                    after.split_at(len)
                }
            };
        } else if name.is_empty() {
            // A stray sign; step over it, or this loop would never end.
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        found.push((name, value));
    }
}

/// What in a page the policy `script-src 'self'; style-src 'self'` forbids, in words.
pub fn inline_problems(page: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for tag in tags(page) {
        let has = |name: &str| tag.attributes.iter().any(|(key, _)| key == name);
        if tag.name == "script" && !(has("src") && tag.text.trim().is_empty()) {
            problems.push("an inline script".to_owned());
        }
        if tag.name == "style" {
            problems.push("an inline style sheet".to_owned());
        }
        for (name, value) in &tag.attributes {
            if name == "style" {
                problems.push(format!("a style attribute on <{}>", tag.name));
            } else if name.starts_with("on") {
                problems.push(format!("the event handler {name} on <{}>", tag.name));
            } else if value
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("javascript:")
            {
                problems.push(format!("a javascript: address on <{}>", tag.name));
            }
        }
    }
    problems
}

/// Whether a page or picture has a `style` attribute anywhere.
pub fn style_attribute(page: &str) -> bool {
    tags(page)
        .iter()
        .any(|tag| tag.attributes.iter().any(|(name, _)| name == "style"))
}

/// The metas whose content names files.
const METAS: [&str; 4] = [
    "layerscope-worker",
    "layerscope-viewers",
    "layerscope-layer",
    "layerscope-pages",
];

/// The files of its own folder that a page names, without query and fragment.
pub fn local_files(page: &str) -> Vec<String> {
    let mut files = Vec::new();
    for tag in tags(page) {
        let is_meta = tag.name == "meta"
            && tag
                .attributes
                .iter()
                .any(|(key, value)| key == "name" && METAS.contains(value));
        for (name, value) in tag.attributes {
            let names_file = matches!(name.as_str(), "src" | "data-js" | "data-wasm")
                || (name == "href" && tag.name == "link")
                || (name == "content" && is_meta);
            let own = value.split_whitespace().filter(|v| !v.contains("://"));
            for value in own.filter(|_| names_file) {
                let file = value.split(['?', '#']).next().unwrap_or_default();
                files.push(file.rsplit('/').next().unwrap_or_default().to_owned());
            }
        }
    }
    files
}

/// The page with a file's new name wherever an attribute ends in the old one.
pub fn renamed(page: &str, old: &str, new: &str) -> String {
    page.replace(&format!("/{old}\""), &format!("/{new}\""))
}

/// The page with the content of a `<meta name=… content="…">` changed.
pub fn with_meta(page: &str, name: &str, change: impl FnOnce(&str) -> String) -> Result<String> {
    let marker = format!("<meta name=\"{name}\" content=\"");
    let Some((before, after)) = page.split_once(&marker) else {
        bail!("index.html has no {marker}…\">");
    };
    let Some((old, after)) = after.split_once('"') else {
        bail!("index.html: the content of {name} does not end");
    };
    Ok(format!("{before}{marker}{}\"{after}", change(old)))
}

/// What the page may do where whoever serves it says nothing: hosts of static files have no policy
/// of their own. The proxy's header, which is stricter, holds beside it. A page there asks the proxy
/// that its operator has named and, directly, whichever registry its user wants; by http only what a
/// browser lets it, which from a page that came by https is this machine alone. No script, worker or
/// frame is from anywhere but its own folder, so that nobody else's code ever sees a sign-in.
/// (`frame-ancestors` cannot be said here.)
pub fn policy() -> String {
    let proxys = include_str!("../../../app/policy.txt").trim_end();
    proxys.replace("connect-src 'self'", "connect-src 'self' https: http:")
}

/// The page with the policy before all else that it loads.
pub fn with_policy(page: &str) -> Result<String> {
    let charset = "<meta charset=\"utf-8\">";
    let Some((before, after)) = page.split_once(charset) else {
        bail!("index.html has no {charset}");
    };
    if let Some(early) = ["<script", "<link", "<style"]
        .iter()
        .find(|tag| before.contains(*tag))
    {
        bail!("index.html has {early} before {charset}, where no policy holds");
    }
    let policy = policy();
    let policy = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
    Ok(format!("{before}{charset}{policy}{after}"))
}

/// Adds, behind the link that preloads one module, the same for another in the same place.
pub fn with_preload_beside(page: &str, module: &str, other: &str) -> Result<String> {
    let link = page
        .match_indices("<link rel=\"modulepreload\"")
        .filter_map(|(at, _)| {
            let rest = page.get(at..)?;
            Some((at, rest.get(..=rest.find('>')?)?))
        })
        .find(|(_, link)| link.contains(module));
    let Some((at, link)) = link else {
        bail!("index.html preloads no {module}");
    };
    let (before, after) = page.split_at(at + link.len());
    Ok(format!("{before}{}{after}", link.replace(module, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(page: &str, expect: &[&str]) {
        assert_eq!(inline_problems(page), expect);
    }

    #[test]
    fn what_the_policy_forbids_is_found() {
        check("<script>alert(1)</script>", &["an inline script"]);
        check(
            "<SCRIPT TYPE=module>import x</SCRIPT>",
            &["an inline script"],
        );
        check("<script src=\"a.js\">x()</script>", &["an inline script"]);
        check("<style>p{}</style>", &["an inline style sheet"]);
        check("<p style='x'>", &["a style attribute on <p>"]);
        check(
            "<p\n  onclick = \"x()\">",
            &["the event handler onclick on <p>"],
        );
        check(
            "<a href=\" JavaScript:x()\">",
            &["a javascript: address on <a>"],
        );
        check("<p title=\"a > b\" style=x>", &["a style attribute on <p>"]);
    }

    #[test]
    fn the_policy_comes_first() {
        let page = "<html><head><meta charset=\"utf-8\"><script src=\"a.js\"></script></head>";
        let with = with_policy(page).unwrap();
        let at = |text: &str| with.find(text).unwrap();
        assert!(at("utf-8") < at("Content-Security-Policy"));
        assert!(at("Content-Security-Policy") < at("<script"));
        let policy = policy();
        assert!(policy.contains("connect-src 'self' https: http:"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
        // But for where it may ask, it is the proxy's.
        let proxy = include_str!("../../../app/policy.txt").trim_end();
        let own = policy.replace("connect-src 'self' https: http:", "connect-src 'self'");
        assert_eq!(own, proxy);
        assert!(with_policy("<head><script src=\"a.js\"></script>").is_err());
        let late = "<head><script src=\"a.js\"></script><meta charset=\"utf-8\">";
        assert!(with_policy(late).is_err());
    }

    #[test]
    fn what_it_allows_is_not() {
        check(
            "<script type=\"module\" src=\"./boot.js\" data-js=\"./app.js\"></script>",
            &[],
        );
        check(
            "<link rel=\"stylesheet\" href=\"main.css\"><p title=\"style=x\">a < b</p>",
            &[],
        );
        check("<!-- <script>old()</script> --><br/>", &[]);
        check("", &[]);
    }

    #[test]
    fn damaged_pages_end() {
        check("<p =x", &[]);
        check("<", &[]);
        check("<p title=\"", &[]);
        check("<!-- <style>", &[]);
    }

    #[test]
    fn local_files_are_listed() {
        let page = "<meta name=\"layerscope-worker\" content=\"./w.js\"><meta name=\"layerscope-layer\" content=\"./c.wasm ./l.wasm\"><a href=\"#/help\">\
                    <link href=\"./main.css?1\"><script src=\"/x/boot.js\" data-wasm=\"/x/app.wasm\"></script>\
                    <img src=\"https://example.org/a.png\">";
        assert_eq!(
            local_files(page),
            [
                "w.js", "c.wasm", "l.wasm", "main.css", "boot.js", "app.wasm"
            ]
        );
    }

    #[test]
    fn a_module_s_import_is_preloaded_too() {
        let page = "<link rel=\"modulepreload\" href=\"/x/a.js\"><p>";
        assert_eq!(
            with_preload_beside(page, "a.js", "b.js").unwrap(),
            "<link rel=\"modulepreload\" href=\"/x/a.js\"><link rel=\"modulepreload\" href=\"/x/b.js\"><p>"
        );
        assert!(with_preload_beside(page, "c.js", "b.js").is_err());
    }

    #[test]
    fn names_and_metas_are_changed() {
        assert_eq!(
            renamed("src=\"./app.js\" x=\"myapp.js\"", "app.js", "app-1.js"),
            "src=\"./app-1.js\" x=\"myapp.js\""
        );
        let page = "<meta name=\"layerscope-build\" content=\"dev\">";
        assert_eq!(
            with_meta(page, "layerscope-build", |_| "17".into()).unwrap(),
            "<meta name=\"layerscope-build\" content=\"17\">"
        );
        assert!(with_meta(page, "layerscope-worker", str::to_owned).is_err());
    }
}
