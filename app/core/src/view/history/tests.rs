//! Steps as builders write them: from the configurations of published images, and by the builders'
//! sources where no such image is at hand.

use super::*;
use crate::manifest::Document;

#[track_caller]
fn check(created_by: &str, line: &str) {
    assert_eq!(Reader::default().read(created_by).line(), line);
}

#[test]
fn dockers_first_builder() {
    // debian:12, nginx:1.25, postgres, elasticsearch, jenkins.
    check(
        "/bin/sh -c #(nop) ADD file:b4987bca8c4c4c640d6b71dcccfd7172b44771e0f851a47d05c00c2bda68c6a9 in / ",
        "ADD file:b4987bca8c4c /",
    );
    check(
        "/bin/sh -c #(nop) COPY multi:b12ae1ab1c2c2c8a1ea0b3b0a9a9ac6d4b1f7b4e7f8f6d20b1d6bd5f0f2cc1ab in /usr/local/bin/ ",
        "COPY multi:b12ae1ab1c2c /usr/local/bin/",
    );
    check(
        "/bin/sh -c #(nop) COPY dir:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef in /app ",
        "COPY dir:0123456789ab /app",
    );
    check("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]");
    check(
        "/bin/sh -c #(nop)  CMD [\"nginx\" \"-g\" \"daemon off;\"]",
        "CMD [\"nginx\", \"-g\", \"daemon off;\"]",
    );
    check(
        "/bin/sh -c #(nop)  ENTRYPOINT [\"docker-entrypoint.sh\"]",
        "ENTRYPOINT [\"docker-entrypoint.sh\"]",
    );
    check(
        "/bin/sh -c #(nop)  ENTRYPOINT &{[\"/bin/sh\" \"-c\" \"run\"]}",
        "ENTRYPOINT [\"/bin/sh\", \"-c\", \"run\"]",
    );
    check(
        "/bin/sh -c #(nop)  ENV PATH=/usr/local/sbin:/usr/local/bin",
        "ENV PATH=/usr/local/sbin:/usr/local/bin",
    );
    check("/bin/sh -c #(nop)  EXPOSE 80/tcp", "EXPOSE 80/tcp");
    check(
        "/bin/sh -c #(nop) EXPOSE map[80/tcp:{} 443/tcp:{}]",
        "EXPOSE 80/tcp 443/tcp",
    );
    check(
        "/bin/sh -c #(nop)  VOLUME [/var/lib/postgresql/data]",
        "VOLUME [\"/var/lib/postgresql/data\"]",
    );
    check("/bin/sh -c #(nop)  USER 1000:1000", "USER 1000:1000");
    check("/bin/sh -c #(nop) WORKDIR /srv", "WORKDIR /srv");
    check(
        "/bin/sh -c #(nop)  STOPSIGNAL SIGQUIT",
        "STOPSIGNAL SIGQUIT",
    );
    check(
        "/bin/sh -c #(nop) MAINTAINER NGINX Docker Maintainers \"docker-maint@nginx.com\"",
        "MAINTAINER NGINX Docker Maintainers \"docker-maint@nginx.com\"",
    );
    check(
        "/bin/sh -c #(nop)  LABEL maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>",
        "LABEL maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>",
    );
    check(
        "/bin/sh -c #(nop)  ONBUILD COPY . /usr/src/app",
        "ONBUILD COPY . /usr/src/app",
    );
    check("/bin/sh -c apt-get update", "RUN apt-get update");
    check(
        "/bin/sh -c #(nop) nonsense here",
        "# /bin/sh -c #(nop) nonsense here",
    );
}

#[test]
fn health_checks() {
    let first = "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -f http://localhost/ || exit 1\"] \"30s\" \"3s\" \"0s\" '\\x03'}";
    let line = "HEALTHCHECK --interval=30s --timeout=3s --retries=3 CMD curl -f http://localhost/ || exit 1";
    check(&format!("/bin/sh -c #(nop)  {first}"), line);
    check(
        "HEALTHCHECK &{[CMD-SHELL curl -f http://localhost/ || exit 1] 30s 3s 0s 0s 3}",
        line,
    );
    check(
        "HEALTHCHECK &{[\"CMD\" \"/check\" \"--now\"] \"0s\" \"0s\" \"5s\" \"0s\" '\\x00'}",
        "HEALTHCHECK --start-period=5s CMD [\"/check\", \"--now\"]",
    );
    check("HEALTHCHECK &{[NONE] 0s 0s 0s 0s 0}", "HEALTHCHECK NONE");
    check("HEALTHCHECK &{odd", "HEALTHCHECK &{odd");
}

#[test]
fn buildkit() {
    check(
        "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit",
        "RUN apt-get update && apt-get install -y curl",
    );
    check("COPY go.mod go.sum ./ # buildkit", "COPY go.mod go.sum ./");
    check(
        "COPY /usr/local/cargo /usr/local/cargo # buildkit",
        "COPY /usr/local/cargo /usr/local/cargo",
    );
    check("ADD rootfs.tar.xz / # buildkit", "ADD rootfs.tar.xz /");
    check("EXPOSE map[3000/tcp:{}]", "EXPOSE 3000/tcp");
    check("EXPOSE [3000/tcp 53/udp]", "EXPOSE 3000/tcp 53/udp");
    check("VOLUME [/a /b]", "VOLUME [\"/a\", \"/b\"]");
    check(
        "ENTRYPOINT [\"/app\" \"serve\"]",
        "ENTRYPOINT [\"/app\", \"serve\"]",
    );
    check(
        "CMD [\"sh\", \"-c\", \"a b\"]",
        "CMD [\"sh\", \"-c\", \"a b\"]",
    );
    check("CMD []", "CMD []");
    check(
        "SHELL [/bin/bash -o pipefail -c]",
        "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]",
    );
    check(
        "RUN /bin/bash -o pipefail -c set -x | cat # buildkit",
        "RUN set -x | cat",
    );
    // Without a shell.
    check(
        "RUN /usr/bin/make install # buildkit",
        "RUN /usr/bin/make install",
    );
}

#[test]
fn heredocs() {
    check(
        "RUN /bin/sh -c apt-get update\napt-get install -y curl\n # buildkit",
        "RUN <<EOF\napt-get update\napt-get install -y curl\nEOF",
    );
    check(
        "RUN /bin/sh -c <<EOT python3\nprint('x')\nEOT # buildkit",
        "RUN <<EOT python3\nprint('x')\nEOT",
    );
    check(
        "COPY <<nginx.conf /etc/nginx/ # buildkit",
        "COPY <<nginx.conf /etc/nginx/",
    );
}

#[test]
fn lines_that_were_continued() {
    check(
        "/bin/sh -c set -eux; \tapt-get update; \tapt-get install -y --no-install-recommends \t\tca-certificates \t; \trm -rf /var/lib/apt/lists/*",
        "RUN set -eux; \\\n    apt-get update; \\\n    apt-get install -y --no-install-recommends \\\n    ca-certificates \\\n    ; \\\n    rm -rf /var/lib/apt/lists/*",
    );
    check(
        "RUN /bin/sh -c echo 'a   b' \"c   \\\"  d\" &&     true # buildkit",
        "RUN echo 'a   b' \"c   \\\"  d\" && \\\n    true",
    );
}

#[track_caller]
fn check_args(
    reader: &mut Reader,
    text: &str,
    args: &[(&str, &str)],
    line: &str,
    ran: Option<&str>,
) {
    let found = reader.read(text);
    let pairs: Vec<(&str, &str)> = found
        .args
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(pairs, args, "{text}");
    assert_eq!(found.line(), line);
    assert_eq!(found.ran.as_deref(), ran, "{text}");
}

#[test]
fn build_arguments() {
    let mut reader = Reader::default();
    let fresh = &mut Reader::default();
    check_args(
        fresh,
        "|1 VERSION=1.2 /bin/sh -c curl example.com/$VERSION",
        &[("VERSION", "1.2")],
        "RUN curl example.com/$VERSION",
        Some("curl example.com/1.2"),
    );
    check_args(
        fresh,
        "RUN |2 A=one two B= /bin/sh -c echo \"$A\" ${B}x '$A' \\$A $AB # buildkit",
        &[("A", "one two"), ("B", "")],
        "RUN echo \"$A\" ${B}x '$A' \\$A $AB",
        Some("echo \"one two\" x '$A' \\$A $AB"),
    );
    // Nothing is put in where nothing is used.
    check_args(
        fresh,
        "|1 TARGETARCH=arm64 /bin/sh -c true",
        &[("TARGETARCH", "arm64")],
        "RUN true",
        None,
    );
    check_args(fresh, "|0 /bin/sh -c true", &[], "RUN true", None);
    // A value that looks like another argument, told apart by what was declared.
    for arg in ["/bin/sh -c #(nop)  ARG OPTS", "ARG LEVEL=3"] {
        reader.read(arg);
    }
    check_args(
        &mut reader,
        "|2 LEVEL=4 OPTS=-DX=1 Y=2 z /bin/sh -c make $OPTS",
        &[("LEVEL", "4"), ("OPTS", "-DX=1 Y=2 z")],
        "RUN make $OPTS",
        Some("make -DX=1 Y=2 z"),
    );
    // Without a shell.
    check_args(
        fresh,
        "RUN |1 A=x /usr/bin/make all # buildkit",
        &[("A", "x")],
        "RUN /usr/bin/make all",
        None,
    );
    // What makes no sense is a command.
    check_args(fresh, "|x /bin/sh", &[], "RUN |x /bin/sh", None);
    check_args(
        fresh,
        "|999999999999 A=1 x",
        &[],
        "RUN |999999999999 A=1 x",
        None,
    );
}

#[test]
fn buildah_and_kaniko() {
    check(
        "/bin/sh -c #(nop) COPY file:5b38ebd9fea1bd23cec1f6a1f7b5a3a1b9a3b30b1d9f1c8e1ab2c3d4e5f60718 in /entry.sh ",
        "COPY file:5b38ebd9fea1 /entry.sh",
    );
    check("/bin/sh -c #(nop) CMD [\"/bin/sh\"]", "CMD [\"/bin/sh\"]");
    check("/bin/sh", "# /bin/sh");
    check("RUN apk add --no-cache git", "RUN apk add --no-cache git");
    check(
        "COPY --from=0 /workspace/app /app",
        "COPY --from=0 /workspace/app /app",
    );
}

#[test]
fn windows() {
    check(
        "Apply image 10.0.20348.2582",
        "# Apply image 10.0.20348.2582",
    );
    check(
        "Install update 10.0.20348.2700",
        "# Install update 10.0.20348.2700",
    );
    check("cmd /S /C #(nop)  CMD [\"cmd\"]", "CMD [\"cmd\"]");
    check("cmd /S /C mkdir C:\\app", "RUN mkdir C:\\app");
    check(
        "powershell -Command $ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; Invoke-WebRequest -Uri $env:URL",
        "RUN Invoke-WebRequest -Uri $env:URL",
    );
    check(
        "RUN powershell -Command New-Item -ItemType Directory C:\\data # buildkit",
        "RUN New-Item -ItemType Directory C:\\data",
    );
    check(
        "powershell -Command $ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; #(nop)  ENV GO=1.22",
        "ENV GO=1.22",
    );
    check("C:\\Windows\\System32\\cmd.exe /S /C dir", "RUN dir");
    // A shell of one's own.
    let mut reader = Reader::default();
    let shell = "SHELL [pwsh -NoLogo -Command $X = 'a b'; $Y = 2;]";
    assert_eq!(reader.read(shell).line(), shell);
    let run = reader.read("pwsh -NoLogo -Command $X = 'a b'; $Y = 2; Get-Item $X");
    assert_eq!(run.line(), "RUN Get-Item $X");
    let nop = reader.read("pwsh -NoLogo -Command $X = 'a b'; $Y = 2; #(nop) WORKDIR C:\\x");
    assert_eq!(nop.line(), "WORKDIR C:\\x");
}

#[test]
fn what_no_dockerfile_made() {
    let entry = |created_by: &str, comment: &str, author: &str| HistoryEntry {
        created_by: Some(created_by.to_owned()),
        comment: Some(comment.to_owned()),
        author: Some(author.to_owned()),
        ..HistoryEntry::default()
    };
    let told = |entry: &HistoryEntry| {
        let step = step(&mut Reader::default(), entry);
        (step.instruction.line(), step.note, step.by)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told(&entry("bazel build //cmd:image", "", "Bazel")),
        ("# bazel build //cmd:image".to_owned(), None, some("Bazel"))
    );
    assert_eq!(
        told(&entry(
            "ko build ko://example.com/cmd/app",
            "go build output, at /ko-app/app",
            "github.com/ko-build/ko"
        )),
        (
            "# ko build ko://example.com/cmd/app".to_owned(),
            some("go build output, at /ko-app/app"),
            some("github.com/ko-build/ko")
        )
    );
    assert_eq!(
        told(&entry("jib-maven-plugin:3.4.0", "classes", "Jib")),
        (
            "# jib-maven-plugin:3.4.0".to_owned(),
            some("classes"),
            some("Jib")
        )
    );
    assert_eq!(
        told(&entry("apko", "This is an apko single-layer image", "apko")).1,
        some("This is an apko single-layer image")
    );
    // Debian's images of today, and nix's, which state no command.
    assert_eq!(
        told(&entry(
            "# debian.sh --arch 'amd64' out/ 'bookworm'",
            "debuerreotype 0.15",
            ""
        ))
        .0,
        "# debian.sh --arch 'amd64' out/ 'bookworm'"
    );
    let mut nix = entry("", "store paths: ['/nix/store/abc-hello']", "");
    assert_eq!(told(&nix).0, "# store paths: ['/nix/store/abc-hello']");
    nix.comment = None;
    assert_eq!(told(&nix).0, "# nothing is said of this step");
    // BuildKit's remark says nothing more.
    let made = entry("RUN true # buildkit", "buildkit.dockerfile.v0", "");
    assert_eq!(told(&made).1, None);
}

#[test]
fn steps_have_their_layers_and_shares() {
    let config = br#"{"history":[
        {"created_by":"ADD rootfs.tar.xz / # buildkit"},
        {"created_by":"ENV A=b","empty_layer":true},
        {"created_by":"RUN |1 V=1 /bin/sh -c make V=$V # buildkit","comment":"buildkit.dockerfile.v0"}]}"#;
    let image = ImageConfig::parse(config).unwrap();
    let all = steps(&image, &[Some(300), Some(100)]);
    let facts: Vec<_> = all
        .iter()
        .map(|s| (s.layer, s.size, s.share, s.empty))
        .collect();
    assert_eq!(
        facts,
        [
            (Some(0), Some(300), Some(0.75), false),
            (None, None, None, true),
            (Some(1), Some(100), Some(0.25), false),
        ]
    );
    assert_eq!(all[1].raw, None, "it stands as it is");
    assert!(all[2].raw.is_some());
    assert_eq!(
        dockerfile(&all),
        "ADD rootfs.tar.xz /\nENV A=b\n# with V=1\nRUN make V=$V\n"
    );
    // Where they cannot be told apart, no layer is named.
    assert!(steps(&image, &[Some(1)]).iter().all(|s| s.layer.is_none()));
    assert_eq!(steps(&image, &[None, None])[0].share, None);
    assert_eq!(steps(&image, &[Some(0), Some(0)])[0].share, None);
}

#[test]
fn schema_1() {
    let manifest = r##"{"schemaVersion":1,"name":"library/busybox","tag":"latest","architecture":"amd64",
        "fsLayers":[
            {"blobSum":"sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"},
            {"blobSum":"sha256:8ddc19f16526912237dd8af81971d5e4dd0587907234be2b83e249518d5b673f"}],
        "history":[
            {"v1Compatibility":"{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2016-03-18T18:22:48Z\",\"throwaway\":true,\"config\":{\"Cmd\":[\"sh\"],\"User\":\"nobody\"},\"container_config\":{\"Cmd\":[\"/bin/sh\",\"-c\",\"#(nop) CMD [\\\"sh\\\"]\"]}}"},
            {"v1Compatibility":"{\"id\":\"b1\",\"created\":\"2016-03-18T18:22:47Z\",\"container_config\":{\"Cmd\":[\"/bin/sh -c #(nop) ADD file:47ca6e777c36a4cfffe3f918b64a445c8f32300deeb9dfa5cc47261bd7b75d19 in /\"]}}"}]}"##;
    let Document::Schema1(old) = Document::parse(manifest.as_bytes(), None).unwrap() else {
        panic!("it is schema 1");
    };
    let image = ImageConfig::from_schema1(&old);
    assert_eq!(image.platform.as_ref().unwrap().to_string(), "linux/amd64");
    assert_eq!(image.created.as_deref(), Some("2016-03-18T18:22:48Z"));
    assert_eq!(
        (image.run.cmd.as_slice(), image.run.user.as_deref()),
        (&["sh".to_owned()][..], Some("nobody"))
    );
    let all = steps(&image, &[None, None]);
    let told: Vec<_> = all
        .iter()
        .map(|s| (s.instruction.line(), s.layer, s.empty))
        .collect();
    assert_eq!(
        told,
        [
            ("ADD file:47ca6e777c36 /".to_owned(), Some(0), false),
            ("CMD [\"sh\"]".to_owned(), Some(1), true),
        ]
    );
    let none = ImageConfig::from_schema1(&crate::manifest::Schema1::default());
    assert_eq!(
        none,
        ImageConfig {
            one_each: true,
            ..ImageConfig::default()
        }
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(texts in proptest::collection::vec(".{0,60}", 0..4)) {
        let mut reader = Reader::default();
        for text in &texts {
            reader.read(text);
            reader.read(&format!("RUN |2 A={text} /bin/sh -c {text}"));
            reader.read(&format!("|1 A=1 {text}"));
            reader.read(&format!("/bin/sh -c #(nop) HEALTHCHECK &{{{text}}}"));
            reader.read(&format!("SHELL [{text}]"));
            reader.read(&format!("CMD [{text}]"));
            reader.read(&format!("powershell -Command ${text}"));
        }
    }
}
