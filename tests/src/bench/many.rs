//! Many slow downloads at once, and what one of them costs the proxy.

use std::{
    fs, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    task::JoinSet,
};

use super::load::Target;
use crate::net::wait;

/// Bytes that a client takes at once.
pub const SIP: usize = 1 << 10;
/// Its rest between two of them.
pub const REST: Duration = Duration::from_millis(250);
/// The socket's buffer: the kernel shall not take the download in the client's place.
pub const CLIENT_BUFFER: u32 = 16 << 10;
/// Sips after which every buffer on the way has filled.
pub const SETTLED: u64 = 40;
/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(300);

/// The resident bytes of a process.
///
/// # Errors
/// It is gone, or this is no Linux.
pub fn resident(id: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes
        .map(|kilobytes| kilobytes << 10)
        .ok_or_else(|| io::Error::other("no VmRSS"))
}

async fn sip(target: Target, sips: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> io::Result<()> {
    let address: SocketAddr = target.host.parse().map_err(io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(CLIENT_BUFFER)?;
    let mut stream = socket.connect(address).await?;
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\n\r\n",
        target.path, target.host
    );
    stream.write_all(head.as_bytes()).await?;
    let mut piece = [0; SIP];
    stream.read_exact(&mut piece).await?;
    if !piece.starts_with(b"HTTP/1.1 200") {
        let text = String::from_utf8_lossy(&piece).into_owned();
        return Err(io::Error::other(format!("a download was refused: {text}")));
    }
    while !stop.load(Ordering::Relaxed) {
        stream.read_exact(&mut piece).await?;
        sips.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(REST).await;
    }
    Ok(())
}

/// Starts so many downloads that are in no hurry; gives the bytes that the process `id` has grown
/// by for each, when all of them are under way and every buffer is full.
///
/// # Errors
/// One of them is refused, or breaks.
pub fn bytes_per_download(target: &Target, id: u32, downloads: u64) -> io::Result<f64> {
    let (sips, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    wait(async {
        let before = resident(id)?;
        let mut all = JoinSet::new();
        for _ in 0..downloads {
            all.spawn(sip(target.clone(), sips.clone(), stop.clone()));
        }
        let end = Instant::now() + LIMIT;
        while sips.load(Ordering::Relaxed) < SETTLED * downloads {
            // One that has ended now has failed.
            if let Some(ended) = all.try_join_next() {
                ended.map_err(io::Error::other)??;
            }
            if Instant::now() > end {
                return Err(io::Error::other("the downloads do not get on"));
            }
            tokio::time::sleep(REST).await;
        }
        let grown = resident(id)?.saturating_sub(before);
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = all.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(grown as f64 / downloads as f64)
    })
}
