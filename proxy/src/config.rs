//! The command line, its environment and its TOML file, made into one checked [`Config`].
//!
//! Order: command line, then `LAYERSCOPE_…`, then the file. A list is taken whole from the first.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::BoolishValueParser;
use serde::Deserialize;

use crate::forwarder::Forwarders;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::provider::{self, Pattern, Provider};
use crate::target::{HostPort, Registry};

/// A configuration file is a page of text; more is a mistake.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The command line (each flag also as `LAYERSCOPE_…` and, by the same name, in a TOML file).
/// Not Debug: what stands after `--provider` can have a client secret in it.
#[derive(Default, Parser)]
#[command(name = "layerscope-proxy", version, about)]
pub struct Args {
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "LAYERSCOPE_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Serve /metrics at this address alone, and not beside the API
    #[arg(long, env = "LAYERSCOPE_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,
    /// Serve this registry; once one is given, only those and the sample. With none and a
    /// loopback --listen, any public host is served
    #[arg(
        long,
        env = "LAYERSCOPE_REGISTRY",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    pub registry: Vec<String>,
    /// Serve any public host whatever the listen address
    #[arg(long, env = "LAYERSCOPE_ANY_REGISTRY", value_parser = BoolishValueParser::new())]
    pub any_registry: bool,
    /// Lift the address filter for this HOST:PORT, wherever it is dialled; also serves it
    #[arg(
        long,
        env = "LAYERSCOPE_ALLOW_PRIVATE",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    pub allow_private: Vec<String>,
    /// Use http for this HOST:PORT, wherever it is dialled; also serves it
    #[arg(
        long,
        env = "LAYERSCOPE_PLAIN_HTTP",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    pub plain_http: Vec<String>,
    /// A token host that may be sent this registry's credentials, beside the built-in pairs
    #[arg(
        long,
        env = "LAYERSCOPE_REALM",
        value_name = "REGISTRY=HOST[:PORT]",
        value_delimiter = ','
    )]
    pub realm: Vec<String>,
    /// A provider of sign-ins for some registries, as an inline table of TOML; see the README
    #[arg(
        long,
        env = "LAYERSCOPE_PROVIDER",
        value_name = "TABLE",
        // It can have a client secret in it, and --help shows what variables hold.
        hide_env_values = true
    )]
    pub provider: Vec<String>,
    /// Further roots for TLS
    #[arg(long, env = "LAYERSCOPE_CA_FILE", value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// An origin that may call from elsewhere, such as https://apps.example
    #[arg(
        long,
        env = "LAYERSCOPE_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub origin: Vec<String>,
    /// An origin whose pages may frame the app and talk to it; once one is given, only those and the
    /// app's own may frame it
    #[arg(
        long,
        env = "LAYERSCOPE_EMBED_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub embed_origin: Vec<String>,
    /// A reverse proxy before this one, whose X-Forwarded-For is believed
    #[arg(
        long,
        env = "LAYERSCOPE_FORWARDER",
        value_name = "ADDRESS[/BITS]",
        value_delimiter = ','
    )]
    pub forwarder: Vec<String>,
    /// Most bytes of one blob answer; off by default
    #[arg(long, env = "LAYERSCOPE_MAX_BLOB_BYTES", value_name = "N")]
    pub max_blob_bytes: Option<u64>,
    /// Serve the app from this folder instead of the embedded copy
    #[arg(long, env = "LAYERSCOPE_ASSETS", value_name = "DIR")]
    pub assets: Option<PathBuf>,
    /// Do not serve the app
    #[arg(long, env = "LAYERSCOPE_NO_ASSETS", value_parser = BoolishValueParser::new())]
    pub no_assets: bool,
    /// A folder of index files on another host (see `cargo xtask index`), which the app asks first
    #[arg(long, env = "LAYERSCOPE_INDEX_SOURCE", value_name = "URL")]
    pub index_source: Option<String>,
    /// Without the sample registry
    #[arg(long, env = "LAYERSCOPE_NO_SAMPLE", value_parser = BoolishValueParser::new())]
    pub no_sample: bool,
    /// Read these settings, by the same names, from a TOML file
    #[arg(long, env = "LAYERSCOPE_CONFIG", value_name = "TOML")]
    pub config: Option<PathBuf>,
    /// Print the configuration that all this comes to, as TOML, and end
    #[arg(long)]
    pub print_config: bool,
}

/// The TOML file: the flags by their names, and the numbers of [`Limits`].
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    listen: Option<String>,
    metrics_listen: Option<String>,
    registry: Vec<String>,
    any_registry: bool,
    allow_private: Vec<String>,
    plain_http: Vec<String>,
    realm: Vec<String>,
    provider: Vec<provider::Entry>,
    ca_file: Option<PathBuf>,
    origin: Vec<String>,
    embed_origin: Vec<String>,
    forwarder: Vec<String>,
    max_blob_bytes: Option<u64>,
    assets: Option<PathBuf>,
    no_assets: bool,
    index_source: Option<String>,
    no_sample: bool,
    limits: Limits,
}

/// Where the app's files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assets {
    /// What was embedded at compile time, or a page that says how to build.
    Embedded,
    /// A folder, read at each request.
    Dir(PathBuf),
    /// Not served.
    None,
}

/// A folder of index files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSource {
    /// Its address.
    pub url: String,
    /// The origin that the app may fetch from for it.
    pub origin: String,
}

/// All that the proxy is told at start, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where `/metrics` is, if not beside the API.
    pub metrics_listen: Option<SocketAddr>,
    /// Which targets are allowed.
    pub policy: Policy,
    /// Where people can sign in, for which registries.
    pub providers: Vec<Provider>,
    /// PEM file of further TLS roots.
    pub ca_file: Option<PathBuf>,
    /// Origins, in their serialised form, that may call from elsewhere.
    pub origins: Vec<String>,
    /// Origins whose pages may frame the app and talk to it.
    pub embed_origins: Vec<String>,
    /// Reverse proxies whose word on the client's address is believed.
    pub forwarders: Forwarders,
    /// Most bytes of one blob answer.
    pub max_blob_bytes: Option<u64>,
    /// Where the app's files come from.
    pub assets: Assets,
    /// Where the app looks for index files; none leaves that to its own `config.json`.
    pub index_source: Option<IndexSource>,
    /// Whether the sample registry is served.
    pub sample: bool,
    /// Bounds on time, sizes and rates.
    pub limits: Limits,
    /// Only to be printed.
    pub print: bool,
}

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A flag's, variable's or file entry's value.
    #[error("{flag} {value:?}: {problem}")]
    Value {
        /// The flag's name.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A number in `[limits]`.
    #[error("{0}")]
    Limits(String),
    /// The configuration file, or the file of roots.
    #[error("cannot use {path}: {problem}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Config {
    /// Reads the command line, the environment and the file. Prints and ends on `--help`.
    pub fn load() -> Result<Self, ConfigError> {
        Self::from_args(Args::parse())
    }

    /// Checks arguments, completing them from their file.
    pub fn from_args(args: Args) -> Result<Self, ConfigError> {
        let file = match &args.config {
            Some(path) => file_from_path(path)?,
            None => File::default(),
        };
        Self::from_both(args, file)
    }

    fn from_both(args: Args, file: File) -> Result<Self, ConfigError> {
        file.limits.check().map_err(ConfigError::Limits)?;
        let listen = args
            .listen
            .or(file.listen)
            .unwrap_or_else(|| "127.0.0.1:8080".into());
        let listen: SocketAddr = parse("--listen", &listen)?;
        let registries: Vec<Registry> =
            parse_all("--registry", &first(args.registry, file.registry))?;
        let any = args.any_registry || file.any_registry;
        let policy = Policy {
            any: any || (registries.is_empty() && listen.ip().is_loopback()),
            registries,
            allow_private: parse_all(
                "--allow-private",
                &first(args.allow_private, file.allow_private),
            )?,
            plain_http: parse_all("--plain-http", &first(args.plain_http, file.plain_http))?,
            realms: first(args.realm, file.realm)
                .iter()
                .map(|pair| realm_from_str(pair))
                .collect::<Result<_, _>>()?,
        };
        let served = |provider: &Provider| {
            provider.registries.iter().try_for_each(|pattern| {
                let Pattern::One(registry) = pattern else {
                    return Ok(());
                };
                let problem = policy.check_served(registry).err();
                problem.map_or(Ok(()), |problem| {
                    Err(ConfigError::Value {
                        flag: "--provider",
                        value: provider.id.clone(),
                        problem: problem.to_string(),
                    })
                })
            })
        };
        let given = args.provider.iter().map(|text| {
            // Not the text itself: a secret may be in it.
            text.parse().map_err(|problem| ConfigError::Value {
                flag: "--provider",
                value: String::new(),
                problem,
            })
        });
        let given = given.collect::<Result<_, _>>()?;
        let providers = provider::checked(first(given, file.provider))?;
        providers.iter().try_for_each(served)?;
        let origins = origins_of("--origin", first(args.origin, file.origin))?;
        let embed_origins = first(args.embed_origin, file.embed_origin);
        let embed_origins = origins_of("--embed-origin", embed_origins)?;
        let no_assets = args.no_assets || (file.no_assets && args.assets.is_none());
        let assets = match args.assets.or(file.assets) {
            _ if no_assets => Assets::None,
            Some(dir) => Assets::Dir(dir),
            None => Assets::Embedded,
        };
        let metrics_listen = args.metrics_listen.or(file.metrics_listen);
        let metrics_listen = metrics_listen.map(|at| parse("--metrics-listen", &at));
        Ok(Self {
            listen,
            metrics_listen: metrics_listen.transpose()?,
            policy,
            providers,
            ca_file: args.ca_file.or(file.ca_file),
            origins,
            embed_origins,
            forwarders: Forwarders(parse_all(
                "--forwarder",
                &first(args.forwarder, file.forwarder),
            )?),
            max_blob_bytes: args.max_blob_bytes.or(file.max_blob_bytes),
            assets,
            index_source: args
                .index_source
                .or(file.index_source)
                .map(|url| index_source_from_str(&url))
                .transpose()?,
            sample: !(args.no_sample || file.no_sample),
            limits: file.limits,
            print: args.print_config,
        })
    }
}

fn first<T>(wins: Vec<T>, otherwise: Vec<T>) -> Vec<T> {
    if wins.is_empty() { otherwise } else { wins }
}

fn parse<T>(flag: &'static str, value: &str) -> Result<T, ConfigError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    value
        .trim()
        .parse()
        .map_err(|problem: T::Err| ConfigError::Value {
            flag,
            value: value.to_owned(),
            problem: problem.to_string(),
        })
}

fn parse_all<T>(flag: &'static str, values: &[String]) -> Result<Vec<T>, ConfigError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    values.iter().map(|value| parse(flag, value)).collect()
}

fn realm_from_str(pair: &str) -> Result<(Registry, HostPort), ConfigError> {
    let flag = "--realm";
    let (registry, realm) = pair.split_once('=').ok_or_else(|| ConfigError::Value {
        flag,
        value: pair.to_owned(),
        problem: "REGISTRY=HOST[:PORT] is wanted".into(),
    })?;
    Ok((parse(flag, registry)?, parse(flag, realm)?))
}

fn origins_of(flag: &'static str, texts: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let origins = texts.iter().map(|text| origin_from_str(flag, text));
    origins.collect()
}

/// An origin exactly as a browser serialises it (RFC 6454): no path, no default port.
fn origin_from_str(flag: &'static str, text: &str) -> Result<String, ConfigError> {
    let bad = |problem: &str| ConfigError::Value {
        flag,
        value: text.to_owned(),
        problem: problem.to_owned(),
    };
    let url = url::Url::parse(text.trim()).map_err(|problem| bad(&problem.to_string()))?;
    let origin = url.origin().ascii_serialization();
    match url.scheme() {
        "http" | "https" if origin == text.trim().trim_end_matches('/') => Ok(origin),
        "http" | "https" => Err(bad(&format!("an origin is written {origin}"))),
        _ => Err(bad("an origin starts with https:// or http://")),
    }
}

/// An http(s) address without user, query or fragment, to which a file's name can be added.
fn index_source_from_str(text: &str) -> Result<IndexSource, ConfigError> {
    let bad = |problem: &str| ConfigError::Value {
        flag: "--index-source",
        value: text.to_owned(),
        problem: problem.to_owned(),
    };
    let url = url::Url::parse(text.trim()).map_err(|problem| bad(&problem.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("an index source starts with https:// or http://"));
    }
    let plain = url.username().is_empty() && url.password().is_none();
    if !plain || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("an index source has no user, query or fragment"));
    }
    Ok(IndexSource {
        origin: url.origin().ascii_serialization(),
        url: url.into(),
    })
}

fn file_from_path(path: &Path) -> Result<File, ConfigError> {
    let bad = |problem: String| ConfigError::File {
        path: path.to_owned(),
        problem,
    };
    let size = std::fs::metadata(path)
        .map_err(|e| bad(e.to_string()))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(bad(format!("{size} bytes are more than {MAX_FILE_BYTES}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    toml::from_str(&text).map_err(|e: toml::de::Error| {
        // Its own words would quote the line, which may have a secret in it.
        let line = e.span().and_then(|at| text.get(..at.start));
        let line = line.map_or(1, |before| before.matches('\n').count() + 1);
        bad(format!("line {line}: {}", without_values(e.message())))
    })
}

/// What a parser says is wrong, without what it quotes of a value: that can be a secret, also where
/// none should be. Names of settings stay.
pub(crate) fn without_values(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let names = ["unknown field `", "missing field `", "duplicate key"];
    if names.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    // serde's and toml's own words stand at the end: "invalid type: integer `7`, expected a string".
    match message.rsplit_once("expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "this is no TOML".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(line: &str, file: &str) -> Result<Config, String> {
        let line = std::iter::once("layerscope-proxy").chain(line.split_whitespace());
        let args = Args::try_parse_from(line).map_err(|e| e.to_string())?;
        let file = toml::from_str(file).map_err(|e| e.to_string())?;
        Config::from_both(args, file).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn any(line: &str, expect: bool) {
        assert_eq!(config(line, "").unwrap().policy.any, expect, "{line}");
    }

    #[test]
    fn who_is_served() {
        any("", true);
        any("--listen 127.0.0.1:0", true);
        any("--listen [::1]:0", true);
        any("--listen 0.0.0.0:80", false);
        any("--listen 0.0.0.0:80 --any-registry", true);
        any("--registry ghcr.io", false);
        any("--registry ghcr.io --any-registry", true);
        any("--allow-private 127.0.0.1:5000", true);
    }

    #[test]
    fn every_flag_is_taken() {
        let all = "--listen 127.0.0.1:0 --registry a.example --registry b.example:5000 \
            --any-registry --allow-private 10.0.0.1:5000 --plain-http 10.0.0.1:5000 \
            --realm a.example=login.example --ca-file roots.pem --origin https://app.example \
            --max-blob-bytes 1000 --assets dist --no-sample --index-source https://cdn.example/a \
            --embed-origin https://host.example";
        let got = config(all, "").unwrap();
        assert_eq!(got.origins, ["https://app.example"]);
        assert_eq!(got.embed_origins, ["https://host.example"]);
        assert_eq!(got.max_blob_bytes, Some(1000));
        assert_eq!(got.assets, Assets::Dir("dist".into()));
        assert!(!got.sample);
        assert_eq!(got.policy.realms.len(), 1);
        assert_eq!(got.index_source.unwrap().origin, "https://cdn.example");
        assert_eq!(
            config("--assets x --no-assets", "").unwrap().assets,
            Assets::None
        );
    }

    #[test]
    fn the_file_is_under_the_line() {
        let file = "listen = \"127.0.0.1:9000\"\nregistry = [\"a.example\"]\nno-sample = true\n\
            [limits]\nclient-rate = 5\n";
        let got = config("--registry b.example", file).unwrap();
        assert_eq!(got.listen.port(), 9000);
        assert_eq!(
            got.policy.registries,
            vec!["b.example".parse::<Registry>().unwrap()]
        );
        assert_eq!(got.limits.client_rate, 5);
        assert!(!got.sample);
        assert!(config("", "unknown = 1").is_err());
    }

    #[test]
    fn numbers_that_nothing_could_work_with() {
        for (line, told) in [
            ("streams = 0", "limits.streams is 0"),
            ("client-rate = 0", "limits.client-rate is 0"),
            ("connections = 9000000000000000000", "limits.connections"),
            ("total-s = 0", "limits.total-s is 0"),
            ("idle-s = 100000", "limits.idle-s is 100000"),
            ("drain-s = 100000", "limits.drain-s is 100000"),
            ("drain = 1", "unknown field"),
            ("streams = -1", "invalid value"),
        ] {
            let got = config("", &format!("[limits]\n{line}\n")).unwrap_err();
            assert!(got.contains(told), "{line}: {got}");
        }
        let zero = "[limits]\ndrain-s = 0\nstop-delay-s = 0\nmin-rate = 0\n";
        assert!(config("", zero).is_ok());
    }

    #[test]
    fn what_is_printed_says_the_same() {
        let all = "--listen 0.0.0.0:80 --metrics-listen 127.0.0.1:81 --registry a.example --registry b.example:5000 \
            --allow-private 10.0.0.1:5000 --plain-http 10.0.0.1:5000 --forwarder 10.0.0.0/8 \
            --realm a.example=login.example --ca-file roots.pem --origin https://app.example \
            --max-blob-bytes 1000 --assets dist --no-sample --index-source https://cdn.example/a \
            --embed-origin https://host.example";
        for line in ["", all, "--no-assets --any-registry"] {
            let printed = config(line, "").unwrap().to_toml();
            let again = config("", &printed).unwrap();
            assert_eq!(again.to_toml(), printed, "{line}");
            assert!(printed.contains("client-rate = 500"), "{printed}");
        }
        assert!(config(all, "").unwrap().to_toml().contains("10.0.0.0/8"));
    }

    #[test]
    fn providers_are_for_registries_that_are_served() {
        let file = "[[provider]]\nid = \"op\"\nregistry = [\"gcr.io\"]\nissuer = \"https://a.example\"\n\
            client-id = \"c\"\nusername = \"u\"\n";
        assert_eq!(config("", file).unwrap().providers.len(), 1);
        assert!(config("--registry gcr.io", file).is_ok());
        let problem = config("--registry ghcr.io", file).unwrap_err();
        assert!(
            problem.contains("does not serve the registry gcr.io"),
            "{problem}"
        );
    }

    #[test]
    fn what_is_refused() {
        for line in [
            "--listen nowhere",
            "--registry user@host",
            "--registry https://host",
            "--realm a.example",
            "--realm =b",
            "--origin app.example",
            "--origin https://app.example/x",
            "--origin *",
            "--origin null",
            "--max-blob-bytes -1",
            "--plain-http 0x7f.1",
            "--index-source ftp://a.example/",
            "--index-source lsx",
            "--index-source https://u:p@a.example/",
            "--index-source https://a.example/?x",
            "--forwarder everybody",
            "--metrics-listen 9090",
        ] {
            assert!(config(line, "").is_err(), "{line}");
        }
    }
}
