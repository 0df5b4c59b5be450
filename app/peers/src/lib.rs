//! Inflaters of other people, for `cargo xtask bench` alone: natively and in a browser they inflate
//! the same bytes, in the same pieces, as ours. They only inflate: no checkpoint, no check, no tar.

use fdeflate::Decompressor;
use zlib_rs::{Inflate, InflateFlush, Status};

/// How far back deflate refers (RFC 1951).
const WINDOW: usize = 32 * 1024;
/// Uncompressed bytes given at once, as our engine's buffer has them.
const OUT: usize = 128 * 1024;
/// CRC-32 and length behind each gzip member.
const TRAILER: usize = 8;

/// Inflates a gzip blob that is given in chunks of so many bytes, and tells how many came out.
pub type Run = fn(&[u8], usize) -> Result<u64, String>;

/// Each by its name.
pub const ENGINES: [(&str, Run); 2] = [("zlib_rs", zlib_rs), ("fdeflate", fdeflate)];

/// zlib-rs, member by member, without its CRC.
fn zlib_rs(blob: &[u8], chunk: usize) -> Result<u64, String> {
    let mut out = vec![0; OUT];
    let (mut rest, mut total) = (blob, 0);
    while rest.starts_with(&[0x1f, 0x8b]) {
        rest = rest.get(header_len(rest)?..).ok_or("it ends in a header")?;
        let mut engine = Inflate::new(false, 15);
        loop {
            let piece = &rest[..rest.len().min(chunk)];
            let (before_in, before_out) = (engine.total_in(), engine.total_out());
            let status = engine
                .decompress(piece, &mut out, InflateFlush::NoFlush)
                .map_err(|e| e.as_str().to_owned())?;
            let taken = engine.total_in() - before_in;
            rest = &rest[taken as usize..]; // of `piece`
            match status {
                Status::StreamEnd => break,
                _ if taken == 0 && engine.total_out() == before_out => {
                    return Err("it ends in the middle of a member".to_owned());
                }
                Status::Ok | Status::BufError => {}
            }
        }
        total += engine.total_out();
        rest = rest.get(TRAILER..).ok_or("it ends in a trailer")?;
    }
    Ok(total)
}

/// fdeflate, which reads zlib's format: gets a zlib header, and takes the CRC for a checksum that
/// it was told to ignore. It does not tell where a member ends, so there must be one alone.
fn fdeflate(blob: &[u8], chunk: usize) -> Result<u64, String> {
    let mut out = vec![0; WINDOW + OUT];
    let (mut at, mut total) = (0, 0);
    let mut engine = Decompressor::new();
    engine.ignore_adler32();
    let error = |e| format!("{e:?}");
    engine
        .read(&[0x78, 0x01], &mut out, 0, false)
        .map_err(error)?;
    let mut rest = blob
        .get(header_len(blob)?..)
        .ok_or("it ends in its header")?;
    while !engine.is_done() {
        let piece = &rest[..rest.len().min(chunk)];
        let (taken, given) = engine.read(piece, &mut out, at, false).map_err(error)?;
        if taken == 0 && given == 0 {
            return Err("it ends in the middle of a member".to_owned());
        }
        rest = &rest[taken..];
        total += given as u64;
        at += given;
        if at == out.len() {
            out.copy_within(at - WINDOW.., 0);
            at = WINDOW;
        }
    }
    if rest.len() > TRAILER {
        return Err("it has more than one member".to_owned());
    }
    Ok(total)
}

/// The length of a gzip header (RFC 1952, section 2.3).
fn header_len(blob: &[u8]) -> Result<usize, &'static str> {
    const CUT: &str = "it ends in a header";
    let flags = *blob.get(3).ok_or(CUT)?;
    let mut at = 10;
    if flags & 4 != 0 {
        let len = blob.get(at..at + 2).ok_or(CUT)?;
        at += 2 + usize::from(u16::from_le_bytes([len[0], len[1]]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let text = blob.get(at..).ok_or(CUT)?;
            at += 1 + text.iter().position(|byte| *byte == 0).ok_or(CUT)?;
        }
    }
    Ok(at + if flags & 2 != 0 { 2 } else { 0 })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn each_gives_as_many_bytes_as_went_in() {
        let plain: Vec<u8> = (0..900_000u32)
            .flat_map(|n| (n / 3).wrapping_mul(n).to_le_bytes())
            .collect();
        for level in [0, 1, 9] {
            let header = flate2::GzBuilder::new()
                .filename("a name")
                .extra(vec![1; 9]);
            let mut encoder = header.write(Vec::new(), flate2::Compression::new(level));
            encoder.write_all(&plain).expect("memory");
            let blob = encoder.finish().expect("memory");
            for (name, run) in ENGINES {
                for chunk in [7_001, 64 << 10, usize::MAX] {
                    let len = run(&blob, chunk);
                    assert_eq!(len, Ok(plain.len() as u64), "{name}, level {level}");
                }
                let half = run(&blob[..blob.len() / 2], 64 << 10);
                assert!(half.is_err(), "{name}: {half:?}");
            }
        }
    }
}
