//! Many slow downloads for minutes: each goes on, has the right bytes, and costs no more as time
//! passes.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

use super::{
    load::Target,
    many::{CLIENT_BUFFER, REST, SIP},
};
use crate::corpus::edge::Noise;

/// Sips after which a download is left, at most: some four minutes.
const MAX_SIPS: u64 = 960;
/// Most bytes of a head.
const MAX_HEAD: usize = 8 << 10;
/// How long a client waits for its next bytes: those who are slow themselves are not to be starved.
const STALL: Duration = Duration::from_secs(60);

/// What became of the downloads.
#[derive(Default)]
pub struct Tally {
    /// Sips taken, over all.
    pub sips: AtomicU64,
    /// Downloads whose clients had enough, every byte right.
    pub left: AtomicU64,
    /// Downloads that failed.
    pub failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl Tally {
    /// The first failure, in words.
    ///
    /// # Panics
    /// Never: nothing panics while it is held.
    pub fn first_failure(&self) -> Option<String> {
        self.first_failure.lock().expect("nobody panics").clone()
    }

    fn fail(&self, error: &io::Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first_failure.lock().expect("nobody panics");
        first.get_or_insert_with(|| error.to_string());
    }
}

/// Clients in no hurry; they end when they are told to.
pub struct Clients {
    all: JoinSet<()>,
    stop: Arc<AtomicBool>,
    /// What became of their downloads so far.
    pub tally: Arc<Tally>,
}

impl Clients {
    /// So many of them, each with one download of `blob` after the other. To be called on the runtime.
    pub fn start(target: &Target, blob: &Arc<[u8]>, clients: u64) -> Self {
        let (stop, tally) = (Arc::<AtomicBool>::default(), Arc::<Tally>::default());
        let mut all = JoinSet::new();
        for seed in 0..clients {
            let (target, blob) = (target.clone(), blob.clone());
            let (stop, tally) = (stop.clone(), tally.clone());
            all.spawn(async move { client(&target, &blob, &stop, &tally, seed).await });
        }
        Clients { all, stop, tally }
    }

    /// Tells them to go, and waits until they have.
    ///
    /// # Errors
    /// One has panicked.
    pub async fn end(mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.all.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        Ok(())
    }
}

async fn client(target: &Target, blob: &[u8], stop: &AtomicBool, tally: &Tally, seed: u64) {
    // Far from the next client's: the first numbers of near seeds are near.
    let mut chance = Noise((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    while !stop.load(Ordering::Relaxed) {
        // Not all at their beginnings and ends at the same time.
        let sips = 1 + chance.next_u64() % MAX_SIPS;
        match download(target, blob, sips, stop, tally).await {
            Ok(()) => tally.left.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                tally.fail(&error);
                tokio::time::sleep(REST).await;
                0
            }
        };
    }
}

/// Takes so many sips of the blob, slowly, and leaves.
async fn download(
    target: &Target,
    blob: &[u8],
    sips: u64,
    stop: &AtomicBool,
    tally: &Tally,
) -> io::Result<()> {
    let address: SocketAddr = target.host.parse().map_err(io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(CLIENT_BUFFER)?;
    let mut stream = socket.connect(address).await?;
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        target.path, target.host
    );
    stream.write_all(head.as_bytes()).await?;
    let mut at = 0;
    let mut piece = after_head(&mut stream).await?;
    for _ in 0..sips {
        if blob.get(at..at + piece.len()) != Some(piece.as_slice()) {
            return Err(io::Error::other(format!("wrong bytes after {at}")));
        }
        at += piece.len();
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tally.sips.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(REST).await;
        piece = sip(&mut stream).await?;
        if piece.is_empty() {
            let cut = format!("it ended after {at} of {} bytes", blob.len());
            return Err(io::Error::other(cut));
        }
    }
    Ok(())
}

async fn sip(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; SIP];
    let read = tokio::time::timeout(STALL, stream.read(&mut piece)).await;
    let read = read.map_err(|_| io::Error::other("no byte came for a minute"))??;
    piece.truncate(read);
    Ok(piece)
}

/// Reads the head of a good answer; gives what came behind it.
async fn after_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let piece = sip(stream).await?;
        head.extend_from_slice(&piece);
        let end = head.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let body = head.split_off(end + 4);
            return match head.starts_with(b"HTTP/1.1 200 ") {
                true => Ok(body),
                false => Err(io::Error::other(format!(
                    "refused: {}",
                    String::from_utf8_lossy(&head)
                ))),
            };
        }
        if piece.is_empty() || head.len() > MAX_HEAD {
            return Err(io::Error::other("no answer"));
        }
    }
}
