//! Slow clients, many at once, for as long as one likes: `cargo xtask soak --slow-clients 1000`.
//!
//! Each downloads through the proxy at some 4 KiB a second, compares every byte, leaves after a while,
//! and begins anew. What a stream costs the proxy is told, and neither
//! its memory nor its open files may grow while the number of clients stays.

use std::{
    fs,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use layerscope_tests::{
    bench::{
        layer::REPOSITORY,
        load::{self, Target},
        many::{SETTLED, resident},
        slow::Clients,
    },
    corpus::{edge::Noise, push, push::Error},
    net::wait,
    nginx::{Nginx, nginx},
    proxy::Proxy,
};
use tempfile::TempDir;

/// The blob's bytes: more than the kernel's buffers take in a client's place.
const BLOB: usize = 16 << 20;
/// The bytes that one stream may cost (issue 4).
const MAX_PER_STREAM: u64 = 64 << 10;
/// Part of the time that passes before growth is measured: clients that leave and come stir what the
/// first ones have laid out in order.
const WARM_UP_SHARE: u32 = 2;
/// What the proxy may have grown by after that, while the clients stayed: its allocator is not exact.
const MAX_GROWTH: u64 = 8 << 20;
/// Files and sockets that may still be open when the clients have gone.
const MAX_NEW_FILES: usize = 16;
/// Between two lines of what it holds.
const SAMPLE: Duration = Duration::from_secs(15);
/// How long all clients may take to get under way.
const START_LIMIT: Duration = Duration::from_secs(300);
/// How long the proxy may take to let go of what clients have left.
const LET_GO_LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().ok());
    let (Some(Some(clients)), Some(Some(seconds))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: slow_soak CLIENTS SECONDS");
        return ExitCode::FAILURE;
    };
    if let Err(error) = nginx() {
        eprintln!("SKIPPED: slow clients (Debian's nginx): {error}");
        return ExitCode::SUCCESS;
    }
    match soak(clients, Duration::from_secs(seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slow_soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the proxy holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Resident bytes.
    memory: u64,
    /// Open files and sockets.
    files: usize,
}

fn held(proxy: &Proxy) -> Result<Held, Error> {
    let id = proxy.process_id();
    Ok(Held {
        memory: resident(id)?,
        files: fs::read_dir(format!("/proc/{id}/fd"))?.count(),
    })
}

fn soak(clients: u64, length: Duration) -> Result<(), Error> {
    let blob: Arc<[u8]> = Noise(23).bytes(BLOB).into();
    let state = TempDir::new()?;
    let folder = state.path().join("v2").join(REPOSITORY).join("blobs");
    fs::create_dir_all(&folder)?;
    let digest = push::digest(&blob);
    fs::write(folder.join(&digest), &blob)?;
    let registry = Nginx::start(&format!(
        "server {{ listen {{host}}; send_timeout 600s; location / {{ root {}; }} }}",
        state.path().display()
    ))?;
    let proxy = Proxy::without_limits(&[registry.host()], &["--plain-http", registry.host()])?;
    let target = Target {
        host: proxy.base().trim_start_matches("http://").to_owned(),
        path: format!(
            "/api/v1/blob?registry={}&repository={REPOSITORY}&digest={digest}",
            registry.host()
        ),
    };
    // What the first request alone needs is not a stream's.
    load::Connection::open(&target)?.get(Some(&(0..4096)))?;
    let idle = held(&proxy)?;
    let (full, warm, end, tally) = wait(async {
        let running = Clients::start(&target, &blob, clients);
        let tally = running.tally.clone();
        let begun = Instant::now();
        while tally.sips.load(Ordering::Relaxed) < SETTLED * clients {
            if begun.elapsed() > START_LIMIT {
                let why = tally.first_failure().unwrap_or_default();
                return Err(format!("the downloads do not get on: {why}").into());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let full = held(&proxy)?;
        tell("under way", full, &tally);
        let begun = Instant::now();
        let mut warm = None;
        while let Some(left) = length.checked_sub(begun.elapsed()) {
            tokio::time::sleep(SAMPLE.min(left)).await;
            let now = held(&proxy)?;
            if begun.elapsed() >= length / WARM_UP_SHARE {
                warm.get_or_insert(now);
            }
            tell(
                &format!("after {} s", begun.elapsed().as_secs()),
                now,
                &tally,
            );
        }
        let end = held(&proxy)?;
        running.end().await?;
        Ok::<_, Error>((full, warm.unwrap_or(full), end, tally))
    })?;
    let begun = Instant::now();
    let mut after = held(&proxy)?;
    while after.files > idle.files && begun.elapsed() < LET_GO_LIMIT {
        std::thread::sleep(Duration::from_secs(1));
        after = held(&proxy)?;
    }
    tell("when all had gone", after, &tally);
    let per_stream = full.memory.saturating_sub(idle.memory) / clients.max(1);
    let growth = end.memory.saturating_sub(warm.memory);
    let failed = tally.failed.load(Ordering::Relaxed);
    println!(
        "{clients} slow clients: {:.1} KiB a stream, {} KiB grown in the last {} s, {} files more at the end, {failed} errors",
        per_stream as f64 / 1024.0,
        growth >> 10,
        (length - length / WARM_UP_SHARE).as_secs(),
        after.files.saturating_sub(idle.files),
    );
    if let Some(why) = tally.first_failure() {
        return Err(format!("{failed} downloads failed, the first so: {why}").into());
    }
    if per_stream > MAX_PER_STREAM {
        return Err("a stream costs too much".into());
    }
    if growth > MAX_GROWTH {
        return Err("the proxy has grown".into());
    }
    if after.files > idle.files + MAX_NEW_FILES {
        return Err("the proxy keeps connections".into());
    }
    println!("slow soak: 1 passed, 0 failed");
    Ok(())
}

fn tell(when: &str, held: Held, tally: &layerscope_tests::bench::slow::Tally) {
    let count = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    println!(
        "{when}: {} KiB, {} files; {} downloads left, {} failed",
        held.memory >> 10,
        held.files,
        count(&tally.left),
        count(&tally.failed),
    );
    if let Some(why) = tally.first_failure() {
        println!("  the first failure: {why}");
    }
}
