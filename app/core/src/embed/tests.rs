use super::*;

const HOST: &str = "https://host.example";

fn heard(origin: &str, fields: &[(&str, &str)]) -> Heard {
    let mut texts = Fields::default();
    let fits = fields.iter().all(|(n, v)| texts.put(n, (*v).to_owned()));
    Heard {
        origin: origin.to_owned(),
        from_parent: true,
        version: Some(VERSION),
        fields: fits.then_some(texts),
        has_content: false,
    }
}

fn greeted() -> Embed {
    let mut embed = Embed::new(vec!["https://own.example".into(), HOST.into()]);
    assert_eq!(
        embed.hear(heard(HOST, &[("type", "hello")])),
        Reaction::Welcome
    );
    assert_eq!(embed.host(), Some(HOST));
    embed
}

#[test]
fn nobody_is_heard_before_the_handshake() {
    let mut embed = Embed::new(vec![HOST.into()]);
    let open = heard(HOST, &[("type", "open"), ("route", "#/help")]);
    assert_eq!(embed.hear(open.clone()), Reaction::Ignore);
    for origin in [
        "https://host.example.evil",
        "https://host.example:8443",
        "null",
        "",
    ] {
        let said = embed.hear(heard(origin, &[("type", "hello")]));
        assert_eq!(said, Reaction::Deny(origin.into()));
        assert_eq!(embed.host(), None);
    }
    let other_frame = Heard {
        from_parent: false,
        ..heard(HOST, &[("type", "hello")])
    };
    assert_eq!(embed.hear(other_frame), Reaction::Ignore);
    let foreign = Heard {
        version: None,
        ..heard("https://evil.example", &[("type", "hello")])
    };
    assert_eq!(embed.hear(foreign), Reaction::Ignore);
    let mut embed = greeted();
    assert_eq!(
        embed.hear(open),
        Reaction::Do(None, Wish::Open(Box::new(Route::Help)))
    );
    // An allowed origin that has not greeted is not heard either.
    let other = heard("https://own.example", &[("type", "open"), ("route", "#/")]);
    assert_eq!(embed.hear(other), Reaction::Ignore);
    // `null` cannot be allowed.
    let mut anybody = Embed::new(vec!["null".into()]);
    let said = anybody.hear(heard("null", &[("type", "hello")]));
    assert_eq!(said, Reaction::Deny("null".into()));
}

#[track_caller]
fn check(fields: &[(&str, &str)], expect: Result<Wish, &str>) {
    match (greeted().hear(heard(HOST, fields)), expect) {
        (Reaction::Do(id, wish), Ok(expect)) => {
            assert_eq!((id.as_deref(), wish), (Some("7"), expect));
        }
        (Reaction::Refuse(_, problem), Err(part)) => {
            assert!(problem.cause.contains(part), "{problem}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn wishes() {
    let id = ("id", "7");
    let image = Wish::Open(Box::new(Route::parse(
        "#/image/index.docker.io/library/debian:12",
    )));
    check(
        &[id, ("type", "open"), ("reference", "debian:12")],
        Ok(image),
    );
    check(
        &[id, ("type", "open"), ("reference", "Debian")],
        Err("lower case"),
    );
    check(
        &[id, ("type", "open"), ("route", "#/nowhere")],
        Err("no page"),
    );
    check(
        &[id, ("type", "open"), ("route", "#/settings")],
        Err("not shown"),
    );
    check(&[id, ("type", "open")], Err("neither reference nor route"));
    check(&[id, ("type", "dance")], Err("no message of type"));
    check(&[id, ("type", "content")], Err("neither bytes nor a file"));
    let long = "x".repeat(MAX_TEXT + 1);
    check(
        &[id, ("type", "open"), ("route", &long)],
        Err("longer than"),
    );
    let at = |username: Option<&str>, secret: &str| Wish::Credential {
        registry: Registry::parse("r.example").unwrap(),
        username: username.map(str::to_owned),
        secret: secret.into(),
    };
    let r = ("registry", "r.example");
    let (u, p) = (("username", "ann"), ("password", "s"));
    check(
        &[id, ("type", "credential"), r, u, p],
        Ok(at(Some("ann"), "s")),
    );
    check(
        &[id, ("type", "credential"), r, ("token", "t")],
        Ok(at(None, "t")),
    );
    check(&[id, ("type", "credential"), r, u], Err("neither username"));
    check(&[id, ("type", "credential"), u, p], Err("host is missing"));
    let content = Heard {
        has_content: true,
        ..heard(HOST, &[("type", "content"), ("name", "a.whl")])
    };
    let name = "a.whl".to_owned();
    assert_eq!(
        greeted().hear(content),
        Reaction::Do(None, Wish::Content { name })
    );
}

#[test]
fn what_is_told() {
    let told = Told::Navigated {
        route: "#/help".into(),
        title: "Help".into(),
    };
    assert_eq!(
        told.to_json(),
        r##"{"version":1,"type":"navigated","route":"#/help","title":"Help"}"##
    );
    let selection = Selection {
        kind: "file".into(),
        path: "etc/os-release".into(),
        ..Selection::default()
    };
    let json: serde_json::Value =
        serde_json::from_str(&Told::Selected(selection).to_json()).unwrap();
    assert_eq!(json["type"], "selected");
    assert_eq!(json["path"], "etc/os-release");
    let denied: serde_json::Value = serde_json::from_str(DENIED).unwrap();
    assert_eq!(denied.as_object().unwrap().len(), 2);
    assert_eq!(denied["version"], VERSION);
}

#[test]
fn looks() {
    let look = Look::parse("proxy=x&embed=1&theme=dark&density=compact");
    assert_eq!((look.embed, look.compact), (true, true));
    assert_eq!(look.theme.as_deref(), Some("dark"));
    assert_eq!(Look::parse("embed=2&theme=pink"), Look::default());
}
