//! `cargo xtask index`: makes the index files of an image's layers, or of one layer in a file.
//!
//! They are made by the same core as in the browser, in one pass over each layer, and only of bytes
//! whose digest matched. A folder of them on any host is an index source for the app's config.json.

mod http;
mod layer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use layerscope_core::layer_index::TradeChoice;
use layerscope_core::manifest::{Descriptor, Document, ImageManifest, Platform};
use layerscope_core::media_type::{self, MediaTypeKind};
use layerscope_core::port::memory::run as wait;
use layerscope_core::reference::{ManifestRef, Reference};
use layerscope_core::registry::client::{Client, Credentials};
use layerscope_core::registry::endpoint::Endpoint;

use crate::http::NativeHttp;
use crate::layer::{Made, Output, Source};

/// Holds the password that goes with `--user`: an argument would be seen by everybody.
const PASSWORD_VARIABLE: &str = "LAYERSCOPE_PASSWORD";

/// Make index files of an image's layers, for an index source that the app's config.json names
#[derive(Parser)]
#[command(name = "cargo xtask index")]
struct Arguments {
    /// An image, such as debian:12 or ghcr.io/owner/name@sha256:…, or the file of one layer
    target: String,
    /// Where <algorithm>-<digest>.lsx files are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Only this platform, such as linux/arm64; all of an image index by default
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Write SOCI's index of each layer too, as <algorithm>-<digest>.ztoc
    #[arg(long)]
    soci: bool,
    /// What an index keeps: small, balanced, or fine, by which a file takes the fewest bytes
    #[arg(long, value_name = "CHOICE", default_value = "balanced", value_parser = trade)]
    trade: TradeChoice,
    /// Make files that are there again
    #[arg(long)]
    again: bool,
    /// Reach the registry through a Layerscope proxy
    #[arg(long, value_name = "URL", conflicts_with = "plain_http")]
    proxy: Option<String>,
    /// Ask the registry by http, not https
    #[arg(long)]
    plain_http: bool,
    /// Sign in with this name, and the password in LAYERSCOPE_PASSWORD
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

fn trade(name: &str) -> Result<TradeChoice, String> {
    TradeChoice::from_name(name).ok_or_else(|| "it is none of small, balanced and fine".to_owned())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("index: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("making {}", arguments.out.display()))?;
    let output = Output {
        folder: arguments.out.clone(),
        soci: arguments.soci,
        trade: arguments.trade,
        again: arguments.again,
    };
    let file = Path::new(&arguments.target);
    if file.is_file() {
        let made = layer::from_file(file, &output)?;
        println!("{made}");
        return Ok(());
    }
    image(arguments, &output)
}

fn image(arguments: &Arguments, output: &Output) -> Result<()> {
    let reference = Reference::parse(&arguments.target)
        .with_context(|| format!("{} is no file and no image", arguments.target))?;
    let endpoint = match &arguments.proxy {
        Some(base) => Endpoint::proxy(base),
        None => Endpoint::Direct {
            plain_http: arguments.plain_http,
        },
    };
    let client = Client::new(NativeHttp::new(), endpoint);
    if let Some(username) = arguments.user.clone() {
        let password = std::env::var(PASSWORD_VARIABLE)
            .with_context(|| format!("--user needs the password in {PASSWORD_VARIABLE}"))?;
        let credentials = Credentials::typed(username, password);
        client.set_credentials(reference.registry(), Some(credentials));
    }
    let layers = layers(&client, &reference, arguments.platform.as_deref())?;
    let mut failed = 0;
    for descriptor in &layers {
        let source = Source {
            client: &client,
            repository: reference.repository(),
            descriptor,
        };
        match layer::from_registry(&source, output) {
            Ok(made @ Made::Not { .. }) => eprintln!("{made}"),
            Ok(made) => println!("{made}"),
            Err(error) => {
                failed += 1;
                eprintln!("{}: {error:#}", descriptor.digest);
            }
        }
    }
    match failed {
        0 => Ok(()),
        n => bail!("{n} of {} layers failed", layers.len()),
    }
}

/// The layers of an image's platforms, each once.
fn layers(
    client: &Client<NativeHttp>,
    reference: &Reference,
    platform: Option<&str>,
) -> Result<Vec<Descriptor>> {
    let repository = reference.repository();
    let top = wait(client.manifest(repository, &reference.manifest()))?;
    let mut manifests: Vec<ImageManifest> = Vec::new();
    match top.document {
        Document::Manifest(manifest) => manifests.push(manifest),
        Document::Index(index) => {
            let wanted: Option<Platform> = platform
                .map(|text| {
                    text.parse()
                        .map_err(|_| anyhow::anyhow!("{text:?} is no platform"))
                })
                .transpose()?;
            for entry in index.choices() {
                let fits = |wanted: &Platform| {
                    let its = entry.platform.as_ref();
                    its.is_some_and(|its| its.satisfies(wanted))
                };
                if wanted.as_ref().is_some_and(|wanted| !fits(wanted)) {
                    continue;
                }
                let by = ManifestRef::Digest(entry.digest.clone());
                if let Document::Manifest(manifest) =
                    wait(client.manifest(repository, &by))?.document
                {
                    manifests.push(manifest);
                }
            }
        }
        Document::Schema1(_) | Document::Other => {}
    }
    if manifests.is_empty() {
        bail!("{reference} has no image manifest for that platform");
    }
    let mut layers: Vec<Descriptor> = Vec::new();
    for descriptor in manifests.into_iter().flat_map(|m| m.layers) {
        let kind = media_type::kind(&descriptor.media_type);
        let is_layer = matches!(kind, MediaTypeKind::Layer { foreign: false, .. });
        if is_layer && !layers.iter().any(|l| l.digest == descriptor.digest) {
            layers.push(descriptor);
        }
    }
    Ok(layers)
}
