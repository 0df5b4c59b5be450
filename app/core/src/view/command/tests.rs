use super::*;
use proptest::prelude::*;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};

/// What `sh` makes of a word.
fn shell(word: &str) -> Vec<u8> {
    let script = format!("printf %s {word}");
    let out = Process::new("sh").arg("-c").arg(script).output().unwrap();
    assert!(out.status.success(), "{word}");
    out.stdout
}

#[track_caller]
fn check_quote(word: &[u8], expect: &str) {
    assert_eq!(quote(word), expect);
    assert_eq!(shell(expect), word);
}

#[test]
fn quotes() {
    check_quote(b"usr/lib/os-release", "usr/lib/os-release");
    check_quote(b"", "''");
    check_quote(b"a b", "'a b'");
    check_quote(b"it's", "'it'\\''s'");
    check_quote(b"$(id)`id`\"\\", "'$(id)`id`\"\\'");
    check_quote("é".as_bytes(), "'é'");
    check_quote(b"a\nb", "\"$(printf 'a\\012b')\"");
    check_quote(b"a\n\n", "\"$(printf 'a')\"'\n\n'");
    check_quote(b"\n", "\"$(printf '')\"'\n'");
    check_quote(
        b"\xff%s\\n'\x1b",
        "\"$(printf '\\377\\045s\\134n\\047\\033')\"",
    );
    check_quote("\u{202e}x".as_bytes(), "\"$(printf '\\342\\200\\256x')\"");
    check_quote(b"-\n-x", "\"$(printf '\\055\\012-x')\"");
    check_quote(b"~", "'~'");
    check_quote(b"*", "'*'");
}

const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[track_caller]
fn check_lines(commands: &[Command], expect: &[&str]) {
    let lines: Vec<&str> = commands.iter().map(|c| c.line.as_str()).collect();
    assert_eq!(lines, expect);
    for c in commands {
        assert!(c.line.starts_with(c.tool));
    }
}

#[test]
fn two_images() {
    let route = Route::parse("/compare/debian:12,localhost:5000/a:1?pa=linux/arm64");
    check_lines(
        &compare(&route),
        &[
            "diff -u <(crane config --platform linux/arm64 docker.io/library/debian:12 | jq -S .) \
             <(crane config --insecure localhost:5000/a:1 | jq -S .)",
            "diff -u <(crane export --platform linux/arm64 docker.io/library/debian:12 - | tar -tf - | sort) \
             <(crane export --insecure localhost:5000/a:1 - | tar -tf - | sort)",
        ],
    );
    let route = Route::parse("/compare/debian:12,debian:13?path=etc/it%27s");
    check_lines(
        &compare(&route),
        &[
            "diff -u <(crane export docker.io/library/debian:12 - | tar -xOf - -- 'etc/it'\\''s') \
             <(crane export docker.io/library/debian:13 - | tar -xOf - -- 'etc/it'\\''s')",
        ],
    );
    assert!(compare(&Route::Start).is_empty());
}

#[test]
fn lines() {
    let debian = Repository::parse("debian").unwrap();
    let local = Repository::parse("localhost:5000/a").unwrap();
    let digest: Digest = SHA.parse().unwrap();
    check_lines(
        &tags(&debian),
        &[
            "crane ls docker.io/library/debian",
            "oras repo tags docker.io/library/debian",
            "curl -sSL https://registry-1.docker.io/v2/library/debian/tags/list | jq -r '.tags[]'",
        ],
    );
    check_lines(
        &layer(&local, &digest, TarFilter::Gzip),
        &[
            &format!("crane blob --insecure localhost:5000/a@{SHA} | tar -tvzf -"),
            &format!(
                "oras blob fetch --plain-http --output - localhost:5000/a@{SHA} | tar -tvzf -"
            ),
            &format!("curl -sSL http://localhost:5000/v2/a/blobs/{SHA} | tar -tvzf -"),
        ],
    );
    let one = file(&debian, &digest, TarFilter::Zstd, &EntryPath::from("-a b"));
    assert_eq!(
        one[0].line,
        format!(
            "crane blob docker.io/library/debian@{SHA} | tar --zstd -xOf - --no-unquote --no-wildcards -- '-a b'"
        )
    );
    let one = bare(&debian, &digest, Compression::Xz, &EntryPath::from("a b"));
    assert_eq!(
        one[0].line,
        format!("crane blob docker.io/library/debian@{SHA} | xz -dc > 'a b'")
    );
    assert_eq!(
        pull(&Reference::parse("debian:12").unwrap()).line,
        "docker pull debian:12"
    );
    assert!(
        manifest(&Reference::parse("debian").unwrap())[2]
            .line
            .contains("manifests/latest")
    );
    assert!(
        blob(&debian, &digest)[0]
            .line
            .ends_with(&format!(" > {}", digest.encoded()))
    );
    assert_eq!(
        catalog(local.registry())[0].line,
        "crane catalog --insecure localhost:5000"
    );
    assert!(
        referrers(&debian, &digest)[1]
            .line
            .contains("/referrers/sha256:")
    );
}

/// The part behind the pipe does what it says, with names that tar and shells trip over.
#[test]
fn tar_gives_the_file() {
    let names: [&[u8]; 8] = [
        b"./etc/os-release",
        b"-rf",
        b"a b'c\"d",
        b"back\\nslash",
        b"new\nline",
        b"star*[x]",
        b"caf\xe9",
        b"tail\n",
    ];
    let mut builder = tar::Builder::new(Vec::new());
    for (i, name) in names.iter().enumerate() {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        let content = format!("content {i}");
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    let archive = builder.into_inner().unwrap();
    let debian = Repository::parse("debian").unwrap();
    let digest: Digest = SHA.parse().unwrap();
    for (i, name) in names.iter().enumerate() {
        let commands = file(&debian, &digest, TarFilter::None, &EntryPath::new(*name));
        let (_, tar) = commands[0].line.split_once(" | ").unwrap();
        let mut sh = Process::new("sh");
        sh.arg("-c")
            .arg(tar)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = sh.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&archive).unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.stdout, format!("content {i}").into_bytes(), "{tar}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_word_survives_the_shell(
        word in prop_oneof![
            proptest::collection::vec(1u8.., 0..24),
            "[ -~\n\té\u{202e}]{0,24}".prop_map(String::into_bytes),
        ]
    ) {
        prop_assert_eq!(shell(&quote(&word)), word);
    }
}

#[test]
fn a_pushed_index_is_found_again() {
    use crate::digest::Algorithm;
    use crate::manifest::Document;
    let digest = |text: &str| Digest::of(Algorithm::Sha256, text.as_bytes());
    let repository = Repository::parse("localhost:5000/a/b").unwrap();
    let commands = push_ztoc(
        &repository,
        &PushedZtoc {
            file: "sha256-x.ztoc",
            digest: &digest("ztoc"),
            len: 4,
            layer: &digest("layer"),
            layer_type: "application/vnd.oci.image.layer.v1.tar+gzip",
            image: &digest("image"),
            image_len: 5,
            image_type: "application/vnd.oci.image.manifest.v1+json",
        },
    );
    assert_eq!(commands.len(), 3);
    assert_eq!(
        commands[0].line,
        "oras blob push --plain-http localhost:5000/a/b sha256-x.ztoc"
    );
    let (script, _) = commands[2].line.split_once(" | ").unwrap();
    let out = Process::new("sh").arg("-c").arg(script).output().unwrap();
    let Ok(Document::Manifest(index)) = Document::parse(&out.stdout, None) else {
        panic!("{:?}", String::from_utf8_lossy(&out.stdout));
    };
    let found = crate::soci::ztoc_of_layer(&index, &digest("layer")).unwrap();
    assert_eq!((&found.digest, found.size), (&digest("ztoc"), 4));
    assert_eq!(index.subject.unwrap().digest, digest("image"));
}
