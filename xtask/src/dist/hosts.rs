//! What the folder needs to be served by any host of static files, and to open without a network:
//! the headers, the page for what is not there, the service worker.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::RELATIVE_URL;
use super::html::policy;

/// Netlify's and Cloudflare Pages' file of headers; other hosts ignore it.
const HEADERS: &str = "_headers";
/// Names that a host must ask for again: they are the same in every build.
const STABLE: [&str; 6] = [
    "/",
    "/index.html",
    "/callback.html",
    "/callback.js",
    "/config.json",
    "/sw.js",
];

/// Where the app is, as an absolute path or address; the root of the host where that is not said.
fn app_url(public_url: &str) -> &str {
    match public_url {
        "" | RELATIVE_URL => "/",
        url => url,
    }
}

/// Fills in the page for what is not there.
pub fn write_404(folder: &Path, public_url: &str) -> Result<()> {
    let file = folder.join("404.html");
    let page = fs::read_to_string(&file).context("no 404.html")?;
    if !page.contains("__APP__") {
        bail!("404.html does not say where the app is to be named");
    }
    let escaped = app_url(public_url)
        .replace('&', "&amp;")
        .replace('"', "&quot;");
    fs::write(&file, page.replace("__APP__", &escaped)).context("writing 404.html")
}

/// The folder's scripts, styles, modules and pictures, whose names have a hash or do not change, by
/// name: what the app needs without a network. `hashed` leaves out the latter.
fn app_files(folder: &Path, hashed_only: bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let hashed = is_hashed(&name);
        let picture = name.ends_with(".svg") || name.ends_with(".webmanifest");
        let code = [".js", ".css", ".wasm"].iter().any(|e| name.ends_with(e));
        if (hashed && code) || (picture && !hashed_only) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// As `names::with_hash` makes them.
fn is_hashed(name: &str) -> bool {
    name.split(['-', '_', '.']).skip(1).any(|part| {
        part.len() == 16 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Fills the build and its files into the service worker.
pub fn write_service_worker(folder: &Path, build: &str) -> Result<()> {
    let file = folder.join("sw.js");
    let worker = fs::read_to_string(&file).context("no sw.js")?;
    let files = app_files(folder, false)?;
    let list: Vec<String> = files.iter().map(|name| format!("\"{name}\"")).collect();
    let filled = worker
        .replace("__BUILD__", build)
        .replace("__FILES__", &format!("[{}]", list.join(", ")));
    fs::write(&file, filled).context("writing sw.js")
}

/// Writes the headers for hosts that read them from a file.
pub fn write_headers(folder: &Path, public_url: &str) -> Result<()> {
    // A path alone, also where the whole address was given.
    let url = app_url(public_url);
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    };
    let base = path.trim_end_matches('/');
    let mut text = format!(
        "{base}/*\n  Content-Security-Policy: {}\n  Referrer-Policy: no-referrer\n  X-Content-Type-Options: nosniff\n  Cross-Origin-Opener-Policy: same-origin-allow-popups\n",
        policy()
    );
    for name in STABLE {
        text.push_str(&format!("{base}{name}\n  Cache-Control: no-cache\n"));
    }
    // Other sites' pages load it.
    text.push_str(&format!(
        "{base}/layerscope-embed.js\n  Access-Control-Allow-Origin: *\n  Cache-Control: no-cache\n"
    ));
    for name in app_files(folder, true)? {
        text.push_str(&format!(
            "{base}/{name}\n  Cache-Control: public, max-age=31536000, immutable\n"
        ));
    }
    fs::write(folder.join(HEADERS), text).context("writing the file of headers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_any_host() {
        let folder = std::env::temp_dir().join(format!("layerscope-hosts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("app-0123456789abcdef.js", "");
        write("callback.js", "");
        write("icon.svg", "");
        write("404.html", "<a href=\"__APP__\">");
        write("sw.js", "const B = \"__BUILD__\"; const F = __FILES__;");
        write_404(&folder, "https://a.example/x/").unwrap();
        write_service_worker(&folder, "b1").unwrap();
        write_headers(&folder, "https://a.example/x/").unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(read("404.html"), "<a href=\"https://a.example/x/\">");
        assert_eq!(
            read("sw.js"),
            "const B = \"b1\"; const F = [\"app-0123456789abcdef.js\", \"icon.svg\"];"
        );
        let headers = read(HEADERS);
        assert!(headers.starts_with("/x/*\n  Content-Security-Policy: default-src 'none';"));
        assert!(headers.contains("/x/app-0123456789abcdef.js\n  Cache-Control: public, max-age"));
        assert!(headers.contains("/x/sw.js\n  Cache-Control: no-cache"));
        assert!(write_404(&folder, "/").is_err(), "it was filled in already");
        fs::remove_dir_all(&folder).unwrap();
    }
}
