//! Gzip in the shapes that real layers have, and in those that they should not have.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, GzBuilder};

/// One member at a level (0 stores, 9 is best), with no name and no time in its header.
pub fn member(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(level));
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing into memory does not fail")
}

/// A member of at most `piece` bytes each, one after the other, as pigz and bgzip write.
pub fn members(bytes: &[u8], piece: usize) -> Vec<u8> {
    bytes
        .chunks(piece)
        .flat_map(|piece| member(piece, 6))
        .collect()
}

/// The first `share` (0 to 1) of it: an upload that was cut off.
pub fn truncated(gz: &[u8], share: f64) -> Vec<u8> {
    gz[..(gz.len() as f64 * share) as usize].to_vec()
}

/// With 64 bytes in the middle turned over.
pub fn corrupt(gz: &[u8]) -> Vec<u8> {
    let mut bytes = gz.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle..]
        .iter_mut()
        .take(64)
        .for_each(|byte| *byte ^= 0xff);
    bytes
}

/// One member that inflates to `head`, `count` times `piece`, and `tail`: gigabytes are cheap to
/// make because a piece after a full flush does not depend on what was before it, so it is
/// deflated once.
pub fn repeated(head: &[u8], piece: &[u8], count: usize, tail: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let head_deflated = compress(&mut deflate, head, FlushCompress::Full);
    let piece_deflated = compress(&mut deflate, piece, FlushCompress::Full);
    let end = compress(&mut deflate, tail, FlushCompress::Finish);

    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    let mut piece_crc = crc32fast::Hasher::new();
    piece_crc.update(piece);

    // Magic, deflate, no flags, no time, no extra flags, unknown system (RFC 1952 section 2.3).
    let mut gz = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gz.extend(head_deflated);
    for _ in 0..count {
        gz.extend(&piece_deflated);
        crc.combine(&piece_crc);
    }
    crc.update(tail);
    gz.extend(end);
    let out_len = head.len() + count * piece.len() + tail.len();
    gz.extend(crc.finalize().to_le_bytes());
    gz.extend((out_len as u32).to_le_bytes()); // modulo 2^32, as the RFC says
    gz
}

fn compress(deflate: &mut Compress, mut input: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let (in_before, out_before) = (deflate.total_in(), deflate.total_out());
        let status = deflate
            .compress(input, &mut buffer, flush)
            .expect("deflating from memory does not fail");
        input = &input[(deflate.total_in() - in_before) as usize..];
        let written = (deflate.total_out() - out_before) as usize;
        out.extend(&buffer[..written]);
        if status == flate2::Status::StreamEnd || (input.is_empty() && written < buffer.len()) {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::{GzDecoder, MultiGzDecoder};
    use std::io::Read;

    #[test]
    fn repetition_is_a_valid_member() {
        let piece = vec![7u8; 1 << 20];
        let mut back = Vec::new();
        GzDecoder::new(&*repeated(b"head", &piece, 3, b"tail"))
            .read_to_end(&mut back)
            .unwrap();
        let expect = [b"head".to_vec(), piece.repeat(3), b"tail".to_vec()].concat();
        assert!(back == expect);
    }

    #[test]
    fn members_are_one_stream() {
        let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let mut back = Vec::new();
        MultiGzDecoder::new(&*members(&data, 30_000))
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == data);
    }

    #[test]
    fn damage_is_damage() {
        let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let gz = member(&data, 6);
        for bad in [truncated(&gz, 0.5), corrupt(&gz)] {
            assert!(GzDecoder::new(&*bad).read_to_end(&mut Vec::new()).is_err());
        }
    }
}
