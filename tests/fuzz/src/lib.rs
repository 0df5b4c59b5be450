//! What the fuzz targets check, as plain functions: libFuzzer calls them with anything, and a test
//! calls them with the committed seeds. Each panics when something is wrong.

pub mod partial;
pub mod viewer;

use std::io::Read;

use layerscope_core::{
    archive::ArchiveBuilder,
    decode::{DecodeError, DecodeLimits, FrameIndex, FramePoint, FrameReader, decoder},
    foreign::{self, Claim, Footer, Frame},
    job::Verified,
    layer_index::{
        BuildOptions, Compression, EntryReader, IndexBuilder, LayerIndex, Progress, STORED_VERSION,
    },
    port::Headers,
    reference::{Reference, typed::Typed},
    registry::{challenge, link},
    route::Route,
    tar::{Limits, TarEvent, TarParser},
    toc::Entry,
    ztoc::{Ztoc, ZtocBuilder},
};
use layerscope_inflate::{
    Checkpoint, DefaultEngine, Engine, GzipError, GzipIndex, GzipIndexBuilder, GzipLimits,
    GzipOptions, GzipReader, MinizEngine, Trade,
};
use layerscope_proxy::{
    link::query_from_cursor,
    params::Params,
    policy::{Policy, host_from_url},
    target,
};

/// Uncompressed bytes that one input may give; keeps an input in milliseconds.
const MAX_OUT: u64 = 4 << 20;

/// The chunk sizes that the first byte of an input chooses from; 0 is everything at once.
const CHUNKS: [usize; 8] = [0, 1, 2, 3, 7, 64, 511, 4096];

/// Takes the chunk size off an input.
fn chunked(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (CHUNKS[usize::from(*first) % CHUNKS.len()], rest),
        None => (0, data),
    }
}

fn chunks(data: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    data.chunks(if size == 0 { data.len().max(1) } else { size })
}

fn decoded(
    compression: Compression,
    data: &[u8],
    chunk: usize,
) -> (Vec<u8>, FrameIndex, Option<DecodeError>) {
    let limits = DecodeLimits {
        max_out: MAX_OUT,
        max_window: MAX_OUT,
        max_dictionary: MAX_OUT as usize,
        ..DecodeLimits::default()
    };
    let mut decoder =
        decoder(compression, FramePoint::default(), limits).expect("one that has a decoder");
    let mut out = Vec::new();
    let mut error = None;
    for piece in chunks(data, chunk) {
        let pushed = decoder.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        if let Err(found) = pushed {
            error = Some(found);
            break;
        }
    }
    let error = error.or_else(|| decoder.finish().err());
    (out, decoder.so_far().clone(), error)
}

/// Archives that are held: every way of cutting the file gives the same entries, no more is held
/// than allowed, and every member is given as far as its size says, or refused.
pub fn archive(data: &[u8]) {
    let (chunk, data) = chunked(data);
    let open = |chunk| {
        let mut builder = ArchiveBuilder::new(MAX_OUT, decoder);
        let pushed = chunks(data, chunk).try_for_each(|piece| builder.push(piece));
        pushed.and_then(|()| builder.finish(b"file"))
    };
    let (whole, cut) = (open(0), open(chunk));
    assert_eq!(whole.is_ok(), cut.is_ok());
    let (Ok(archive), Ok(cut)) = (whole, cut) else {
        return;
    };
    assert_eq!(archive.kind(), cut.kind());
    assert_eq!(archive.toc().len(), cut.toc().len());
    assert!(archive.len() <= MAX_OUT);
    for ordinal in 0..archive.toc().len().min(64) {
        assert_eq!(archive.toc().get(ordinal), cut.toc().get(ordinal));
        let size = archive.toc().size(ordinal).min(MAX_OUT);
        let Ok((plan, mut from)) = archive.open(ordinal, 0..size) else {
            continue;
        };
        let wanted = plan.range.end;
        let mut reader = EntryReader::of_kept(plan, Verified::None);
        let mut given = 0;
        let mut failed = false;
        while !failed {
            match from.next() {
                Ok(Some(piece)) => {
                    let pushed = reader.push(&piece, &mut |bytes| given += bytes.len() as u64);
                    failed = pushed.is_err();
                }
                Ok(None) => break,
                Err(_) => failed = true,
            }
        }
        let finished = reader.finish(&mut |bytes| given += bytes.len() as u64);
        assert!(given <= wanted);
        assert!(failed || finished.is_err() || given == wanted);
    }
}

/// zstd, xz and bzip2: every way of cutting the input comes to the same end, with the same bytes
/// before it; the frames found can be stored, and any range is read from them.
pub fn decode(data: &[u8]) {
    let (chunk, data) = chunked(data);
    let compression = Compression::detect(data);
    if !compression.needs_decoder() {
        return;
    }
    let (out, index, error) = decoded(compression, data, 0);
    let (out_cut, index_cut, error_cut) = decoded(compression, data, chunk);
    assert_eq!(
        error.is_some(),
        error_cut.is_some(),
        "{error:?} and {error_cut:?}"
    );
    let len = out.len().min(out_cut.len());
    assert!(out[..len] == out_cut[..len], "cut otherwise, other bytes");
    if error.is_some() {
        return;
    }
    assert_eq!(out.len(), out_cut.len());
    assert_eq!(index, index_cut);
    assert_eq!(FrameIndex::from_bytes(&index.to_bytes()), Ok(index.clone()));
    let len = out.len() as u64;
    for (start, end) in [
        (0, len),
        (len / 2, len / 2 + 1),
        (len.saturating_sub(9), len),
    ] {
        let range = start..end.min(len);
        let Some(plan) = index.plan(range.clone()).filter(|_| !range.is_empty()) else {
            continue;
        };
        let mut reader = FrameReader::new(compression, &plan, decoder).expect("as before");
        let bytes = &data[plan.in_range.start as usize..plan.in_range.end as usize];
        let mut read = Vec::new();
        for piece in chunks(bytes, chunk) {
            reader
                .push(piece, &mut |_, _| {}, &mut |b| read.extend_from_slice(b))
                .expect("what was decoded once");
        }
        assert!(read == out[range.start as usize..range.end as usize]);
    }
}

fn gunzip<E: Engine>(data: &[u8], chunk: usize) -> (Vec<u8>, GzipIndex, Option<GzipError>) {
    let limits = GzipLimits {
        max_out: MAX_OUT,
        ..GzipLimits::default()
    };
    let options = GzipOptions {
        trade: Trade::ALL,
        check_crc: true,
        limits,
    };
    let mut builder = GzipIndexBuilder::<E>::new(options);
    let mut out = Vec::new();
    for piece in chunks(data, chunk) {
        if builder
            .push(piece, &mut |bytes| out.extend_from_slice(bytes))
            .is_err()
        {
            break;
        }
    }
    let (index, error) = builder.finish();
    (out, index, error)
}

fn places(index: &GzipIndex) -> Vec<(u64, u64)> {
    let place = |c: &Checkpoint| (c.in_bit_offset, c.out_offset);
    index.checkpoints.iter().map(place).collect()
}

/// Gzip: every way of cutting the input gives the same bytes, the same index and the same end;
/// both engines agree on it; what flate2 reads whole is read the same; any range read by the index
/// is those bytes.
pub fn gzip(data: &[u8]) {
    let (chunk, data) = chunked(data);
    let (out, index, error) = gunzip::<DefaultEngine>(data, 0);
    let (out_miniz, index_miniz, error_miniz) = gunzip::<MinizEngine>(data, chunk);
    assert_eq!(
        error.is_some(),
        error_miniz.is_some(),
        "{error:?}, but miniz {error_miniz:?}"
    );
    if error.is_none() {
        assert!(out == out_miniz, "miniz reads other bytes");
        // What of a window is needed only ours can tell.
        assert_eq!(places(&index), places(&index_miniz));
    }
    let (out_cut, index_cut, error_cut) = gunzip::<DefaultEngine>(data, chunk);
    assert_eq!(
        error.is_some(),
        error_cut.is_some(),
        "{error:?} and {error_cut:?}"
    );
    if error.is_none() {
        assert!(out == out_cut, "cut otherwise, other bytes");
        assert_eq!(index.to_bytes(), index_cut.to_bytes());
    }
    assert_eq!(index.validate(), Ok(()));
    assert_eq!(GzipIndex::from_bytes(&index.to_bytes()), Ok(index.clone()));

    // What one reader calls the end another may call damage (trailing bytes, header checksums,
    // reserved flags), so only agreement on whole streams is asked for.
    if error.is_none() && index.trailing == 0 {
        let mut theirs = Vec::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(data).take(MAX_OUT + 1);
        if decoder.read_to_end(&mut theirs).is_ok() {
            assert!(theirs == out, "flate2 reads other bytes");
        }
    }

    let len = out.len() as u64;
    for (start, end) in [
        (0, len),
        (len / 3, len / 3 + 1),
        (len / 2, len),
        (len.saturating_sub(9), len),
    ] {
        let range = start..end.min(len);
        if range.is_empty() {
            continue;
        }
        let Some(plan) = index.plan(range.clone()) else {
            // Only a stream that broke off may have bytes that no index reaches.
            assert!(error.is_some(), "no plan for {range:?} of {len}");
            continue;
        };
        let mut reader =
            GzipReader::<DefaultEngine>::new(&index.checkpoints[plan.checkpoint], &plan)
                .expect("an index just made can be read by");
        let mut read = Vec::new();
        let (first, last) = (plan.in_range.start as usize, plan.in_range.end as usize);
        for piece in chunks(&data[first..last.min(data.len())], chunk) {
            if reader
                .push(piece, &mut |bytes| read.extend_from_slice(bytes))
                .is_err()
            {
                break;
            }
        }
        let expect = &out[range.start as usize..range.end as usize];
        assert!(
            read == expect || error.is_some(),
            "another range than {range:?}"
        );
    }
}

/// What an archive says, with its data joined.
type Listing = (Vec<(Entry, Vec<u8>)>, bool);

fn untar(data: &[u8], chunk: usize) -> Listing {
    let mut parser = TarParser::new(Limits::default());
    let mut entries: Vec<(Entry, Vec<u8>)> = Vec::new();
    let mut good = true;
    for piece in chunks(data, chunk) {
        let pushed = parser.push(piece, &mut |event| match event {
            TarEvent::Entry(entry) => entries.push((*entry, Vec::new())),
            TarEvent::Data(bytes) => {
                let (_, data) = entries.last_mut().expect("data comes after its entry");
                data.extend_from_slice(bytes);
            }
            TarEvent::EndOfArchive => {}
        });
        if pushed.is_err() {
            good = false;
            break;
        }
    }
    let good = parser.finish().is_ok() && good;
    (entries, good)
}

/// Tar: every way of cutting the input gives the same entries and the same end; entries lie in the
/// archive, one after the other; the data told is the data that is there.
pub fn tar(data: &[u8]) {
    let (chunk, data) = chunked(data);
    let (entries, good) = untar(data, 0);
    let (cut, cut_good) = untar(data, chunk);
    assert_eq!(good, cut_good);
    assert!(entries == cut, "cut otherwise, other entries");
    let mut end = 0;
    for (entry, bytes) in &entries {
        let (header, at) = (entry.header_out_offset, entry.data_out_offset);
        let (header, at) = header.zip(at).expect("a parser knows where it is");
        assert!(header >= end, "entries overlap");
        assert!(at >= header);
        let start = at as usize;
        assert!(bytes.len() as u64 <= entry.stored_len);
        assert_eq!(
            bytes.as_slice(),
            &data[start.min(data.len())..][..bytes.len()]
        );
        end = at;
    }
}

/// A stored index: no bytes make reading it panic, and one that is accepted holds together, so
/// that it is written again as it was and every entry can be planned or is refused.
pub fn stored_index(data: &[u8]) {
    let _ = LayerIndex::from_bytes(data);
    let _ = GzipIndex::from_bytes(data).map(|index| index.validate());
    // The checksum would hide everything behind it.
    let mut bytes = b"LSIX".to_vec();
    bytes.push(STORED_VERSION);
    bytes.extend_from_slice(
        data.get(5..data.len().saturating_sub(4))
            .unwrap_or_default(),
    );
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    let Ok(index) = LayerIndex::from_bytes(&bytes) else {
        return;
    };
    let stored = index.to_bytes().expect("what was stored can be stored");
    let again = LayerIndex::from_bytes(&stored).expect("what was accepted is written right");
    assert_eq!(again.to_bytes(), index.to_bytes());
    for ordinal in 0..index.toc().len().min(64) {
        for range in [0..1, 0..u64::MAX, u64::MAX - 1..u64::MAX] {
            if let Ok(plan) = index.plan_read(ordinal, range) {
                assert!(plan.in_range.end <= index.blob_len(), "{plan:?}");
                assert!(plan.in_range.start <= plan.in_range.end);
                let _ = index.reader(plan);
            }
        }
    }
}

/// Ztocs: one that is accepted plans reads inside its blob. And the input as a layer: the ztoc made
/// of it is accepted, has the same entries, and does not depend on how the layer was cut.
pub fn ztoc(data: &[u8]) {
    if let Ok(ztoc) = Ztoc::parse(data, None) {
        let index = LayerIndex::from_ztoc(sha256(data), ztoc);
        for ordinal in 0..index.toc().len().min(64) {
            for range in [0..1, 0..u64::MAX, u64::MAX - 1..u64::MAX] {
                if let Ok(plan) = index.plan_read(ordinal, range) {
                    assert!(plan.in_range.end <= index.blob_len(), "{plan:?}");
                    assert!(plan.in_range.start <= plan.in_range.end);
                    let Ok(mut reader) = index.reader(plan) else {
                        continue;
                    };
                    let _ = reader.push(data, &mut |_| panic!("no digest is that of noise"));
                }
            }
        }
    }
    let (chunk, layer) = chunked(data);
    let made = made_ztoc(layer, 0);
    assert_eq!(made_ztoc(layer, chunk), made);
    let Some(made) = made else { return };
    let ztoc = Ztoc::parse(&made, Some(layer.len() as u64)).expect("what is written is accepted");
    let mut builder = IndexBuilder::new(BuildOptions::default());
    builder.push(layer).expect("gzip or none");
    let built = builder.finish();
    assert_eq!(ztoc.toc.len(), built.toc.len());
    for ordinal in 0..built.toc.len() {
        let (ours, theirs) = (ztoc.toc.get(ordinal), built.toc.get(ordinal));
        let told = |e: Option<Entry>| e.map(|e| (e.path, e.size, e.data_out_offset, e.kind));
        assert_eq!(told(ours), told(theirs));
    }
}

/// Publishers' tables of contents. The input is a blob's tail, a line of an annotation, and a
/// table's JSON with the blob behind a NUL: plans stay inside the blob, and reading gives as many
/// bytes as were planned, however the blob is cut.
pub fn foreign(data: &[u8]) {
    let _ = Footer::read(data, data.len() as u64);
    if let Some((key, value)) = std::str::from_utf8(data)
        .ok()
        .and_then(|t| t.split_once('='))
    {
        let pair = [(key.to_owned(), value.to_owned())];
        let _ = Claim::from_annotations(&pair, 1 << 30);
    }
    let (chunk, data) = chunked(data);
    let (frame, data) = match data.split_first() {
        Some((b'z', rest)) => (Frame::Zstd, rest),
        _ => (Frame::Gzip, data),
    };
    let end = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (json, blob) = data.split_at(end);
    let blob = blob.get(1..).unwrap_or_default();
    let (digest, len) = (sha256(blob), blob.len() as u64);
    let _ = foreign::from_estargz(blob, 0, None, &digest, len);
    let Ok(index) = foreign::from_json(json, frame, len, true, &digest, len) else {
        return;
    };
    for ordinal in 0..index.toc().len().min(16) {
        let size = index.toc().size(ordinal);
        for range in [0..size, size / 3..size / 3 + 100] {
            let whole = read_chunks(&index, blob, ordinal, range.clone(), 0);
            let cut = read_chunks(&index, blob, ordinal, range, chunk);
            assert_eq!(whole, cut, "cut otherwise, read otherwise");
        }
    }
}

/// What is read of a file in pieces; none if that fails or is more than a fuzzer has time for.
fn read_chunks(
    index: &LayerIndex,
    blob: &[u8],
    ordinal: u32,
    range: std::ops::Range<u64>,
    chunk: usize,
) -> Option<Vec<u8>> {
    let plan = index.plan_read(ordinal, range).ok()?;
    let given = plan.range.clone();
    if given.end - given.start > MAX_OUT {
        return None;
    }
    let input = blob.get(plan.in_range.start as usize..plan.in_range.end as usize);
    let input = input.expect("a plan is inside the blob");
    let mut reader = index.reader(plan).ok()?;
    let mut out = Vec::new();
    for piece in chunks(input, chunk) {
        let pushed = reader.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        if pushed.ok()? == Progress::Done {
            break;
        }
    }
    reader
        .finish(&mut |bytes| out.extend_from_slice(bytes))
        .ok()?;
    assert_eq!(out.len() as u64, given.end - given.start);
    Some(out)
}

fn sha256(bytes: &[u8]) -> layerscope_core::digest::Digest {
    let algorithm = layerscope_core::digest::Algorithm::Sha256;
    layerscope_core::digest::Digest::of(algorithm, bytes)
}

fn made_ztoc(layer: &[u8], chunk: usize) -> Option<Vec<u8>> {
    let algorithm = layerscope_core::digest::Algorithm::Sha256;
    let mut builder = ZtocBuilder::with(algorithm, 4096, "fuzz");
    for piece in chunks(layer, chunk) {
        builder.push(piece).ok()?;
    }
    Some(builder.finish(&sha256(layer)).ok()?.bytes)
}

/// References and routes: what is accepted is written in one form, and reading that form again
/// gives the same.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = Reference::parse(text) {
        let again = Reference::parse(&reference.to_string());
        assert_eq!(again.as_ref(), Ok(&reference), "the long form of {text:?}");
        let again = Reference::parse(&reference.familiar());
        assert_eq!(again.as_ref(), Ok(&reference), "the short form of {text:?}");
    }
    let _ = Typed::parse(text);
    let route = Route::parse(text);
    let canonical = route.fragment();
    assert_eq!(
        Route::parse(&canonical).fragment(),
        canonical,
        "the route {text:?}"
    );
    if !matches!(route, Route::Invalid { .. }) {
        assert_eq!(Route::parse(&canonical), route, "the route {text:?}");
    }
}

/// Where the page before was.
const LIST: &str = "https://registry.example/v2/a/b/tags/list?n=100";

/// Link: whatever the header says, the next page is of the same list on the same server.
pub fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(Some(next)) = link::next(LIST, Some(text)) {
        assert_eq!(
            next.split('?').next(),
            Some("/v2/a/b/tags/list"),
            "{text:?}"
        );
        assert!(next.len() <= link::MAX_CURSOR_LEN);
        assert!(next.bytes().all(|byte| byte.is_ascii_graphic()), "{next:?}");
    }
    let _ = link::next_target(text);
}

/// Challenges: bounded in number, schemes and names in lower case, values taken from the header.
pub fn challenge(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut headers = Headers::new();
    // A NUL parts two headers, so that one input has several.
    for value in text.split('\0') {
        headers.push("WWW-Authenticate", value);
    }
    let found = challenge::challenges(&headers);
    assert!(found.len() <= 16);
    for challenge in &found {
        assert!(!challenge.scheme.is_empty());
        assert!(
            !challenge
                .scheme
                .bytes()
                .any(|byte| byte.is_ascii_uppercase())
        );
        for (name, value) in &challenge.params {
            assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
            assert!(value.len() <= text.len());
        }
        challenge.scopes().for_each(drop);
    }
}

/// The proxy's query: whatever is in it, what is accepted is dialled by its own name, asked for
/// below `/v2/` of what it names, and says the same when it is written out and read again.
pub fn target(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(params) = Params::from_query(Some(query)) else {
        return;
    };
    let _ = params.page_len();
    if let Ok(Some(cursor)) = params.get("cursor")
        && let Ok(next) = query_from_cursor(cursor)
    {
        assert!(
            next.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        );
    }
    let Ok(registry) = params.parsed::<target::Registry>("registry") else {
        return;
    };
    let policy = Policy {
        any: true,
        ..Policy::default()
    };
    let again = registry.to_string().parse::<target::Registry>();
    assert_eq!(again.as_ref(), Ok(&registry), "the registry of {query:?}");
    let served = policy.check_served(&registry).is_ok();
    let repository = params.parsed::<target::Repository>("repository");
    let reference = params.parsed::<target::Reference>("reference");
    let (Ok(repository), Ok(reference)) = (repository, reference) else {
        return;
    };
    let path = format!("/v2/{repository}/manifests/{reference}");
    let url = policy
        .url(&registry, &path)
        .expect("checked parts make a URL");
    assert_eq!(url.path(), path, "nothing is normalised away in {query:?}");
    assert_eq!(
        (url.scheme(), url.query(), url.fragment()),
        ("https", None, None)
    );
    assert_eq!((url.username(), url.password()), ("", None));
    let dialled = &registry.dialled().host;
    assert_eq!(host_from_url(&url).as_ref(), Some(dialled), "{query:?}");
    assert!(!served || url.port_or_known_default() == Some(443));
    assert!(policy.check_foreign(&url, &url).is_ok());
}
