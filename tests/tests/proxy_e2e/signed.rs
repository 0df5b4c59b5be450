//! A real registry whose storage is a real S3 with signed addresses.

use layerscope_tests::{
    corpus::{Corpus, s3::Signed},
    net::{client, wait},
    proxy::Proxy,
    recorder::Recorded,
    skipped,
};
use reqwest::Method;

use crate::ask::Ask;

/// What came to the storage by a signed address: the registry's own questions are signed in a
/// header.
fn by_address(signed: &Signed, mark: usize) -> Vec<Recorded> {
    let mut all = signed.storage().log().since(mark);
    all.retain(|one| one.query.contains("X-Amz-Signature="));
    all
}

#[test]
fn real_signed_addresses() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let signed = match Signed::start(corpus.store()) {
        Ok(signed) => signed,
        Err(error) => return skipped("a registry before S3 (s3s-fs)", error),
    };
    let (host, storage) = (signed.registry().host(), signed.storage().host());
    let proxy = Proxy::for_hosts(&[&host, &storage]).unwrap();
    let ask = Ask::new(&proxy, &host);
    let layer = &corpus.image("made/tree").layers[0];
    let blob = std::fs::read(corpus.blob_path(&layer.digest)).unwrap();

    // The credential is the registry's alone.
    let header = [("authorization", "Bearer mine"), ("range", "bytes=10-29")];
    let part = ask.blob("made/tree", &layer.digest, &header);
    assert_eq!((part.status.as_u16(), &*part.body), (206, &blob[10..30]));
    let registry = signed.registry().log().blobs_since(0);
    let [redirect] = &registry[..] else {
        panic!("{registry:?}")
    };
    assert_eq!(
        (redirect.status, redirect.authorization.as_deref()),
        (307, Some("Bearer"))
    );
    let read = by_address(&signed, 0);
    let [one] = &read[..] else { panic!("{read:?}") };
    assert_eq!((one.status, one.sent), (206, 20));
    assert_eq!(one.authorization, None);

    // A second part: one request, and the registry is not asked.
    let (mark, before) = (
        signed.storage().log().mark(),
        signed.registry().log().mark(),
    );
    let header = [("authorization", "Bearer mine"), ("range", "bytes=500-")];
    let part = ask.blob("made/tree", &layer.digest, &header);
    assert!(part.body == blob[500..]);
    assert_eq!(by_address(&signed, mark).len(), 1);
    assert_eq!(signed.registry().log().since(before), []);

    // HEAD is refused by such an address, which is signed for GET; through the proxy it is a GET.
    let address = format!("http://{storage}{}?{}", one.path, one.query);
    let status = |method, url: &str| {
        let asked = wait(client().request(method, url).send());
        asked.unwrap().status().as_u16()
    };
    assert_eq!(status(Method::GET, &address), 200);
    assert_eq!(status(Method::HEAD, &address), 403);
    // The signature is the address's last parameter, hexadecimal.
    let other = if address.ends_with('0') { '1' } else { '0' };
    let edited = format!("{}{other}", &address[..address.len() - 1]);
    assert!(address.contains("&X-Amz-Signature=") && !address.ends_with('='));
    assert_eq!(status(Method::GET, &edited), 403);
    let query = [("repository", "made/tree"), ("digest", &*layer.digest)];
    let head = ask.send(Method::HEAD, "blob", &query, &[]);
    assert_eq!(head.status(), 200);
    let len = head.headers()["content-length"].to_str().unwrap();
    assert_eq!(len, layer.size.to_string());

    // Nobody's address and nobody's token is in the log.
    let log = proxy.log();
    assert!(!log.contains("X-Amz-") && !log.contains("mine"), "{log}");
}
