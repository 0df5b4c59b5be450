//! The part of `cargo xtask bench` that compares the proxy with nginx, and counts what it costs.
//! Prints one flat JSON object of numbers.
//!
//! `proxy_bench ROUNDS`: one round is enough to see that every figure can be taken.

use std::{fs, io, path::Path, process::ExitCode, time::Duration};

use layerscope_tests::{
    bench::{
        Figures, MEGABYTE, layer,
        load::{self, Target},
        many, median, spread, start,
    },
    corpus::{edge::Noise, push, push::Error, registry::docker_registry},
    nginx::{Nginx, nginx},
    proxy::Proxy,
};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// The blob's bytes; fewer where only one round is asked for.
const BLOB: usize = 160_000_000;
const SMALL_BLOB: usize = 16_000_000;
/// A small range, in bytes.
const RANGE: u64 = 4096;
/// Clients of small ranges at once.
const CONNECTIONS: u64 = 64;
/// Requests of each, in a round.
const REQUESTS: u64 = 50;
/// Requests of one client alone, in a round.
const ALONE: u64 = 400;
/// Slow downloads at once; fewer where only one round is asked for.
const DOWNLOADS: u64 = 1000;
const FEW_DOWNLOADS: u64 = 100;

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let Some(rounds) = rounds.filter(|rounds| *rounds > 0) else {
        eprintln!("usage: proxy_bench ROUNDS");
        return ExitCode::FAILURE;
    };
    for (what, tool) in [("docker-registry", docker_registry()), ("nginx", nginx())] {
        if let Err(error) = tool {
            // As the tests do; what is measured without it is told all the same.
            eprintln!("SKIPPED: the proxy's figures (Debian's {what}): {error}");
            println!("{{}}");
            return ExitCode::SUCCESS;
        }
    }
    match measure(rounds) {
        Ok(figures) => {
            println!("{}", serde_json::json!(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("proxy_bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// nginx as an operator would set it up for this: connections upstream are kept, and a body is
/// not written to a file on its way.
fn nginx_before(host: &str) -> io::Result<Nginx> {
    Nginx::start(&format!(
        "upstream registry {{ server {host}; keepalive 128; }}\n\
         server {{ listen {{host}}; keepalive_requests 1000000; location / {{\n\
         proxy_pass http://registry; proxy_http_version 1.1; proxy_set_header Connection '';\n\
         proxy_set_header Host {host}; proxy_max_temp_file_size 0; }} }}"
    ))
}

/// A server of files, in the clear and by TLS with a certificate of its own.
struct Files {
    nginx: Nginx,
    tls: Nginx,
    authority: String,
}

impl Files {
    fn start(root: &Path) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
        let (file, key_file) = (root.join("tls.pem"), root.join("tls.key"));
        fs::write(&file, certificate.pem())?;
        fs::write(&key_file, key.serialize_pem())?;
        let serve = |tls: &str| {
            Nginx::start(&format!(
                "server {{ listen {{host}}{tls}; keepalive_requests 1000000; sendfile on;\n\
                 location / {{ root {}; }} }}",
                root.display()
            ))
        };
        let with = format!(
            " ssl; ssl_certificate {}; ssl_certificate_key {}",
            file.display(),
            key_file.display()
        );
        Ok(Self {
            nginx: serve("")?,
            tls: serve(&with)?,
            authority: file.display().to_string(),
        })
    }
}

/// The ways to one blob that are compared.
struct Ways {
    direct: Target,
    nginx: Target,
    ours: Target,
}

impl Ways {
    fn new(host: &str, nginx: &Nginx, ours: &Proxy, digest: &str) -> Self {
        let path = format!("/v2/{}/blobs/{digest}", layer::REPOSITORY);
        let target = |host: &str, path: &str| Target {
            host: host.to_owned(),
            path: path.to_owned(),
        };
        Self {
            direct: target(host, &path),
            nginx: target(nginx.host(), &path),
            ours: through(ours, host, digest),
        }
    }
}

/// A blob's address at our proxy.
fn through(proxy: &Proxy, host: &str, digest: &str) -> Target {
    Target {
        host: proxy.base().trim_start_matches("http://").to_owned(),
        path: format!(
            "/api/v1/blob?registry={host}&repository={}&digest={digest}",
            layer::REPOSITORY
        ),
    }
}

fn milliseconds(latencies: &[Duration]) -> f64 {
    let all: Vec<f64> = latencies
        .iter()
        .map(|one| one.as_secs_f64() * 1000.0)
        .collect();
    median(&all)
}

/// Compares the ways in rounds, one after the other in each: what disturbs the machine disturbs
/// them alike.
fn compare(
    name: &str,
    ways: &Ways,
    size: u64,
    rounds: usize,
    figures: &mut Figures,
) -> Result<(), Error> {
    let (mut streams, mut ranges, mut alone, mut crowded) = (vec![], vec![], vec![], vec![]);
    let all = [&ways.direct, &ways.nginx, &ways.ours];
    for round in 1..=rounds {
        eprintln!(
            "round {round} of {rounds}: {name}, the whole blob, ranges at once, ranges alone"
        );
        let mut row = [0.0; 3];
        for (way, cell) in all.iter().zip(&mut row) {
            *cell = load::stream(way)? / MEGABYTE;
        }
        streams.push(row);
        let (mut rates, mut medians) = ([0.0; 3], [0.0; 3]);
        for (i, way) in all.iter().enumerate() {
            let took = load::ranges(way, CONNECTIONS, REQUESTS, RANGE, size)?;
            (rates[i], medians[i]) = (took.per_second, milliseconds(&took.latencies));
        }
        ranges.push(rates);
        crowded.push(medians);
        for (way, cell) in all.iter().zip(&mut row) {
            *cell = milliseconds(&load::ranges(way, 1, ALONE, RANGE, size)?.latencies);
        }
        alone.push(row);
    }
    let column =
        |rows: &[[f64; 3]], of: fn(&[f64; 3]) -> f64| rows.iter().map(of).collect::<Vec<_>>();
    let mut add = |what: &str, value: f64| figures.insert(format!("{name}{what}"), value);
    let ratio = |row: &[f64; 3]| row[2] / row[1];
    add("vs_nginx_throughput", median(&column(&streams, ratio)));
    add("vs_nginx_range_throughput", median(&column(&ranges, ratio)));
    add("stream_mb_s", median(&column(&streams, |row| row[2])));
    add("stream_nginx_mb_s", median(&column(&streams, |row| row[1])));
    add(
        "stream_direct_mb_s",
        median(&column(&streams, |row| row[0])),
    );
    add("stream_noise", spread(&column(&streams, |row| row[2])));
    add("ranges_per_s", median(&column(&ranges, |row| row[2])));
    add("ranges_nginx_per_s", median(&column(&ranges, |row| row[1])));
    add("ranges_noise", spread(&column(&ranges, |row| row[2])));
    add(
        "added_latency_ms",
        median(&column(&alone, |row| row[2] - row[0])),
    );
    add(
        "added_latency_nginx_ms",
        median(&column(&alone, |row| row[1] - row[0])),
    );
    add(
        "crowded_latency_ms",
        median(&column(&crowded, |row| row[2])),
    );
    add(
        "crowded_latency_nginx_ms",
        median(&column(&crowded, |row| row[1])),
    );
    Ok(())
}

fn measure(rounds: usize) -> Result<Figures, Error> {
    let (size, downloads) = match rounds {
        1 => (SMALL_BLOB, FEW_DOWNLOADS),
        _ => (BLOB, DOWNLOADS),
    };
    let mut figures = Figures::new();
    let state = TempDir::new()?;
    let blob = Noise(11).bytes(size);
    let digest = push::digest(&blob);
    let folder = state
        .path()
        .join("v2")
        .join(layer::REPOSITORY)
        .join("blobs");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(&digest), &blob)?;
    let files = Files::start(state.path())?;
    let bench = layer::Bench::start(blob)?;
    let registry = bench.registry.direct_host();

    let plain = files.nginx.host();
    let ours = Proxy::without_limits(
        &[registry, plain],
        &["--plain-http", registry, "--plain-http", plain],
    )?;
    let before = nginx_before(registry)?;
    let ways = Ways::new(registry, &before, &ours, &digest);
    compare("proxy_", &ways, size as u64, rounds, &mut figures)?;
    // A server of files is so quick that what is left is the proxies' own.
    let before = nginx_before(plain)?;
    let ways = Ways::new(plain, &before, &ours, &digest);
    compare("proxy_files_", &ways, size as u64, rounds, &mut figures)?;
    drop(ours);

    eprintln!("{downloads} slow downloads at once");
    let tls = files.tls.host();
    for (name, host, more) in [
        ("proxy_bytes_per_stream", plain, ["--plain-http", plain]),
        (
            "proxy_tls_bytes_per_stream",
            tls,
            ["--ca-file", &files.authority],
        ),
    ] {
        let proxy = Proxy::without_limits(&[host], &more)?;
        let target = through(&proxy, host, &digest);
        // What the first request alone needs is not a stream's.
        load::Connection::open(&target)?.get(Some(&(0..RANGE)))?;
        let bytes = many::bytes_per_download(&target, proxy.process_id(), downloads)?;
        figures.insert(name.to_owned(), bytes);
    }
    start::measure(rounds, &mut figures)?;
    Ok(figures)
}
