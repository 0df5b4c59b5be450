//! Configurations, histories, lists of layers and of packages.

use crate::compare::align::Pair;
use crate::compare::config::{MAX_FIELDS, fields};
use crate::compare::history::steps;
use crate::compare::installed::{Installed, packages};
use crate::compare::layers::{Layer, Shared, layers};
use crate::config::ImageConfig;
use crate::digest::{Algorithm, Digest};

/// Differences as `path: left | right`, `-` for what is not there.
#[track_caller]
fn check_fields(left: &str, right: &str, expect: &[&str], same: usize) {
    let found = fields(left.as_bytes(), right.as_bytes(), &["history"]);
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let shown: Vec<String> = found
        .fields
        .iter()
        .map(|f| {
            format!(
                "{}: {} | {}",
                f.path.join("."),
                side(&f.left),
                side(&f.right)
            )
        })
        .collect();
    assert_eq!(shown, expect);
    assert_eq!((found.differ, found.same), (expect.len(), same));
}

#[test]
fn documents_field_by_field() {
    check_fields("{}", "{}", &[], 0);
    check_fields(r#"{"a":1}"#, r#"{"a":1}"#, &[], 1);
    check_fields(
        r#"{"a":1,"b":2}"#,
        r#"{"b":3,"c":"x"}"#,
        &["a: 1 | -", "b: 2 | 3", "c: - | x"],
        0,
    );
    check_fields(r#"{"a":null}"#, "{}", &[], 0);
    check_fields(r#"{"history":[1]}"#, r#"{"history":[2]}"#, &[], 0);
    check_fields("no JSON", r#"{"a":true}"#, &["a: - | true"], 0);
    check_fields(
        r#"{"config":{"Cmd":["sh","-c"],"ExposedPorts":{"80/tcp":{}},"Labels":{"v":"1","w":"2"}}}"#,
        r#"{"config":{"Cmd":["sh"],"ExposedPorts":{"81/tcp":{}},"Labels":{"v":"2","w":"2"}}}"#,
        &[
            r#"config.Cmd: ["sh","-c"] | ["sh"]"#,
            "config.ExposedPorts.80/tcp: {} | -",
            "config.Labels.v: 1 | 2",
            "config.ExposedPorts.81/tcp: - | {}",
        ],
        1,
    );
    // Variables by their names; the last one set counts, and their order does not.
    check_fields(
        r#"{"config":{"Env":["PATH=/bin","A=1","A=2","B"]}}"#,
        r#"{"config":{"Env":["A=2","PATH=/usr/bin","B="]}}"#,
        &["config.Env.PATH: /bin | /usr/bin"],
        2,
    );
    // Deep ones as a whole.
    check_fields(
        r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}"#,
        r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":2}}}}}}}"#,
        &[r#"a.b.c.d.e.f: {"g":1} | {"g":2}"#],
        0,
    );
}

#[test]
fn differing_fields_are_bounded() {
    let many: Vec<String> = (0..3000).map(|i| format!("\"k{i}\":{i}")).collect();
    let text = format!("{{{}}}", many.join(","));
    let found = fields(text.as_bytes(), b"{}", &[]);
    assert_eq!((found.fields.len(), found.differ), (MAX_FIELDS, 3000));
    let long = format!(r#"{{"a":"{}"}}"#, "é".repeat(9000));
    let found = fields(long.as_bytes(), b"{}", &[]);
    let told = found.fields[0].left.as_ref().unwrap();
    assert!(told.ends_with("é …") && told.chars().count() < 4100);
}

fn config(steps: &[(&str, bool)]) -> ImageConfig {
    let history: Vec<String> = steps
        .iter()
        .enumerate()
        .map(|(i, (by, empty))| {
            format!(r#"{{"created":"2024-01-0{i}","created_by":"{by}","empty_layer":{empty}}}"#)
        })
        .collect();
    let json = format!(r#"{{"history":[{}]}}"#, history.join(","));
    ImageConfig::parse(json.as_bytes()).unwrap()
}

#[test]
fn histories_step_by_step() {
    let left = config(&[("ADD base", false), ("ENV A=1", true), ("RUN x", false)]);
    let right = config(&[("ADD base", false), ("RUN y", false), ("RUN x", false)]);
    let found = steps(&left, &right, (2, 3));
    let at: Vec<_> = found
        .iter()
        .map(|s| (s.at, s.left_layer, s.right_layer))
        .collect();
    assert_eq!(
        at,
        [
            (Pair::Both(0, 0), Some(0), Some(0)),
            (Pair::Left(1), None, None),
            (Pair::Right(1), None, Some(1)),
            (Pair::Both(2, 2), Some(1), Some(2)),
        ]
    );
    // Where steps and layers do not match, no layer is named.
    assert!(
        steps(&left, &right, (5, 3))
            .iter()
            .all(|s| s.left_layer.is_none())
    );
}

fn digest(name: &str) -> Digest {
    Digest::of(Algorithm::Sha256, name.as_bytes())
}

/// Layers from `name` or `name/what it unpacks to`.
fn list(names: &[&str]) -> Vec<Layer> {
    names
        .iter()
        .map(|name| Layer {
            digest: digest(name),
            diff_id: name.split_once('/').map(|(_, diff)| digest(diff)),
            size: 100,
        })
        .collect()
}

#[test]
fn layers_that_are_shared() {
    #[track_caller]
    fn check(left: &[&str], right: &[&str], rows: &str, bytes: (u64, u64, u64)) {
        let found = layers(&list(left), &list(right));
        let shown: String = found
            .rows
            .iter()
            .map(|row| {
                let at = match row.at {
                    Pair::Both(..) => '=',
                    Pair::Left(_) => '<',
                    Pair::Right(_) => '>',
                };
                let how = match row.shared {
                    None => ' ',
                    Some(Shared::Digest) => 'd',
                    Some(Shared::DiffId) => 'u',
                };
                format!("{at}{how}")
            })
            .collect();
        assert_eq!(shown, rows);
        assert_eq!(
            (found.shared_bytes, found.left_bytes, found.right_bytes),
            bytes
        );
    }
    check(&[], &[], "", (0, 0, 0));
    check(&["a", "b"], &["a", "b"], "=d=d", (200, 0, 0));
    check(&["a", "b"], &["a", "c"], "=d< > ", (100, 100, 100));
    check(&["gz/a"], &["zst/a"], "=u", (0, 100, 100));
    // Of the same content in another order one stands alone, but is shared.
    check(&["a", "b"], &["b", "a"], "<d=d>d", (200, 0, 0));
    check(&["a"], &[], "< ", (0, 100, 0));
    let found = layers(&list(&["a", "gz/b", "c"]), &list(&["a", "zst/b"]));
    assert_eq!(found.shared, 2);
}

/// Packages from `name version [architecture]`.
fn installed(lines: &[&str]) -> Vec<Installed> {
    lines
        .iter()
        .map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            Installed {
                name: words.next().unwrap(),
                version: words.next().unwrap(),
                architecture: words.next().unwrap_or_else(|| "amd64".to_owned()),
                stated: Some(1),
            }
        })
        .collect()
}

#[test]
fn packages_by_name_and_version() {
    #[track_caller]
    fn check(left: &[&str], right: &[&str], expect: &[&str], same: usize) {
        let found = packages(&installed(left), &installed(right));
        let shown: Vec<String> = found
            .changed
            .iter()
            .map(|c| {
                let version = |p: &Option<Installed>| {
                    p.as_ref()
                        .map_or_else(|| "-".to_owned(), |p| p.version.clone())
                };
                format!("{} {} {}", c.name(), version(&c.left), version(&c.right))
            })
            .collect();
        assert_eq!(shown, expect);
        assert_eq!(found.same, same);
        assert_eq!(found.added + found.removed + found.versions, expect.len());
    }
    check(&[], &[], &[], 0);
    check(&["a 1", "b 1"], &["b 1", "a 1"], &[], 2);
    check(
        &["a 1", "b 1"],
        &["b 2", "c 1"],
        &["a 1 -", "b 1 2", "c - 1"],
        0,
    );
    check(&["a 1 amd64"], &["a 1 arm64"], &[], 1);
    check(&["a 1 amd64", "a 1 i386"], &["a 1 i386"], &["a 1 -"], 1);
    check(
        &["a 1 amd64", "a 2 i386"],
        &["a 3 i386", "a 1 amd64"],
        &["a 2 3"],
        1,
    );
    check(&["k 1", "k 2"], &["k 2", "k 3"], &["k 1 3"], 1);
    let many: Vec<String> = (0..2000).map(|i| format!("k {i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&many, &many, &[], 2000);
}
