//! A build put aside, in its stored form. An input is what stands in a head before its list of parts
//! (without what comes before the digest), the parts, and bytes that come afterwards, each but the
//! last with its length before it (4 bytes, little-endian): checksums would hide what is behind them.

use layerscope_core::layer_index::{
    BuildOptions, IndexBuilder, PARTIAL_VERSION, PartialHead, PartialIndex,
};
use layerscope_inflate::GzipLimits;

use super::MAX_OUT;

/// Parts of an input at most.
const MAX_PARTS: usize = 4;

fn put(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A head's list of parts.
fn table(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, parts.len());
    for part in parts {
        put(&mut out, part.len());
        out.extend_from_slice(&crc32fast::hash(part).to_le_bytes());
    }
    out
}

/// The input that a stored build is.
#[allow(dead_code, reason = "the seeds are made with it")]
pub fn input(head: &[u8], parts: &[Vec<u8>], rest: &[u8]) -> Vec<u8> {
    let fields = &head[5..head.len() - 4 - table(parts).len()];
    let pieces = [&[fields.to_vec()], parts].concat();
    let mut out = vec![parts.len() as u8];
    for piece in pieces {
        out.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        out.extend_from_slice(&piece);
    }
    out.extend_from_slice(rest);
    out
}

fn piece<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = data.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    let (piece, rest) = rest.split_at_checked(len)?;
    *data = rest;
    Some(piece)
}

/// A head, its parts, and the bytes that come afterwards.
type Parsed<'a> = (Vec<u8>, Vec<Vec<u8>>, &'a [u8]);

fn parsed(mut data: &[u8]) -> Option<Parsed<'_>> {
    let count = usize::from(*data.split_off_first()?) % (MAX_PARTS + 1);
    let mut head = b"LSIP".to_vec();
    head.push(PARTIAL_VERSION);
    head.extend_from_slice(piece(&mut data)?);
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(piece(&mut data)?.to_vec());
    }
    head.extend(table(&parts));
    let checksum = crc32fast::hash(&head);
    head.extend_from_slice(&checksum.to_le_bytes());
    Some((head, parts, data))
}

fn options() -> BuildOptions {
    let mut options = BuildOptions::default();
    options.gzip.limits = GzipLimits {
        max_out: MAX_OUT,
        ..GzipLimits::default()
    };
    options
}

/// No bytes make reading it panic; one that is accepted goes on with any bytes without panic, can be
/// put aside again, and what then goes on stands at the same place.
pub fn partial(data: &[u8]) {
    let _ = PartialHead::read(data);
    let Some((head, parts, rest)) = parsed(data) else {
        return;
    };
    let Ok(head) = PartialHead::read(&head) else {
        return;
    };
    let Ok(mut resumed) = head.resume(options(), &parts) else {
        return;
    };
    assert!(resumed.line > 0 && resumed.builder.in_len() == resumed.line);
    let entries = resumed.builder.toc().len();
    plan_all(&resumed.builder);
    let left = resumed.builder.push_to_stop(rest);
    if let Ok(Some(left)) = left {
        let aside = resumed.partial.put_aside(&resumed.builder);
        if let Some(aside) = aside {
            let states = vec![7; aside.states.len() * 32];
            let stored = resumed
                .partial
                .complete(aside, &states)
                .expect("all states");
            let mut parts = parts;
            parts.push(stored.part);
            let again = PartialHead::read(&stored.head).expect("our own");
            let again = again.resume(options(), &parts).expect("our own");
            assert!(again.line >= resumed.line);
            assert_eq!(again.builder.toc().len(), resumed.builder.toc().len());
        }
        let _ = resumed.builder.push(left);
    }
    plan_all(&resumed.builder);
    let built = resumed.builder.finish();
    assert!(built.toc.len() >= entries);
}

fn plan_all(builder: &IndexBuilder) {
    for ordinal in 0..builder.toc().len().min(64) {
        let _ = builder.plan_read(ordinal, 0..u64::MAX);
    }
}

/// A blob's build, put aside in parts: the last head, the parts, and what of the blob follows.
#[allow(dead_code, reason = "the seeds are made with it")]
pub fn put_aside(blob: &[u8], digest: layerscope_core::digest::Digest) -> Option<Vec<u8>> {
    let mut builder = IndexBuilder::new(options());
    let mut partial = PartialIndex::new(digest);
    let (mut parts, mut head) = (Vec::new(), Vec::new());
    for (n, mut chunk) in blob.chunks(blob.len() / 3 + 1).enumerate() {
        while n > 0 && parts.len() < n {
            let Some(left) = builder.push_to_stop(chunk).ok()? else {
                chunk = &[];
                break;
            };
            chunk = left;
            if let Some(aside) = partial.put_aside(&builder) {
                let states = vec![n as u8; aside.states.len() * 32];
                let stored = partial.complete(aside, &states)?;
                parts.push(stored.part);
                head = stored.head;
                if n == 2 {
                    return Some(input(&head, &parts, chunk));
                }
            }
        }
        builder.push(chunk).ok()?;
    }
    (!head.is_empty()).then(|| input(&head, &parts, &[]))
}
