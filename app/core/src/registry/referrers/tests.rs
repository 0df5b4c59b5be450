use std::sync::Arc;

use super::ask::described;
use super::*;
use crate::digest::Algorithm;
use crate::media_type::OCI_INDEX;
use crate::port::memory::{Answer, MemoryHttp, run};
use crate::port::{HttpRequest, Method};
use crate::reference::Repository;
use crate::registry::Endpoint;
use crate::registry::client::Client;

fn sha(name: impl AsRef<str>) -> Digest {
    Digest::of(Algorithm::Sha256, name.as_ref().as_bytes())
}

fn repo() -> Repository {
    Repository::parse("r.example/a/b").unwrap()
}

fn entry(name: &str, kind: Option<&str>) -> String {
    let kind = kind.map_or(String::new(), |k| format!(r#","artifactType":"{k}""#));
    format!(
        r#"{{"mediaType":"x","digest":"{}","size":1{kind}}}"#,
        sha(name)
    )
}

fn index_of(entries: &[(&str, Option<&str>)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(n, k)| entry(n, *k)).collect();
    format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        entries.join(",")
    )
}

fn plain(names: &[&str]) -> String {
    index_of(&names.iter().map(|n| (*n, None)).collect::<Vec<_>>())
}

fn client(http: &MemoryHttp) -> Client<MemoryHttp> {
    Client::new(http.clone(), Endpoint::proxy("http://p"))
}

/// The digests found when these answers come, and how many requests it took.
#[track_caller]
fn check(answers: Vec<Answer>, expect: &[&str]) {
    let count = answers.len();
    let http = MemoryHttp::script(answers);
    let found = run(client(&http).referrers(&repo(), &sha("subject"))).unwrap();
    let found: Vec<Digest> = found.into_iter().map(|d| d.digest).collect();
    assert_eq!(found, expect.iter().map(sha).collect::<Vec<_>>());
    assert_eq!(http.requests().len(), count);
}

#[test]
fn by_api_or_tag() {
    let next = "</api/v1/referrers?cursor=2>; rel=next";
    let first = Answer::ok(plain(&["a"])).header("Link", next);
    check(vec![first, Answer::ok(plain(&["b"]))], &["a", "b"]);
    check(vec![Answer::ok(plain(&[]))], &[]);
    let tagged = || Answer::ok(plain(&["t"])).header("Content-Type", OCI_INDEX);
    check(vec![Answer::status(404), tagged()], &["t"]);
    check(vec![Answer::status(400), tagged()], &["t"]);
    check(vec![Answer::ok("<html>"), tagged()], &["t"]);
    check(vec![Answer::ok("{}"), tagged()], &["t"]);
    check(vec![Answer::status(404), Answer::status(404)], &[]);
    let http = MemoryHttp::script([Answer::status(403)]);
    assert!(run(client(&http).referrers(&repo(), &sha("s"))).is_err());
    let http = MemoryHttp::script([Answer::status(404), Answer::status(404)]);
    run(client(&http).referrers(&repo(), &sha("s"))).unwrap();
    let tag = format!("reference=sha256-{}", sha("s").encoded());
    assert!(http.requests()[1].url.contains(&tag));
}

#[test]
fn tags_have_room() {
    let long = Digest::of(Algorithm::Sha512, b"");
    assert_eq!(
        fallback_tag(&long).as_str().len(),
        "sha512-".len() + 64,
        "cut as the specification says"
    );
    let tag = cosign_tag(&sha("s"), Cosign::Sbom);
    assert_eq!(tag.as_str(), format!("sha256-{}.sbom", sha("s").encoded()));
    assert!(cosign_tag(&long, Cosign::Sbom).as_str().len() <= 128);
}

/// A registry in which `s` has one referrer by each way, and one that is in two lists.
fn registry(api: bool) -> MemoryHttp {
    MemoryHttp::new(move |request| {
        let by = |name: &str| request.url.contains(name);
        let s = sha("s").encoded().to_owned();
        let head = |name: &str| {
            Answer::status(200)
                .header("docker-content-digest", sha(name).to_string())
                .header("content-type", "application/vnd.oci.image.manifest.v1+json")
                .header("content-length", "7")
        };
        Ok(if by("/referrers?") {
            match api {
                true => Answer::ok(index_of(&[("api", Some("t/api")), ("both", None)])),
                false => Answer::status(404),
            }
        } else if by(&format!("sha256-{s}.sig")) {
            head("sig")
        } else if by(&format!("sha256-{s}.att")) {
            head("both")
        } else if by(&format!("reference=sha256-{s}")) && !by(".sbom") {
            Answer::ok(index_of(&[
                ("tag", Some("t/tag")),
                ("both", Some("t/both")),
            ]))
        } else {
            Answer::status(404)
        })
    })
}

fn told(attached: &Attached) -> Vec<(Digest, String, Vec<Source>)> {
    let one = |r: &Arc<Referrer>| {
        let kind = r.kind().to_owned();
        (r.descriptor.digest.clone(), kind, r.sources.clone())
    };
    attached.list.iter().map(one).collect()
}

#[test]
fn every_way_and_each_once() {
    let http = registry(true);
    let found = run(client(&http).attached(&repo(), &sha("s"), None));
    assert_eq!(found.failures, []);
    let sig = Source::Cosign(Cosign::Signature);
    let att = Source::Cosign(Cosign::Attestation);
    assert_eq!(
        told(&found),
        [
            (sha("api"), "t/api".into(), vec![Source::Api]),
            (
                sha("both"),
                "t/both".into(),
                vec![Source::Api, Source::FallbackTag, att]
            ),
            (sha("tag"), "t/tag".into(), vec![Source::FallbackTag]),
            (sha("sig"), "cosign signature".into(), vec![sig]),
        ]
    );
    // Without the API the rest is the same.
    let found = run(client(&registry(false)).attached(&repo(), &sha("s"), None));
    assert_eq!(found.list.len(), 3);
    // cosign's tags are asked for by HEAD.
    let heads = http
        .requests()
        .into_iter()
        .filter(|r| r.method == Method::Head);
    assert_eq!(heads.count(), 3);
}

/// Asked directly, an answer without CORS headers gives nothing to read, as does a connection that
/// broke: whether there is such an API is not known. The fallback tag has the headers.
#[test]
fn an_api_that_a_page_cannot_read_is_asked_twice_and_told() {
    let unreached = |why| {
        move || {
            Err(crate::view::problem::unreached::error(
                "r.example".into(),
                why,
            ))
        }
    };
    let broken = || {
        Err(HttpError::Network {
            url_host: "r.example".into(),
            detail: "it broke".into(),
        })
    };
    type Fails = Box<dyn Fn() -> Result<Answer, HttpError>>;
    let causes: [(Fails, usize, bool); 3] = [
        (Box::new(unreached(Unreached::Beyond)), 2, false),
        (Box::new(broken), 2, false),
        (Box::new(unreached(Unreached::Cors)), 1, true),
    ];
    for (fails, times, is_failure) in causes {
        let http = MemoryHttp::new(move |request| match request.url.contains("/referrers/") {
            true => fails(),
            false => Ok(Answer::status(404)),
        });
        let direct = Client::new(http.clone(), Endpoint::Direct { plain_http: false });
        let found = run(direct.attached(&repo(), &sha("s"), None));
        let api = |r: &&HttpRequest| r.url.contains("/referrers/");
        assert_eq!(http.requests().iter().filter(api).count(), times);
        assert_eq!(found.failures.len(), 1);
        assert_eq!(found.is_failure(), is_failure);
        // Whoever looks for one thing alone goes on to the tag.
        let by_tag = run(direct.referrers(&repo(), &sha("s")));
        assert_eq!(by_tag.is_err(), is_failure);
    }
}

#[test]
fn one_connection_that_breaks_hides_nothing() {
    let broken = std::cell::Cell::new(true);
    let http = MemoryHttp::new(move |request| {
        let api = request.url.contains("/referrers/");
        Ok(match (api, api && broken.take()) {
            (_, true) => Answer::ok(plain(&["a"])).breaks_after(9),
            (true, _) => Answer::ok(plain(&["a"])),
            _ => Answer::status(404),
        })
    });
    let direct = Client::new(http, Endpoint::Direct { plain_http: false });
    let found = run(direct.attached(&repo(), &sha("s"), None));
    assert_eq!((found.list.len(), found.failures), (1, vec![]));
}

#[test]
fn what_came_before_a_page_that_failed_stands() {
    let http = MemoryHttp::new(|request| {
        let next = "</api/v1/referrers?cursor=2>; rel=next";
        Ok(match request.url.contains("/referrers?") {
            true if request.url.contains("cursor=2") => Answer::status(503),
            true => Answer::ok(plain(&["a"])).header("Link", next),
            false => Answer::status(404),
        })
    });
    let found = run(client(&http).attached(&repo(), &sha("s"), None));
    assert_eq!((found.list.len(), found.failures.len()), (1, 1));
    assert_eq!(found.failures[0].0, Source::Api);
}

/// A list that a registry makes up ends, is slim, and says that it was cut.
#[test]
fn a_long_list_is_cut() {
    let entries = |fat: usize| {
        let (kind, other) = ("x".repeat(fat), "x".repeat(5_000.min(fat)));
        move |n: usize| {
            format!(
                r#"{{"mediaType":"x","digest":"{}","size":1,"data":"{other}","annotations":{{"a":"b","c":"{other}"}},"artifactType":"{n}{kind}"}}"#,
                sha(n.to_string())
            )
        }
    };
    for (count, fat, cut) in [
        (100, 0, false),
        (MAX_REFERRERS + 1, 0, true),
        (100, 120_000, true),
    ] {
        let all: Vec<String> = (0..count).map(entries(fat)).collect();
        let list = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, all.join(","));
        let http = MemoryHttp::new(move |request| {
            Ok(match request.url.contains("/referrers?") {
                true => Answer::ok(list.clone()),
                false => Answer::status(404),
            })
        });
        let found = run(client(&http).attached(&repo(), &sha("s"), None));
        assert_eq!(found.cut, cut, "{count} of {fat}");
        assert!(found.list.len() <= MAX_REFERRERS);
        let held = |d: &Descriptor| {
            let words = d.annotations.iter().map(|(k, v)| k.len() + v.len());
            let kind = d.artifact_type.as_ref().map_or(0, String::len);
            words.sum::<usize>() + kind + d.data.as_ref().map_or(0, String::len)
        };
        let held: usize = found.descriptors().map(held).sum();
        assert!(!found.list.is_empty() && held <= MAX_LIST_BYTES, "{held}");
        assert!(found.descriptors().all(|d| d.annotation("a") == Some("b")));
    }
}

#[test]
fn what_fails_leaves_the_rest() {
    let http = MemoryHttp::new(|request| {
        Ok(match request.method {
            Method::Head => Answer::status(500),
            _ if request.url.contains("/referrers?") => Answer::ok(plain(&["api"])),
            _ => Answer::status(403),
        })
    });
    let found = run(client(&http).attached(&repo(), &sha("s"), None));
    assert_eq!(found.list.len(), 1);
    let failed: Vec<Source> = found.failures.iter().map(|(source, _)| *source).collect();
    let cosign = Cosign::ALL.map(Source::Cosign);
    assert_eq!(failed[0], Source::FallbackTag);
    assert_eq!(failed[1..], cosign);
    assert!(!found.is_failure());
}

/// The filter is sent, and applied here where the registry has not.
#[test]
fn by_artifact_type() {
    let list = index_of(&[("a", Some("t/a")), ("b", Some("t/b")), ("c", None)]);
    let mut expect = vec![sha("a")];
    for applied in [None, Some("x, artifactType"), Some("x")] {
        let list = list.clone();
        let http = MemoryHttp::new(move |request| {
            let answer = Answer::ok(list.clone());
            Ok(match (request.url.contains("/referrers?"), applied) {
                (true, Some(names)) => answer.header("OCI-Filters-Applied", names),
                (true, None) => answer,
                (false, _) => Answer::status(404),
            })
        });
        let found = run(client(&http).attached(&repo(), &sha("s"), Some("t/a")));
        let digests: Vec<Digest> = found.descriptors().map(|d| d.digest.clone()).collect();
        // What the registry has filtered but not labelled is of that type by its word.
        match applied {
            Some("x, artifactType") => expect.push(sha("c")),
            _ => expect.truncate(1),
        }
        assert_eq!(digests, expect, "{applied:?}");
        assert!(http.requests()[0].url.ends_with("&artifactType=t%2Fa"));
    }
}

/// The lines of a tree as `name@depth`, by the given lists.
fn tree(lists: &[(&str, &[&str])]) -> Tree {
    let mut tree = Tree::default();
    for (of, names) in lists {
        tree.begin(&sha(of));
        let list = run(async {
            let found = names.iter().map(|n| described(String::new(), sha(n), 1));
            merge([(Source::Api, found.collect())], None)
        });
        tree.put(sha(of), all(list));
    }
    tree
}

/// What refers to something, as far as every way has told.
fn all(list: Vec<Arc<Referrer>>) -> Arc<Attached> {
    Arc::new(Attached {
        list,
        ..Attached::default()
    })
}

fn lines(tree: &Tree, names: &[&str], first: &[Arc<Referrer>], kind: Option<&str>) -> Vec<String> {
    let name = |d: &Digest| *names.iter().find(|n| sha(n) == *d).unwrap();
    let rows = tree.shown(&sha("root"), first, kind, usize::MAX).rows;
    let line = |r: &Row| {
        let mark = match r.below {
            Below::Unknown => "?",
            Below::Growing => "…",
            Below::Nothing => "",
            Below::Here(_) => ":",
            Below::Circle => "o",
            Below::TooDeep => "!",
        };
        let digest = name(&r.referrer.descriptor.digest);
        format!("{}{digest}{mark}", "-".repeat(r.depth))
    };
    rows.iter().map(line).collect()
}

#[test]
fn referrers_of_referrers() {
    let mut t = tree(&[("root", &["a", "b"]), ("a", &["c"]), ("c", &[])]);
    assert_eq!(lines(&t, &["a", "b", "c"], &[], None), ["a:", "-c", "b?"]);
    assert_eq!(t.unknown(&sha("root")), [sha("b")]);
    t.begin(&sha("b"));
    t.begin(&sha("a")); // which is there already, and stays
    assert_eq!(lines(&t, &["a", "b", "c"], &[], None), ["a:", "-c", "b…"]);
    assert_eq!(t.unknown(&sha("root")), []);
}

#[test]
fn circles_and_depth_end() {
    let circle = tree(&[
        ("root", &["a", "root"]),
        ("a", &["b"]),
        ("b", &["a", "root"]),
    ]);
    assert_eq!(
        lines(&circle, &["root", "a", "b"], &[], None),
        ["a:", "-b:", "--ao", "--rooto", "rooto"]
    );
    assert_eq!(circle.unknown(&sha("root")), []);
    let names: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let mut deep = tree(&[("root", &["0"])]);
    for pair in names.windows(2) {
        let list = merge(
            [(
                Source::Api,
                vec![described(String::new(), sha(&pair[1]), 1)],
            )],
            None,
        );
        deep.put(sha(&pair[0]), all(list));
    }
    let rows = deep.shown(&sha("root"), &[], None, usize::MAX).rows;
    assert_eq!(
        (rows.len(), &rows[MAX_DEPTH - 1].below),
        (MAX_DEPTH, &Below::TooDeep)
    );
    // Two below each of two below each of two …: as many lines as are taken, and no more.
    let mut wide = tree(&[("root", &["0", "0'"])]);
    for n in 0..MAX_DEPTH {
        let below = |mark: &str| described(String::new(), sha(format!("{}{mark}", n + 1)), 1);
        let list = merge([(Source::Api, vec![below(""), below("'")])], None);
        let attached = all(list);
        wide.put(sha(format!("{n}")), attached.clone());
        wide.put(sha(format!("{n}'")), attached);
    }
    let shown = wide.shown(&sha("root"), &[], None, 500);
    assert_eq!((shown.rows.len(), shown.more), (500, MAX_REFERRERS - 500));
}

#[test]
fn only_one_kind_and_what_leads_there() {
    let mut t = tree(&[("root", &["a", "b"]), ("a", &["c"])]);
    let mut wanted = described(String::new(), sha("d"), 1);
    wanted.artifact_type = Some("t/d".into());
    let list = merge([(Source::Api, vec![wanted])], None);
    t.put(sha("c"), all(list));
    let names = ["a", "b", "c", "d"];
    assert_eq!(lines(&t, &names, &[], Some("t/d")), ["a:", "-c:", "--d?"]);
    assert!(lines(&t, &names, &[], Some("t/e")).is_empty());
    let kinds: Vec<String> = t.kinds(&sha("root"), &[]).into_iter().collect();
    assert_eq!(kinds, ["", "t/d"]);
    // What the index itself says comes first, and once.
    let first = merge(
        [(Source::Index, vec![described(String::new(), sha("b"), 1)])],
        None,
    );
    assert_eq!(lines(&t, &names, &first, None), ["b?", "a:", "-c:", "--d?"]);
}

/// That nothing refers to a manifest is said only where that is so.
#[test]
fn nothing_is_said_of_nothing_alone() {
    let lack =
        |t: &Tree, first: &[Arc<Referrer>], kind| t.shown(&sha("root"), first, kind, 10).lack;
    let empty = tree(&[("root", &[])]);
    assert_eq!(lack(&empty, &[], None), Some(Lack::Nothing));
    assert_eq!(lack(&empty, &[], Some("t/e")), Some(Lack::Nothing));
    let some = tree(&[("root", &["a"])]);
    assert_eq!(lack(&some, &[], None), None);
    assert_eq!(lack(&some, &[], Some("t/e")), Some(Lack::OfKind));
    // Not by the index alone, nor while it is looked for, nor where a way has failed.
    let one = || vec![described(String::new(), sha("b"), 1)];
    let first = merge([(Source::Index, one())], None);
    assert_eq!(lack(&empty, &first, Some("t/e")), Some(Lack::OfKind));
    let mut growing = Tree::default();
    growing.begin(&sha("root"));
    assert_eq!(lack(&growing, &[], None), None);
    let http = MemoryHttp::new(|_| Ok(Answer::status(503)));
    let failed = run(client(&http).attached(&repo(), &sha("root"), None));
    growing.put(sha("root"), Arc::new(failed));
    assert_eq!(lack(&growing, &[], None), None);
    // Of a list that was cut nothing is known of the rest.
    let cut = Attached {
        cut: true,
        ..Attached::default()
    };
    growing.put(sha("root"), Arc::new(cut));
    assert_eq!(lack(&growing, &[], Some("t/e")), Some(Lack::OfKind));
}

/// Ten thousand lines are looked at once, and no more of them taken than there is room for.
#[test]
fn ends_are_found_without_looking_at_all() {
    let names: Vec<String> = (0..MAX_REFERRERS).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let t = tree(&[("root", &names)]);
    let unknown = t.unknown(&sha("root"));
    assert_eq!(unknown.len(), MAX_GROWN - 1);
    assert_eq!(unknown[1], sha("1"));
    let shown = t.shown(&sha("root"), &[], None, 500);
    assert_eq!((shown.rows.len(), shown.more), (500, MAX_REFERRERS - 500));
    let held = t.grown(&sha("root")).unwrap();
    assert!(
        Arc::ptr_eq(&shown.rows[7].referrer, &held.list[7]),
        "not copied"
    );
}
