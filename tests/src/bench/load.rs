//! A client that costs next to nothing beside the servers that it measures: plain sockets, one
//! request after another on each, bodies counted and dropped.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    ops::Range,
    time::{Duration, Instant},
};

/// Read from a socket at once, in bytes.
const PIECE: usize = 256 << 10;
/// Over this no answer's head is any longer, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// Something that can be asked for.
#[derive(Debug, Clone)]
pub struct Target {
    /// `127.0.0.1:PORT`.
    pub host: String,
    /// Path and query.
    pub path: String,
}

/// A connection that is kept between requests.
pub struct Connection {
    stream: TcpStream,
    target: Target,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn open(target: &Target) -> io::Result<Self> {
        let stream = TcpStream::connect(&target.host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            target: target.clone(),
            buffer: vec![0; PIECE],
        })
    }

    /// Asks for all of it or for a range; gives the body's length in bytes.
    ///
    /// # Errors
    /// The answer is no 200 or 206, has no length, or ends early.
    pub fn get(&mut self, range: Option<&Range<u64>>) -> io::Result<u64> {
        let Target { host, path } = &self.target;
        let range = range.map_or(String::new(), |range| {
            format!("range: bytes={}-{}\r\n", range.start, range.end - 1)
        });
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{range}\r\n");
        self.stream.write_all(head.as_bytes())?;
        let mut have = 0;
        let end = loop {
            let len = self.stream.read(&mut self.buffer[have..MAX_HEAD])?;
            have += len;
            let end = self.buffer[..have]
                .windows(4)
                .position(|w| w == b"\r\n\r\n");
            match end {
                Some(end) => break end,
                None if len == 0 || have == MAX_HEAD => return Err(strange("no whole head")),
                None => {}
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 20") {
            return Err(strange(&head));
        }
        let body: u64 = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .ok_or_else(|| strange("no length"))?;
        let mut left = body - (have - end - 4) as u64;
        while left > 0 {
            match self.stream.read(&mut self.buffer)? {
                0 => return Err(strange("the body ends early")),
                len => left -= len as u64,
            }
        }
        Ok(body)
    }
}

fn strange(what: &str) -> io::Error {
    io::Error::other(format!("an answer that cannot be measured: {what}"))
}

/// Downloads all of it once; bytes a second.
///
/// # Errors
/// As [`Connection::get`].
pub fn stream(target: &Target) -> io::Result<f64> {
    let mut connection = Connection::open(target)?;
    let start = Instant::now();
    let len = connection.get(None)?;
    Ok(len as f64 / start.elapsed().as_secs_f64())
}

/// What many ranges took.
pub struct Ranges {
    /// Requests a second.
    pub per_second: f64,
    /// How long each took.
    pub latencies: Vec<Duration>,
}

/// Asks for ranges of `len` bytes on so many connections at once, so many on each, at places that
/// differ.
///
/// # Errors
/// As [`Connection::get`].
pub fn ranges(
    target: &Target,
    connections: u64,
    each: u64,
    len: u64,
    size: u64,
) -> io::Result<Ranges> {
    let mut open = (0..connections)
        .map(|_| Connection::open(target))
        .collect::<io::Result<Vec<_>>>()?;
    // The first request also makes the connection upstream.
    open.iter_mut()
        .try_for_each(|one| one.get(Some(&(0..len))).map(drop))?;
    let start = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = open
            .into_iter()
            .zip(0..)
            .map(|(mut connection, which): (_, u64)| {
                scope.spawn(move || {
                    (0..each)
                        .map(|i| {
                            let at = (which * each + i) * 7919 * len % (size - len);
                            let start = Instant::now();
                            connection.get(Some(&(at..at + len)))?;
                            Ok(start.elapsed())
                        })
                        .collect::<io::Result<Vec<Duration>>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let one = thread.join();
            all.extend(one.map_err(|_| io::Error::other("a client panicked"))??);
        }
        io::Result::Ok(all)
    })?;
    Ok(Ranges {
        per_second: latencies.len() as f64 / start.elapsed().as_secs_f64(),
        latencies,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::Double;

    #[test]
    fn it_reads_what_was_asked_for() {
        let double = Double::start().unwrap();
        let digest = double.blob("a", vec![7; 1 << 20]);
        let target = |digest: &str| Target {
            host: double.host(),
            path: format!("/v2/a/blobs/{digest}"),
        };
        let mut connection = Connection::open(&target(&digest)).unwrap();
        assert_eq!(connection.get(None).unwrap(), 1 << 20);
        assert_eq!(connection.get(Some(&(5..105))).unwrap(), 100);
        let ranges = ranges(&target(&digest), 3, 4, 100, 1 << 20).unwrap();
        assert_eq!(ranges.latencies.len(), 12);
        assert!(stream(&target("none")).is_err());
        assert_eq!(double.log().all().len(), 2 + 3 + 12 + 1);
    }
}
