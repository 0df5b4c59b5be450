use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::task::Poll;

use super::blob::BlobStream;
use super::client::{Client, Credentials};
use super::endpoint::Endpoint;
use super::error::RegistryError;
use crate::digest::{Algorithm, Digest};
use crate::manifest::{Document, MAX_MANIFEST_BYTES};
use crate::media_type::{DOCKER_SCHEMA1_SIGNED, OCI_INDEX};
use crate::port::memory::{Answer, MemoryBody, MemoryClock, MemoryHttp, run};
use crate::port::{Body, Http, HttpError, HttpRequest, HttpResponse, Method};
use crate::reference::{ManifestRef, Registry, Repository};
use crate::view::problem::Problem;

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

fn repo() -> Repository {
    Repository::parse("r.example/a/b").unwrap()
}

fn tag() -> ManifestRef {
    ManifestRef::parse("v1").unwrap()
}

fn sha(bytes: impl AsRef<[u8]>) -> Digest {
    Digest::of(Algorithm::Sha256, bytes.as_ref())
}

fn proxy(http: &MemoryHttp) -> Client<MemoryHttp> {
    Client::new(http.clone(), Endpoint::proxy("http://p"))
}

fn direct(http: &MemoryHttp) -> Client<MemoryHttp> {
    Client::new(http.clone(), Endpoint::Direct { plain_http: false })
}

fn me() -> Credentials {
    Credentials::typed("me", "secret")
}

fn challenge(text: &str) -> Answer {
    Answer::status(401).header("WWW-Authenticate", text)
}

const BEARER: &str =
    r#"Bearer realm="https://r.example/token",service="r",scope="repository:a/b:pull""#;

fn index() -> Answer {
    Answer::ok(INDEX).header("Content-Type", OCI_INDEX)
}

/// Method, path and Authorization of what was asked.
fn log(http: &MemoryHttp) -> Vec<String> {
    let line = |r: HttpRequest| {
        let path = r.url.split('?').next().unwrap_or_default().to_owned();
        let path = path.split("/api/v1/").last().unwrap_or_default().to_owned();
        let auth = r.header("authorization").unwrap_or("-").to_owned();
        format!("{} {path} {auth}", r.method.name())
    };
    http.requests().into_iter().map(line).collect()
}

/// The error code that a manifest request ends with.
#[track_caller]
fn check_manifest_error(answer: Answer, code: &str) -> RegistryError {
    let http = MemoryHttp::script([answer]);
    let error = run(proxy(&http).manifest(&repo(), &tag())).unwrap_err();
    assert_eq!(Problem::from(&error).code, code, "{error}");
    error
}

#[test]
fn a_manifest_is_checked_by_its_digest() {
    let digest = sha(INDEX);
    let by = ManifestRef::Digest(digest.clone());
    let http = MemoryHttp::script([index(), index(), Answer::ok("{}"), Answer::ok("{}")]);
    let client = proxy(&http);
    run(async {
        let fetched = client.manifest(&repo(), &tag()).await.unwrap();
        assert_eq!(fetched.digest, digest);
        assert_eq!(fetched.media_type, OCI_INDEX);
        assert_eq!(fetched.bytes, INDEX.as_bytes());
        assert!(matches!(fetched.document, Document::Index(_)));
        proxy(&http).manifest(&repo(), &by).await.unwrap();
        let error = proxy(&http).manifest(&repo(), &by).await.unwrap_err();
        assert_eq!(
            error,
            RegistryError::DigestMismatch {
                attempt: error.attempt().clone(),
                expected: digest.clone(),
                actual: sha("{}"),
            }
        );
    });
}

/// What has a digest for its address is cached for good: damaged once, it would stay so.
#[test]
fn a_damaged_copy_in_the_browser_s_cache_is_asked_for_again() {
    #[track_caller]
    fn check(first: Answer, by: &ManifestRef, expect: &[bool]) {
        let http = MemoryHttp::script([first, index()]);
        let fetched = run(proxy(&http).manifest(&repo(), by));
        let fresh: Vec<bool> = http.requests().iter().map(|r| r.fresh).collect();
        assert_eq!(fresh, expect);
        if fresh.len() > 1 {
            assert_eq!(fetched.unwrap().bytes, INDEX.as_bytes());
        }
    }
    let by = ManifestRef::Digest(sha(INDEX));
    check(Answer::ok("{}"), &by, &[false, true]);
    check(Answer::ok("<html>"), &by, &[false, true]);
    check(index(), &by, &[false]);
    check(Answer::ok("<html>"), &tag(), &[false]); // a tag is never cached
}

#[test]
fn the_registry_s_own_word_is_checked_too() {
    let said = |d: String| index().header("Docker-Content-Digest", d);
    check_manifest_error(said(sha("other").to_string()), "DIGEST_MISMATCH");
    let http = MemoryHttp::script([
        said("nonsense".into()),
        said(Digest::of(Algorithm::Sha512, INDEX.as_bytes()).to_string()),
    ]);
    let client = proxy(&http);
    let get = || run(client.manifest(&repo(), &tag())).unwrap().digest;
    assert_eq!(get(), sha(INDEX));
    assert_eq!(get().algorithm(), Algorithm::Sha512);
}

#[test]
fn a_signed_schema_1_is_checked_without_its_signatures() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let body = r#"{"schemaVersion":1,"name":"a","fsLayers":[]"#;
    let protected = format!(
        r#"{{"formatLength":{},"formatTail":"{}"}}"#,
        body.len(),
        B64.encode("}")
    );
    let signed = format!(
        r#"{body},"signatures":[{{"protected":"{}"}}]}}"#,
        B64.encode(protected)
    );
    let digest = sha(format!("{body}}}"));
    let answer = Answer::ok(signed).header("Content-Type", DOCKER_SCHEMA1_SIGNED);
    let http = MemoryHttp::script([answer]);
    let fetched = run(proxy(&http).manifest(&repo(), &ManifestRef::Digest(digest.clone())));
    assert_eq!(fetched.unwrap().digest, digest);
}

#[test]
fn bad_manifests() {
    let html = Answer::ok("<!doctype html>").header("Content-Type", "text/html");
    check_manifest_error(html, "NOT_JSON");
    check_manifest_error(Answer::ok("[]"), "NOT_JSON");
    check_manifest_error(Answer::ok(""), "NOT_JSON");
    let promised = Answer::status(200).header("Content-Length", "100000000");
    check_manifest_error(promised, "TOO_LARGE");
    let unsaid = Answer::status(200)
        .body(vec![b' '; MAX_MANIFEST_BYTES as usize + 1])
        .chunked(65_536);
    check_manifest_error(unsaid, "TOO_LARGE");
    check_manifest_error(index().breaks_after(5), "NETWORK");
    let short = Answer::status(200).body("{}").header("Content-Length", "9");
    check_manifest_error(short, "NETWORK");
    check_manifest_error(index().header("Content-Encoding", "gzip"), "BAD_ANSWER");
}

#[test]
fn statuses_become_errors() {
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    let error = check_manifest_error(Answer::status(404).body(unknown), "NOT_FOUND");
    let RegistryError::NotFound {
        code,
        message,
        attempt,
    } = error
    else {
        panic!()
    };
    assert_eq!(code.as_deref(), Some("MANIFEST_UNKNOWN"));
    assert_eq!(message.as_deref(), Some("manifest unknown"));
    assert_eq!(
        (&*attempt.registry, &*attempt.what),
        ("r.example", "the manifest a/b:v1")
    );
    check_manifest_error(Answer::status(403), "FORBIDDEN");
    let busy = Answer::status(429).header("Retry-After", "7");
    let error = check_manifest_error(busy, "RATE_LIMITED");
    assert!(matches!(
        error,
        RegistryError::RateLimited {
            retry_after: Some(7),
            ..
        }
    ));
    assert!(check_manifest_error(Answer::status(503), "REGISTRY_FAILED").is_temporary());
    assert!(!check_manifest_error(Answer::status(405), "REGISTRY_ANSWER").is_temporary());
    check_manifest_error(Answer::status(204), "REGISTRY_ANSWER");
    let own = Answer::status(403)
        .header("X-Layerscope-Error", "ADDRESS_REFUSED")
        .body(r#"{"errors":[{"code":"ADDRESS_REFUSED","message":"10.0.0.1 is private"}]}"#);
    let error = check_manifest_error(own, "PROXY_ADDRESS_REFUSED");
    assert!(error.to_string().contains("10.0.0.1 is private"));
    let endless = Answer::status(500).body(vec![b'x'; 1 << 20]).chunked(999);
    check_manifest_error(endless, "REGISTRY_FAILED");
}

#[test]
fn a_token_is_got_once_and_kept() {
    let token = Answer::ok(r#"{"scheme":"bearer","token":"T","expires_in":60}"#);
    let http = MemoryHttp::script([challenge(BEARER), token, index(), index()]);
    let client = proxy(&http);
    run(async {
        client.manifest(&repo(), &tag()).await.unwrap();
        client.manifest(&repo(), &tag()).await.unwrap();
    });
    assert_eq!(
        log(&http),
        [
            "GET manifest -",
            "POST token -",
            "GET manifest Bearer T",
            "GET manifest Bearer T"
        ]
    );
    let body = String::from_utf8(http.requests()[1].body.clone().unwrap()).unwrap();
    assert!(
        body.contains(r#""scope":["repository:a/b:pull"]"#),
        "{body}"
    );
    assert_eq!(client.authorization(&repo()).as_deref(), Some("Bearer T"));
    let worker = proxy(&http);
    worker.set_authorization(&repo(), client.authorization(&repo()));
    assert_eq!(worker.authorization(&repo()).as_deref(), Some("Bearer T"));
}

#[test]
fn a_401_is_answered_once() {
    let token = || Answer::ok(r#"{"scheme":"bearer","token":"T"}"#);
    let http = MemoryHttp::script([challenge(BEARER), token(), challenge(BEARER)]);
    let error = run(proxy(&http).manifest(&repo(), &tag())).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Unauthorized { schemes, with_credentials: false, .. } if schemes == &["bearer"])
    );
    assert_eq!(http.requests().len(), 3);
}

#[test]
fn a_refused_token_is_renewed_once() {
    let token = |t: &str| Answer::ok(format!(r#"{{"scheme":"bearer","token":"{t}"}}"#));
    let http = MemoryHttp::script([challenge(BEARER), token("NEW"), index()]);
    let client = proxy(&http);
    client.set_authorization(&repo(), Some("Bearer OLD".into()));
    run(client.manifest(&repo(), &tag())).unwrap();
    assert_eq!(
        log(&http),
        [
            "GET manifest Bearer OLD",
            "POST token -",
            "GET manifest Bearer NEW"
        ]
    );
}

#[test]
fn a_token_is_renewed_before_it_runs_out() {
    let count = Rc::new(Cell::new(0));
    let (n, clock) = (count.clone(), MemoryClock::default());
    let http = MemoryHttp::new(move |r| {
        if r.method == Method::Post {
            n.set(n.get() + 1);
            let t = n.get();
            return Ok(Answer::ok(format!(
                r#"{{"scheme":"bearer","token":"T{t}","expires_in":100}}"#
            )));
        }
        Ok(match r.header("authorization") {
            Some(_) => index(),
            None => challenge(BEARER),
        })
    });
    let client = proxy(&http).with_clock(Rc::new(clock.clone()));
    let get = || run(client.manifest(&repo(), &tag())).unwrap();
    get();
    clock.set(79_999.0);
    get();
    assert_eq!(count.get(), 1);
    clock.set(80_000.0);
    get();
    assert_eq!(count.get(), 2);
    // Not one request more was refused: the token came first.
    let refused = log(&http)
        .iter()
        .filter(|l| l.ends_with("manifest -"))
        .count();
    assert_eq!(refused, 1);
}

#[test]
fn basic_needs_credentials() {
    let basic = || challenge(r#"Basic realm="x""#);
    let http = MemoryHttp::script([basic(), basic(), index(), index(), basic()]);
    let client = direct(&http);
    let get = || run(client.manifest(&repo(), &tag()));
    let error = get().unwrap_err();
    assert_eq!(Problem::from(&error).code, "UNAUTHORIZED");
    client.set_credentials(repo().registry(), Some(me()));
    get().unwrap();
    get().unwrap();
    let auth: Vec<bool> = http
        .requests()
        .iter()
        .map(|r| r.header("authorization") == Some("Basic bWU6c2VjcmV0"))
        .collect();
    assert_eq!(auth, [false, false, true, true]);
    assert_eq!(client.authorization(&repo()), None);
    client.set_credentials(repo().registry(), None);
    assert_eq!(Problem::from(get().unwrap_err()).code, "UNAUTHORIZED");
    assert_eq!(
        http.requests().last().unwrap().header("authorization"),
        None
    );
}

#[test]
fn wrong_credentials_are_told_apart() {
    let refused = Answer::status(401).body(r#"{"details":"incorrect username or password"}"#);
    let http = MemoryHttp::script([challenge(BEARER), refused]);
    let client = proxy(&http);
    client.set_credentials(repo().registry(), Some(me()));
    let error = run(client.manifest(&repo(), &tag())).unwrap_err();
    let problem = Problem::from(&error);
    assert_eq!(problem.code, "CREDENTIALS_REFUSED");
    assert!(problem.cause.contains("incorrect username or password"));
    // The password is in a body, and in no address.
    assert!(http.requests().iter().all(|r| !r.url.contains("secret")));
}

#[test]
fn the_proxy_passes_the_token_server_s_refusal_on() {
    let refused = |status: u16, code: &'static str| {
        Answer::status(status)
            .header("x-layerscope-error", code)
            .body(r#"{"errors":[{"message":"no"}]}"#)
    };
    for (status, code, signed_in, expect) in [
        (401, "UNAUTHORIZED", true, "CREDENTIALS_REFUSED"),
        (401, "UNAUTHORIZED", false, "UNAUTHORIZED"),
        (403, "DENIED", true, "FORBIDDEN"),
    ] {
        let http = MemoryHttp::script([challenge(BEARER), refused(status, code)]);
        let client = proxy(&http);
        if signed_in {
            client.set_credentials(repo().registry(), Some(me()));
        }
        let error = run(client.manifest(&repo(), &tag())).unwrap_err();
        assert_eq!(Problem::from(&error).code, expect);
    }
}

#[test]
fn directly_the_realm_is_asked() {
    let http = MemoryHttp::script([
        challenge(BEARER),
        Answer::ok(r#"{"access_token":"T"}"#),
        index(),
        challenge(r#"Bearer realm="https://evil.example/t""#),
    ]);
    let client = direct(&http);
    client.set_credentials(repo().registry(), Some(me()));
    let get = || run(client.manifest(&repo(), &tag()));
    get().unwrap();
    let asked = &http.requests()[1];
    assert_eq!(
        asked.url,
        "https://r.example/token?service=r&scope=repository%3Aa%2Fb%3Apull"
    );
    assert_eq!(asked.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    let error = get().unwrap_err();
    assert!(
        error.to_string().contains("evil.example is not known"),
        "{error}"
    );
    assert_eq!(http.requests().len(), 4);
}

#[test]
fn small_blobs_are_checked() {
    let http = MemoryHttp::script([Answer::ok("{}"), Answer::ok("[]"), Answer::ok("{}")]);
    let client = proxy(&http);
    let digest = sha("{}");
    let get = |max| run(client.blob(&repo(), &digest, max));
    assert_eq!(get(2).unwrap(), b"{}");
    assert_eq!(Problem::from(get(2).unwrap_err()).code, "DIGEST_MISMATCH");
    assert_eq!(Problem::from(get(1).unwrap_err()).code, "TOO_LARGE");
}

const BLOB: &[u8] = b"0123456789";

/// What `blob_range` gives for bytes 3..6 of ten.
#[track_caller]
fn check_range(answer: Answer, expect: Result<&[u8], &str>) {
    let http = MemoryHttp::script([answer.chunked(2)]);
    let client = proxy(&http);
    let got = run(async {
        let digest = sha(BLOB);
        let answer = client.blob_range(&repo(), &digest, 3..6).await?;
        answer.read_all(100).await
    });
    match (got, expect) {
        (Ok(bytes), Ok(want)) => assert_eq!(bytes, want),
        (Err(e), Err(code)) => assert_eq!(Problem::from(&e).code, code, "{e}"),
        (got, want) => panic!("{got:?}, not {want:?}"),
    }
    assert_eq!(http.requests()[0].header("range"), Some("bytes=3-5"));
}

fn partial(place: &str, body: &str) -> Answer {
    Answer::status(206)
        .body(body)
        .header("Content-Range", place)
}

#[test]
fn ranges_are_checked() {
    check_range(partial("bytes 3-5/10", "345"), Ok(b"345"));
    check_range(partial("bytes 3-5/*", "345"), Ok(b"345"));
    check_range(partial("bytes 3-4/5", "34"), Ok(b"34"));
    check_range(Answer::ok(BLOB), Ok(b"345"));
    check_range(Answer::status(200).body(BLOB), Ok(b"345"));
    check_range(Answer::ok(&BLOB[..5]), Ok(b"34"));
    check_range(partial("bytes 3-4/10", "34"), Err("BAD_ANSWER"));
    check_range(partial("bytes 2-5/10", "2345"), Err("BAD_ANSWER"));
    check_range(partial("bytes 3-6/10", "3456"), Err("BAD_ANSWER"));
    check_range(partial("nonsense", "345"), Err("BAD_ANSWER"));
    check_range(Answer::status(206).body("345"), Err("BAD_ANSWER"));
    check_range(partial("bytes 3-5/10", "34"), Err("NETWORK"));
    let lies = partial("bytes 3-5/10", "34").header("Content-Length", "2");
    check_range(lies, Err("NETWORK"));
    check_range(Answer::status(200).body("01"), Err("NETWORK"));
    let none = Answer::status(416).header("Content-Range", "bytes */2");
    check_range(none, Err("RANGE"));
    // More than promised is cut: what was asked for is what comes.
    check_range(partial("bytes 3-5/10", "345EXTRA"), Ok(b"345"));
}

#[test]
fn a_range_is_bounded_and_not_empty() {
    let http = MemoryHttp::script([partial("bytes 3-5/10", "345")]);
    let client = proxy(&http);
    run(async {
        let answer = client.blob_range(&repo(), &sha(BLOB), 3..6).await.unwrap();
        assert_eq!(
            (answer.start, answer.total, answer.whole),
            (3, Some(10), false)
        );
        assert!(matches!(
            answer.read_all(2).await,
            Err(RegistryError::TooLarge { .. })
        ));
        assert!(client.blob_range(&repo(), &sha(BLOB), 3..3).await.is_err());
    });
    assert_eq!(http.requests().len(), 1);
}

#[test]
fn a_stream_starts_where_it_is_asked() {
    let http = MemoryHttp::script([
        Answer::ok(BLOB),
        partial("bytes 4-9/10", "456789"),
        Answer::ok(BLOB),
        partial("bytes 0-9/10", "0123456789"),
        partial("bytes 4-8/10", "45678"),
    ]);
    let client = proxy(&http);
    let (repository, digest) = (repo(), sha(BLOB));
    run(async {
        let stream = |from| client.blob_stream(&repository, &digest, from);
        let shape = |s: &BlobStream<_>| (s.total, s.ranged, s.expected);
        let mut whole = stream(0).await.unwrap();
        assert_eq!(shape(&whole), (Some(10), true, Some(10)));
        assert_eq!(whole.body.next().await.unwrap().unwrap(), BLOB);
        assert_eq!(shape(&stream(4).await.unwrap()), (Some(10), true, Some(6)));
        assert_eq!(
            shape(&stream(4).await.unwrap()),
            (Some(10), false, Some(10))
        );
        assert!(matches!(
            stream(4).await,
            Err(RegistryError::BadAnswer { .. })
        ));
        assert!(matches!(
            stream(4).await,
            Err(RegistryError::BadAnswer { .. })
        ));
    });
    let ranges: Vec<Option<String>> = http
        .requests()
        .iter()
        .map(|r| r.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges[0], None);
    assert_eq!(ranges[1].as_deref(), Some("bytes=4-"));
}

#[test]
fn tags_come_in_pages() {
    let link = "</api/v1/tags?registry=r&repository=a&cursor=c%2F1>; rel=\"next\"";
    let http = MemoryHttp::script([
        Answer::ok(r#"{"name":"a/b","tags":["x","y"]}"#).header("Link", link),
        Answer::ok(r#"{"name":"a/b","tags":null}"#),
        Answer::ok(r#"{"name":"a/b"}"#),
        Answer::ok(r#"{"tags":[]}"#).header("Link", link),
    ]);
    let client = proxy(&http);
    run(async {
        let first = client.tags(&repo(), None).await.unwrap();
        assert_eq!((first.items.len(), first.next.as_deref()), (2, Some("c/1")));
        let second = client.tags(&repo(), first.next.as_deref()).await.unwrap();
        assert_eq!((second.items.len(), second.next), (0, None));
        let none = client.tags(&repo(), None).await;
        assert!(matches!(none, Err(RegistryError::BadAnswer { .. })));
        let circle = client.tags(&repo(), Some("c/1")).await.unwrap_err();
        assert!(circle.to_string().contains("same page"), "{circle}");
    });
    assert!(http.requests()[1].url.ends_with("&cursor=c%2F1"));
}

#[test]
fn directly_pages_stay_on_the_registry() {
    let page = r#"{"repositories":["x"]}"#;
    let link = |l: &str| Answer::ok(page).header("Link", format!("<{l}>; rel=next"));
    let http = MemoryHttp::script([
        link("/v2/_catalog?last=x"),
        Answer::ok(page),
        link("https://evil.example/v2/_catalog?last=x"),
    ]);
    let client = direct(&http);
    let registry = Registry::parse("r.example").unwrap();
    run(async {
        let first = client.catalog(&registry, None).await.unwrap();
        let next = first.next.unwrap();
        assert_eq!(
            client.catalog(&registry, Some(&next)).await.unwrap().items,
            ["x"]
        );
        let error = client.catalog(&registry, None).await.unwrap_err();
        assert!(error.to_string().contains("another server"), "{error}");
    });
    assert_eq!(
        http.requests()[1].url,
        "https://r.example/v2/_catalog?last=x"
    );
}

/// A network that lets others go first before each answer.
struct Waiting(MemoryHttp);

impl Http for Waiting {
    type Body = MemoryBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<MemoryBody>, HttpError> {
        let mut waited = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        self.0.send(request).await
    }
}

/// A borrow of the client's state that is held while waiting would panic here.
#[test]
fn two_requests_at_once_do_not_trip_over_each_other() {
    let http = MemoryHttp::new(|r| {
        Ok(match (r.method, r.header("authorization")) {
            (Method::Post, _) => Answer::ok(r#"{"scheme":"bearer","token":"T"}"#),
            (_, Some(_)) => index(),
            (_, None) => challenge(BEARER),
        })
    });
    let client = Client::new(Waiting(http.clone()), Endpoint::proxy("http://p"));
    let (repository, by) = (repo(), tag());
    let mut one = Box::pin(client.manifest(&repository, &by));
    let mut two = Box::pin(client.manifest(&repository, &by));
    let mut done = (None, None);
    run(std::future::poll_fn(|cx| {
        if done.0.is_none()
            && let Poll::Ready(r) = one.as_mut().poll(cx)
        {
            done.0 = Some(r.is_ok());
        }
        if done.1.is_none()
            && let Poll::Ready(r) = two.as_mut().poll(cx)
        {
            done.1 = Some(r.is_ok());
        }
        match done {
            (Some(_), Some(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }));
    assert_eq!(done, (Some(true), Some(true)));
    // Both were under way together: both were refused before either had a token.
    let log = log(&http);
    assert_eq!(log[..2], ["GET manifest -", "GET manifest -"]);
    assert_eq!(log.len(), 6);
}

/// What answers every address, for pages too, is no registry.
#[test]
fn who_answers_directly_has_to_be_a_registry() {
    let registry = Registry::parse("r.example").unwrap();
    let json = |answer: Answer| answer.header("Content-Type", "application/json; charset=utf-8");
    let versioned = Answer::ok("").header("Docker-Distribution-Api-Version", "registry/2.0");
    let page = Answer::ok("<html>").header("Content-Type", "text/html");
    for (answer, is) in [
        (json(Answer::ok("{}")), true),
        (versioned, true),
        (Answer::status(401), true),
        (page, false),
        (json(Answer::status(404)), false),
        (Answer::status(503), false),
    ] {
        let client = Client::new(MemoryHttp::script([answer]), Endpoint::proxy(""));
        let found = run(client.answers_directly(&registry, false));
        assert_eq!(found.is_ok(), is, "{found:?}");
    }
}
