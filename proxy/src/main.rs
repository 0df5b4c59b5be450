//! The command: reads its configuration, listens, says so in one line, and serves.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use layerscope_proxy::forwarder::Forwarders;
use layerscope_proxy::limits::Limits;
use layerscope_proxy::{Config, Proxy, SystemResolver, metrics_router, router, serve};
use tokio::net::TcpListener;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Connections at once for metrics: a few programs that ask every some seconds.
const METRICS_CONNECTIONS: usize = 16;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("layerscope-proxy: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load()?;
    if config.print {
        print!("{}", config.to_toml());
        return Ok(());
    }
    start_log();
    open_files(&config.limits);
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let metrics = match config.metrics_listen {
        Some(at) => Some(
            TcpListener::bind(at)
                .await
                .map_err(|error| format!("cannot listen on {at} for metrics: {error}"))?,
        ),
        None => None,
    };
    let (limits, forwarders) = (config.limits.clone(), config.forwarders.clone());
    let proxy = Proxy::new(config, Arc::new(SystemResolver))?;
    let draining = proxy.draining();
    let stop = stop_signal()?;
    let mut out = std::io::stdout();
    writeln!(out, "layerscope-proxy listening on http://{address}")?;
    out.flush()?;
    if let Some(listener) = metrics {
        tracing::info!(address = %listener.local_addr()?, "metrics");
        tokio::spawn(serve_metrics(listener, metrics_router(proxy.clone())));
    }
    serve::serve(
        listener,
        router(proxy),
        &limits,
        &forwarders,
        draining,
        stop,
    )
    .await;
    Ok(())
}

/// Serves `/metrics` until the program ends.
async fn serve_metrics(listener: TcpListener, router: axum::Router) {
    let limits = Limits {
        connections: METRICS_CONNECTIONS,
        ..Limits::default()
    };
    let (nobody, never) = (Forwarders::default(), std::future::pending());
    serve::serve(listener, router, &limits, &nobody, Arc::default(), never).await;
}

/// Logs go to stderr: `LAYERSCOPE_LOG` is a level (error, warn, info, debug, trace) for this crate
/// alone, because those below could show headers; `LAYERSCOPE_LOG_FORMAT=json` makes each line an
/// object.
fn start_log() {
    let level = std::env::var("LAYERSCOPE_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    let level: LevelFilter = level.unwrap_or(LevelFilter::INFO);
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("layerscope_proxy", level);
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match std::env::var("LAYERSCOPE_LOG_FORMAT").as_deref() {
        Ok("json") => tracing_subscriber::registry()
            .with(log.json().with_filter(filter))
            .init(),
        _ => tracing_subscriber::registry()
            .with(log.with_filter(filter))
            .init(),
    }
}

/// Asks the kernel for as many open files as the limits may need: a stream has two sockets. The
/// usual soft limit of 1024 is there for programs of another time.
#[cfg(unix)]
fn open_files(limits: &Limits) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    /// For the listener, the logs, the app's files, and names that are being resolved.
    const OTHERS: u64 = 1024;
    let upstream = limits.streams + limits.requests + limits.kept_connections;
    let wanted = (limits.connections + upstream) as u64 + OTHERS;
    let now = getrlimit(Resource::Nofile);
    let Some(soft) = now.current.filter(|soft| *soft < wanted) else {
        return;
    };
    let mut more = now;
    more.current = Some(now.maximum.map_or(wanted, |hard| hard.min(wanted)));
    match setrlimit(Resource::Nofile, more) {
        Ok(()) if more.current == Some(wanted) => {}
        _ => tracing::warn!(
            soft,
            wanted,
            "the limit on open files is lower than what limits.connections and others may need"
        ),
    }
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
fn open_files(_: &Limits) {}

/// Listens for the signals that end the program from now on, not from when it is first awaited.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
