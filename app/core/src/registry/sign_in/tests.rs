use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::media_type::OCI_INDEX;
use crate::port::memory::{Answer, MemoryHttp, run};
use crate::reference::{ManifestRef, Repository};
use crate::view::problem::Problem;

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
/// A copy between repositories needs a token for both.
const TWO: &str = r#"Bearer realm="https://r.example/token",service="r s",scope="repository:a/b:pull repository:c:pull,push""#;

fn repo() -> Repository {
    Repository::parse("r.example/a/b").unwrap()
}

fn index() -> Answer {
    Answer::ok(INDEX).header("Content-Type", OCI_INDEX)
}

fn challenge(text: &str) -> Answer {
    Answer::status(401).header("WWW-Authenticate", text)
}

fn token(text: &str) -> Answer {
    Answer::ok(format!(r#"{{"token":"{text}","scheme":"bearer"}}"#))
}

fn client(http: &MemoryHttp, direct: bool) -> Client<MemoryHttp> {
    let endpoint = match direct {
        true => Endpoint::Direct { plain_http: false },
        false => Endpoint::proxy("http://p"),
    };
    Client::new(http.clone(), endpoint)
}

fn get(client: &Client<MemoryHttp>) -> Result<(), String> {
    let by = ManifestRef::parse("v1").unwrap();
    let got = run(client.manifest(&repo(), &by));
    got.map(|_| ()).map_err(|error| Problem::from(&error).code)
}

fn body(request: &HttpRequest) -> String {
    String::from_utf8(request.body.clone().unwrap_or_default()).unwrap()
}

#[test]
fn a_token_for_several_repositories() {
    let http = MemoryHttp::script([challenge(TWO), token("T"), index()]);
    assert_eq!(get(&client(&http, true)), Ok(()));
    assert_eq!(
        http.requests()[1].url,
        "https://r.example/token?service=r%20s&scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%3Apull%2Cpush"
    );
    let http = MemoryHttp::script([challenge(TWO), token("T"), index()]);
    assert_eq!(get(&client(&http, false)), Ok(()));
    let asked = body(&http.requests()[1]);
    let both = r#""scope":["repository:a/b:pull","repository:c:pull,push"]"#;
    assert!(asked.contains(both), "{asked}");
    let last = http.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer T"));
}

/// Bearer is taken, wherever it stands: in one header, or in several.
#[test]
fn several_challenges() {
    let bearer = r#"Bearer realm="https://r.example/token",service="r""#;
    let basic = r#"Basic realm="x, y""#;
    let one = challenge(&format!("Negotiate, {basic}, {bearer}"));
    let other = challenge(&format!("{bearer}, {basic}"));
    let two = challenge(basic).header("WWW-Authenticate", bearer);
    let three = challenge("Negotiate")
        .header("WWW-Authenticate", bearer)
        .header("WWW-Authenticate", basic);
    for answer in [one, other, two, three] {
        let http = MemoryHttp::script([answer, token("T"), index()]);
        let client = client(&http, true);
        client.set_credentials(repo().registry(), Some(Credentials::typed("me", "pw")));
        assert_eq!(get(&client), Ok(()));
        let all = http.requests();
        assert!(
            all[1].url.starts_with("https://r.example/token?"),
            "{}",
            all[1].url
        );
        assert_eq!(all[2].header("authorization"), Some("Bearer T"));
    }
}

/// OAuth2 by POST with an identity token, and by GET where the token server does not know that.
#[test]
fn an_identity_token_directly() {
    let identity = Credentials::typed(super::super::docker_config::IDENTITY_USER, "i/d");
    let asked = |answers: Vec<Answer>| {
        let http = MemoryHttp::script(answers);
        let client = client(&http, true);
        client.set_credentials(repo().registry(), Some(identity.clone()));
        (get(&client), http.requests())
    };
    let (got, all) = asked(vec![challenge(TWO), token("T"), index()]);
    assert_eq!((got, all.len()), (Ok(()), 3));
    assert_eq!(
        (all[1].method, &*all[1].url),
        (Method::Post, "https://r.example/token")
    );
    assert_eq!(all[1].header("authorization"), None);
    assert_eq!(
        all[1].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        body(&all[1]),
        "grant_type=refresh_token&service=r%20s&client_id=layerscope&scope=repository%3Aa%2Fb%3Apull%20repository%3Ac%3Apull%2Cpush&refresh_token=i%2Fd"
    );
    for status in [404, 405] {
        let (got, all) = asked(vec![
            challenge(TWO),
            Answer::status(status),
            token("T"),
            index(),
        ]);
        assert_eq!((got, all[2].method), (Ok(()), Method::Get));
        assert!(
            all[2]
                .header("authorization")
                .is_some_and(|h| h.starts_with("Basic "))
        );
        assert!(all[2].url.contains("&scope=repository%3Ac"));
    }
    // Refused is refused.
    let (got, all) = asked(vec![challenge(TWO), Answer::status(401)]);
    assert_eq!(
        (got.unwrap_err().as_str(), all.len()),
        ("CREDENTIALS_REFUSED", 2)
    );
    // And it goes to no stranger.
    let stranger = challenge(r#"Bearer realm="https://evil.example/token""#);
    let (got, all) = asked(vec![stranger]);
    assert_eq!((got.unwrap_err().as_str(), all.len()), ("BAD_ANSWER", 1));
}

/// Gives other credentials, or none.
struct Gives {
    client: Rc<Client<MemoryHttp>>,
    next: Option<Credentials>,
    asked: Rc<Cell<u32>>,
}

impl Renew for Gives {
    fn renew<'a>(
        &'a self,
        registry: &'a Registry,
        _: &'a Credentials,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        self.asked.set(self.asked.get() + 1);
        if let Some(next) = &self.next {
            self.client.replace_credentials(registry, next.clone());
        }
        Box::pin(async {})
    }
}

/// What came of it, the requests' methods and Authorization, and how often it was to be renewed.
fn renewing(
    kind: Kind,
    gives: bool,
    answers: Vec<Answer>,
) -> (Result<(), String>, Vec<String>, u32) {
    let http = MemoryHttp::script(answers);
    let client = Rc::new(client(&http, false));
    let held = |password: &str| Credentials {
        username: "u".into(),
        password: password.into(),
        kind,
        in_clear: false,
    };
    let asked = Rc::new(Cell::new(0));
    client.set_renewal(Rc::new(Gives {
        client: client.clone(),
        next: gives.then(|| held("new")),
        asked: asked.clone(),
    }));
    client.set_credentials(repo().registry(), Some(held("old")));
    let got = get(&client);
    let line = |request: &HttpRequest| {
        let body = body(request);
        let sent = ["old", "new"].into_iter().find(|word| body.contains(word));
        let header = request.header("authorization");
        format!(
            "{} {}",
            request.method.name(),
            header.or(sent).unwrap_or("-")
        )
    };
    (got, http.requests().iter().map(line).collect(), asked.get())
}

#[test]
fn a_sign_in_that_has_run_out_is_renewed() {
    let bearer = || challenge(r#"Bearer realm="https://r.example/token""#);
    let refused = || {
        Answer::status(401)
            .header("x-layerscope-error", "UNAUTHORIZED")
            .body(r#"{"errors":[{"message":"no"}]}"#)
    };
    // The token server takes it.
    let answers = vec![bearer(), refused(), bearer(), token("T"), index()];
    let (got, sent, asked) = renewing(Kind::Login, true, answers);
    assert_eq!((got, asked), (Ok(()), 1));
    assert_eq!(
        sent,
        ["GET -", "POST old", "GET -", "POST new", "GET Bearer T"]
    );
    // The registry itself takes it, as it is.
    let answers = vec![challenge("Basic"), index()];
    let (got, sent, asked) = renewing(Kind::Bearer, true, answers);
    assert_eq!((got, asked), (Ok(()), 1));
    assert_eq!(sent, ["GET Bearer old", "GET Bearer new"]);
    // Once: what is refused anew is refused.
    let answers = vec![challenge("Basic"), challenge("Basic"), index()];
    let (got, sent, asked) = renewing(Kind::Bearer, true, answers);
    assert_eq!(
        (got.unwrap_err().as_str(), sent.len(), asked),
        ("CREDENTIALS_REFUSED", 2, 1)
    );
    // There is nothing new to be had.
    let (got, sent, asked) = renewing(Kind::Login, false, vec![bearer(), refused(), index()]);
    assert_eq!(
        (got.unwrap_err().as_str(), sent.len(), asked),
        ("CREDENTIALS_REFUSED", 2, 1)
    );
    // Passwords are not renewed.
    let (got, _, asked) = renewing(Kind::Typed, true, vec![bearer(), refused(), index()]);
    assert_eq!(
        (got.unwrap_err().as_str(), asked),
        ("CREDENTIALS_REFUSED", 0)
    );
    // Nor is anything asked where the trouble is another.
    let (_, _, asked) = renewing(Kind::Login, true, vec![Answer::status(404), index()]);
    assert_eq!(asked, 0);
}

#[test]
fn replacing_keeps_what_the_old_ones_got() {
    let bearer = challenge(r#"Bearer realm="https://r.example/token""#);
    let http = MemoryHttp::script([bearer, token("T"), index()]);
    let client = client(&http, false);
    let registry = repo();
    client.set_credentials(registry.registry(), Some(Credentials::typed("u", "old")));
    get(&client).unwrap();
    client.replace_credentials(registry.registry(), Credentials::typed("u", "new"));
    assert_eq!(client.authorization(&registry).as_deref(), Some("Bearer T"));
    assert!(format!("{:?}", client.credentials(registry.registry())).contains("Credentials"));
    client.set_credentials(registry.registry(), None);
    assert_eq!(client.authorization(&registry), None);
}

/// What was sent with each request: nothing, or the scheme.
fn schemes(http: &MemoryHttp) -> Vec<String> {
    let scheme = |r: &HttpRequest| {
        let header = r.header("authorization").unwrap_or("-");
        header.split(' ').next().unwrap_or_default().to_owned()
    };
    http.requests().iter().map(scheme).collect()
}

/// A registry that lets pages read its answers, but not how it wants to be signed in to.
fn unreadable() -> Answer {
    Answer::status(401)
}

#[test]
fn a_challenge_that_cannot_be_read_is_met_once_with_what_was_typed() {
    let registry = repo();
    let typed = Credentials::typed("u", "p");
    // Accepted, it is sent at once from then on.
    let http = MemoryHttp::script([unreadable(), index(), index()]);
    let signed = client(&http, true);
    signed.set_credentials(registry.registry(), Some(typed.clone()));
    get(&signed).unwrap();
    get(&signed).unwrap();
    assert_eq!(schemes(&http), ["-", "Basic", "Basic"]);
    // Refused, it is not, and the words say what else there is.
    let http = MemoryHttp::new(|_| Ok(unreadable()));
    let signed = client(&http, true);
    signed.set_credentials(registry.registry(), Some(typed));
    let by = ManifestRef::parse("v1").unwrap();
    let error = run(signed.manifest(&registry, &by)).unwrap_err();
    let problem = Problem::from(&error);
    assert_eq!(problem.code, "CREDENTIALS_REFUSED");
    assert!(problem.remedy.contains("through a proxy"), "{problem}");
    get(&signed).unwrap_err();
    assert_eq!(schemes(&http), ["-", "Basic", "-", "Basic"]);
}

#[test]
fn what_is_for_a_token_server_is_not_tried_as_a_password() {
    let login = Credentials {
        kind: Kind::Login,
        ..Credentials::typed("u", "access")
    };
    let identity = Credentials::typed(IDENTITY_USER, "i/d");
    for held in [login, identity] {
        let http = MemoryHttp::script([unreadable()]);
        let client = client(&http, true);
        client.set_credentials(repo().registry(), Some(held));
        assert_eq!(get(&client).unwrap_err(), "CREDENTIALS_REFUSED");
        assert_eq!(schemes(&http), ["-"]);
    }
}

#[test]
fn by_another_way_nothing_is_sent_that_was_for_the_one_before() {
    let registry = repo();
    let typed = Credentials::typed("u", "p");
    let bearer = || challenge(r#"Bearer realm="https://r.example/token""#);
    // Taken as it is by who answers directly; the proxy then reads what is wanted.
    let http = MemoryHttp::script([unreadable(), index(), bearer(), token("T"), index()]);
    let client = client(&http, true);
    client.set_credentials(registry.registry(), Some(typed));
    get(&client).unwrap();
    client.set_endpoint(registry.registry(), Endpoint::proxy("http://p"));
    get(&client).unwrap();
    assert_eq!(schemes(&http), ["-", "Basic", "-", "-", "Bearer"]);
    // Likewise of tokens.
    let direct = Endpoint::Direct { plain_http: false };
    client.set_endpoint(registry.registry(), direct);
    assert_eq!(client.authorization(&registry), None);
}

#[test]
fn a_password_that_is_refused_is_not_sent_twice() {
    let basic = || challenge("Basic");
    let http = MemoryHttp::script([basic(), index(), basic(), basic(), basic()]);
    let client = client(&http, true);
    client.set_credentials(repo().registry(), Some(Credentials::typed("u", "p")));
    get(&client).unwrap();
    // It was changed.
    assert_eq!(get(&client).unwrap_err(), "CREDENTIALS_REFUSED");
    assert_eq!(schemes(&http), ["-", "Basic", "Basic"]);
}

/// What anybody gets may be kept for when there is no network; what a sign-in lets in may not.
#[test]
fn what_a_sign_in_lets_in_is_private() {
    for (signed_in, direct) in [(false, false), (false, true), (true, false), (true, true)] {
        let http = MemoryHttp::script([challenge(TWO), token("T"), index()]);
        let client = client(&http, direct);
        if signed_in {
            let credentials = Credentials::typed("me", "secret");
            client.set_credentials(repo().registry(), Some(credentials));
        }
        assert_eq!(get(&client), Ok(()));
        let private: Vec<bool> = http.requests().iter().map(|r| r.private).collect();
        // Without a header the answer is for everybody, whoever asks.
        assert!(!private[0]);
        assert_eq!(private[2], signed_in, "direct: {direct}");
    }
}

/// A password that was given for https, or came out of a file, does not go over the wire in clear.
#[test]
fn nothing_is_sent_in_clear_that_was_not_given_so() {
    let asked = |host: &str, in_clear: bool| {
        let http = MemoryHttp::new(|_| Ok(challenge("Basic")));
        let client = client(&http, true);
        let repository = Repository::parse(&format!("{host}/a/b")).unwrap();
        let credentials = Credentials {
            in_clear,
            ..Credentials::typed("u", "p")
        };
        client.set_credentials(repository.registry(), Some(credentials));
        let plain = Endpoint::Direct { plain_http: true };
        client.set_endpoint(repository.registry(), plain);
        let by = ManifestRef::parse("v1").unwrap();
        let error = run(client.manifest(&repository, &by)).unwrap_err();
        (Problem::from(&error).code, schemes(&http))
    };
    let refused = "CREDENTIALS_REFUSED".to_owned();
    let both = vec!["-".to_owned(), "Basic".to_owned()];
    let alone = ("UNAUTHORIZED".to_owned(), vec!["-".to_owned()]);
    assert_eq!(asked("r.example:5000", false), alone);
    assert_eq!(
        asked("r.example:5000", true),
        (refused.clone(), both.clone())
    );
    // Nobody is on the way to this machine.
    assert_eq!(asked("localhost:5000", false), (refused, both));
}
