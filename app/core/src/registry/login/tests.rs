use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;

fn beginning(more: &str) -> Beginning {
    let text = format!(
        r#"{{"id":"op","name":"The House","authorization_endpoint":"https://op.example/auth","client_id":"us",
            "scope":"openid read","issuer":"https://op.example"{more}}}"#
    );
    parse_beginning(text.as_bytes()).unwrap()
}

fn place() -> Place {
    Place {
        registry: "r.io".into(),
        fragment: "/image/r.io/a:b".into(),
        search: "proxy=x".into(),
        redirect_uri: "https://app.example/sub/callback.html".into(),
        remember: false,
        proxy: "http://p".into(),
    }
}

fn randoms() -> Randoms {
    Randoms::new(&[[1; 32], [2; 32], [3; 32]])
}

fn started(more: &str) -> Started {
    beginning(more).start(place(), &randoms(), NOW).unwrap().1
}

#[test]
fn the_address_has_all_of_it() {
    let more = r#","parameters":{"prompt":"consent","a&b":"c d"},"response_mode":"fragment""#;
    let (url, kept) = beginning(more).start(place(), &randoms(), NOW).unwrap();
    assert!(randoms().state().starts_with("AQEBAQ") && kept.nonce.starts_with("AgICAg"));
    let (at, query) = url.split_once('?').unwrap();
    assert_eq!(at, "https://op.example/auth");
    let names: Vec<&str> = query
        .split('&')
        .map(|p| p.split_once('=').unwrap().0)
        .collect();
    assert_eq!(
        names,
        [
            "a%26b",
            "prompt",
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "response_mode"
        ]
    );
    assert!(query.contains("redirect_uri=https%3A%2F%2Fapp.example%2Fsub%2Fcallback.html&"));
    assert!(query.contains("a%26b=c%20d&") && query.contains("scope=openid%20read&"));
    assert!(!url.contains(&kept.verifier), "the verifier stays here");
    // Kept as text, and the same again.
    let text = serde_json::to_string(&kept).unwrap();
    assert!(kept == serde_json::from_str::<Started>(&text).unwrap());
}

/// RFC 7636, appendix B.
#[test]
fn the_challenge_is_the_verifier_s_hash() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let random = Randoms {
        verifier: verifier.into(),
        ..randoms()
    };
    let (url, _) = beginning("").start(place(), &random, NOW).unwrap();
    assert!(url.contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&"));
    assert!(!url.contains("response_mode"));
}

#[test]
fn without_openid_there_is_no_nonce() {
    let mut plain = beginning("");
    plain.scope = "read".into();
    plain.authorization_endpoint += "?tenant=1";
    let (url, kept) = plain.start(place(), &randoms(), NOW).unwrap();
    assert!(!url.contains("nonce") && url.contains("auth?tenant=1&response_type=code"));
    assert_eq!(kept.check_id_token(None, NOW), Ok(()));
    for bad in [
        "javascript:alert(1)",
        "/auth",
        "https://op.example/a b",
        "https://op.example/#x",
    ] {
        plain.authorization_endpoint = bad.into();
        assert!(plain.start(place(), &randoms(), NOW).is_err(), "{bad}");
    }
}

fn answer(code: Option<&str>, iss: Option<&str>, error: Option<&str>) -> Returned {
    Returned {
        code: code.map(str::to_owned),
        iss: iss.map(str::to_owned),
        error: error.map(str::to_owned),
        error_description: error.map(|_| "they said\u{202e} no".into()),
    }
}

#[track_caller]
fn comes_back(more: &str, returned: &Returned, after_s: i64, expect: Result<(), &str>) {
    let got = started(more).code_request("http://p", returned, NOW + after_s);
    let got = got.map(|request| {
        let body: Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
        assert_eq!(body["code"], "c");
        assert_eq!(body["verifier"].as_str().unwrap().len(), 43);
        assert_eq!(body["redirect_uri"], place().redirect_uri);
        assert_eq!(request.url, "http://p/api/v1/login");
    });
    assert_eq!(
        got.map_err(|e| e.to_string()),
        expect.map_err(str::to_owned)
    );
}

#[test]
fn who_comes_back() {
    let house = Some("https://op.example");
    let names = r#","names_itself":true"#;
    comes_back("", &answer(Some("c"), None, None), 5, Ok(()));
    comes_back("", &answer(Some("c"), house, None), 5, Ok(()));
    comes_back(names, &answer(Some("c"), house, None), 5, Ok(()));
    let stranger = Err("the answer is not The House's");
    comes_back(names, &answer(Some("c"), None, None), 5, stranger);
    let other = Some("https://op.example/");
    comes_back("", &answer(Some("c"), other, None), 5, stranger);
    comes_back("", &answer(None, other, Some("access_denied")), 5, stranger);
    let denied = answer(None, house, Some("access_denied"));
    let words = "The House refused (access_denied): they said\\u{202e} no";
    comes_back("", &denied, 5, Err(words));
    let empty = Err("the answer cannot be used: there is no code in it");
    comes_back("", &answer(None, None, None), 5, empty);
    let old = Err("the sign-in was begun more than an hour ago");
    comes_back("", &answer(Some("c"), None, None), 3601, old);
    comes_back("", &answer(Some("c"), None, None), -601, old);
}

/// Neither code nor verifier for a proxy that a link has named meanwhile.
#[test]
fn another_proxy_gets_nothing() {
    let good = answer(Some("c"), Some("https://op.example"), None);
    for other in ["", "https://evil.example", "http://p/", "https://p"] {
        let got = started("").code_request(other, &good, NOW).err();
        assert_eq!(
            got,
            Some(LoginError::OtherProxy("The House".into())),
            "{other}"
        );
    }
}

#[test]
fn what_was_refused_is_not_renewed_at_once_again() {
    for (age_s, expires_s, young) in [
        (0.0, None, true),
        (29.0, None, true),
        (30.0, None, false),
        (29.0, Some(3600), true),
        (1.0, Some(4), true),
        (2.0, Some(4), false),
        (0.0, Some(0), false),
        // The clock was set back.
        (-1.0, None, false),
    ] {
        assert_eq!(is_young(age_s, expires_s), young, "{age_s} {expires_s:?}");
    }
}

#[test]
fn what_is_revoked() {
    let mut renewal = Renewal {
        provider: "op".into(),
        name: "The House".into(),
        refresh_token: Some("again".into()),
    };
    let request = renewal.revocation("http://p").unwrap();
    let body: Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"provider": "op", "revoke": "again"})
    );
    renewal.refresh_token = None;
    assert!(renewal.revocation("http://p").is_none());
}

#[track_caller]
fn id_token(from: &str, to: &str, expect: Result<(), &str>) {
    let started = started("");
    let claims = format!(
        r#"{{"iss":"https://op.example","aud":"us","exp":{},"nonce":"{}"}}"#,
        NOW + 60,
        started.nonce
    );
    let token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.replace(from, to)));
    let got = started.check_id_token(Some(&token), NOW);
    let got = got.map_err(|error| match error {
        LoginError::IdToken { why, .. } => why,
        other => panic!("{other}"),
    });
    assert_eq!(got, expect, "{to}");
}

#[test]
fn id_tokens() {
    id_token("", "", Ok(()));
    id_token("\"us\"", "[\"x\",\"us\"]", Ok(()));
    id_token("\"us\"", "[\"x\"]", Err("it is for another application"));
    id_token("\"us\"", "\"us2\"", Err("it is for another application"));
    id_token(
        "\"us\"",
        "\"us\",\"azp\":\"x\"",
        Err("it was given to another application"),
    );
    id_token("op.example", "evil.example", Err("it is of another issuer"));
    id_token(
        "\"nonce\":\"A",
        "\"nonce\":\"B",
        Err("it answers another sign-in"),
    );
    id_token("\"nonce\"", "\"once\"", Err("it answers another sign-in"));
    let run_out = Err("it has run out, or this machine's clock is wrong");
    id_token("\"exp\":1800000060", "\"exp\":1799999399", run_out);
    id_token("\"exp\":1800000060", "\"exp\":1799999400", Ok(()));
    id_token("\"exp\"", "\"xp\"", run_out);
    id_token("{", "", Err("it cannot be read"));
    assert!(started("").check_id_token(None, NOW).is_err());
    assert!(started("").check_id_token(Some("a"), NOW).is_err());
}

#[test]
fn answers() {
    let text = r#"{"present":"basic","username":"u","password":"p","expires_in":9,"refresh_token":"r","id_token":"i"}"#;
    let parsed = |from: &str, to: &str| parse_tokens(text.replace(from, to).as_bytes());
    let tokens = parsed("", "").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(tokens.credentials.kind, Kind::Login);
    assert_eq!(
        (tokens.expires_s, tokens.refresh_token.as_deref()),
        (Some(9), Some("r"))
    );
    let renewal = started("").renewal(&tokens);
    let request = renewal.request("").unwrap();
    let body = String::from_utf8(request.body.unwrap()).unwrap();
    assert_eq!(body, r#"{"provider":"op","refresh_token":"r"}"#);
    let bearer = parsed("basic", "bearer").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(bearer.credentials.kind, Kind::Bearer);
    let without = parsed("\"r\"", "null").unwrap_or_else(|e| panic!("{e}"));
    assert!(started("").renewal(&without).request("").is_none());
    for (from, to) in [
        ("basic", "dance"),
        ("\"p\"", "\"\""),
        ("\"p\"", "\"a b\""),
        ("{", "["),
    ] {
        assert!(parsed(from, to).is_err(), "{to}");
    }
    let offers = parse_offers(br#"{"providers":[{"id":"a","name":"A"}]}"#).unwrap();
    assert_eq!(offers[0].name, "A");
    assert!(parse_offers(b"<html>").is_err() && parse_offers(b"{}").is_err());
    let registry = Registry::parse("r.io:5000").unwrap();
    let url = offers_request("http://p", &registry).url;
    assert_eq!(url, "http://p/api/v1/login?registry=r.io%3A5000");
    assert_eq!(
        beginning_request("", "a b").url,
        "/api/v1/login?provider=a%20b"
    );
}

proptest! {
    #[test]
    fn nothing_from_outside_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,60}") {
        let _ = parse_offers(&bytes);
        let _ = parse_beginning(&bytes).map(|b| b.start(place(), &randoms(), NOW).is_ok());
        let _ = parse_tokens(&bytes).is_ok();
        let _ = started("").check_id_token(Some(&text), NOW);
        let back = Returned { error: Some(text.clone()), iss: Some(text), ..Returned::default() };
        let _ = started("").code_request("", &back, NOW).is_ok();
    }
}
