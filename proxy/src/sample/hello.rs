//! `demo/hello`: two platforms, several layers, an attestation for each, a referrer, many tags.

use serde_json::{Value, json};

use super::Repo;
use super::content;
use super::image::{
    CONFIG, CREATED, Descriptor, EMPTY, INDEX, Index, Layer, LayerBuilder, MANIFEST, Manifest,
    pretty,
};
use super::programs::{Machine, hello, picture};

/// The last of the versions v1.0, v1.1 …: with two digits, so that a plain sort gets it wrong.
const LAST_VERSION: u32 = 12;

impl Machine {
    fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    fn platform(self) -> Value {
        match self {
            Self::Amd64 => json!({"architecture": "amd64", "os": "linux"}),
            Self::Arm64 => json!({"architecture": "arm64", "os": "linux", "variant": "v8"}),
        }
    }
}

pub(super) fn build() -> Repo {
    let mut repo = Repo::default();
    let (data, changes) = (data_layer(), changes_layer());
    let amd64_base = base_layer(Machine::Amd64);
    let last = format!("v1.{LAST_VERSION}");
    for minor in 0..LAST_VERSION {
        let version = format!("v1.{minor}");
        let layers = [&amd64_base, &data, &changes, &version_layer(&version)];
        let image = put_image(&mut repo, Machine::Amd64, &version, &layers);
        repo.tag(version, &image);
    }
    let newest = version_layer(&last);
    let amd64 = put_image(
        &mut repo,
        Machine::Amd64,
        &last,
        &[&amd64_base, &data, &changes, &newest],
    );
    let arm64_base = base_layer(Machine::Arm64);
    let arm64 = put_image(
        &mut repo,
        Machine::Arm64,
        &last,
        &[&arm64_base, &data, &changes, &newest],
    );
    let attestations = [
        put_attestation(&mut repo, &amd64),
        put_attestation(&mut repo, &arm64),
    ];
    let with_platform = |image: &Descriptor, machine: Machine| Descriptor {
        platform: Some(machine.platform()),
        ..image.clone()
    };
    let mut manifests = vec![
        with_platform(&amd64, Machine::Amd64),
        with_platform(&arm64, Machine::Arm64),
    ];
    manifests.extend(attestations);
    let index = repo.put_manifest(INDEX, &Index::new(manifests, annotations(&last)));
    for tag in ["latest", &last] {
        repo.tag(tag, &index);
    }
    repo.tag("amd64", &amd64);
    repo.tag("arm64", &arm64);
    put_spdx(&mut repo, &amd64);
    repo
}

fn annotations(version: &str) -> Value {
    json!({
        "org.opencontainers.image.created": CREATED,
        "org.opencontainers.image.title": "hello",
        "org.opencontainers.image.description": "A sample to look around in: whiteouts, links, odd names",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
    })
}

fn put_image(repo: &mut Repo, machine: Machine, version: &str, layers: &[&Layer; 4]) -> Descriptor {
    let step =
        |by: &str| json!({"created": CREATED, "created_by": by, "comment": "layerscope sample"});
    let empty = |by: &str| json!({"created": CREATED, "created_by": by, "comment": "layerscope sample", "empty_layer": true});
    let mut config = json!({
        "created": CREATED,
        "author": "Layerscope",
        "config": {
            "User": "hello",
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=en"],
            "Entrypoint": ["/usr/bin/hello"],
            "Cmd": ["--greet"],
            "WorkingDir": "/home/hello",
            "Labels": {"org.opencontainers.image.version": version},
            "ExposedPorts": {"8080/tcp": {}},
            "StopSignal": "SIGTERM"
        },
        "rootfs": {"type": "layers", "diff_ids": layers.map(|layer| layer.diff_id.clone())},
        "history": [
            step("ADD rootfs.tar / # base"),
            empty("ENV LANG=en"),
            step("COPY data/ / # greetings, tables, documents"),
            step("RUN rm /etc/motd && rm -r /usr/share/tables/draft /var/cache/old && mkdir /var/cache/old"),
            empty(&format!("LABEL org.opencontainers.image.version={version}")),
            step(&format!("COPY release/{version}/ /")),
            empty("USER hello"),
            empty("ENTRYPOINT [\"/usr/bin/hello\"]"),
            empty("CMD [\"--greet\"]")
        ]
    });
    if let (Some(config), Some(platform)) = (config.as_object_mut(), machine.platform().as_object())
    {
        config.extend(platform.clone());
    }
    let config = repo.put_blob(CONFIG, pretty(&config));
    let layers = layers.iter().map(|layer| repo.put_layer(layer)).collect();
    let mut manifest = Manifest::new(config, layers);
    manifest.annotations = Some(annotations(version));
    repo.put_manifest(MANIFEST, &manifest)
}

fn put_attestation(repo: &mut Repo, image: &Descriptor) -> Descriptor {
    let predicate = "https://slsa.dev/provenance/v1";
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": predicate,
        "subject": [{
            "name": "pkg:docker/demo/hello?repository_url=sample.localhost",
            "digest": {"sha256": image.digest.trim_start_matches("sha256:")}
        }],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://example.org/layerscope/sample@v1",
                "externalParameters": {"source": "proxy/src/sample"}
            },
            "runDetails": {"builder": {"id": "https://example.org/layerscope"}}
        }
    });
    let mut layer = repo.put_blob("application/vnd.in-toto+json", pretty(&statement));
    layer.annotations = Some(json!({"in-toto.io/predicate-type": predicate}));
    let config = json!({
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]}
    });
    let config = repo.put_blob(CONFIG, pretty(&config));
    let mut descriptor = repo.put_manifest(MANIFEST, &Manifest::new(config, vec![layer]));
    descriptor.platform = Some(json!({"architecture": "unknown", "os": "unknown"}));
    descriptor.annotations = Some(json!({
        "vnd.docker.reference.digest": image.digest,
        "vnd.docker.reference.type": "attestation-manifest"
    }));
    descriptor
}

fn put_spdx(repo: &mut Repo, subject: &Descriptor) {
    let kind = "application/spdx+json";
    let package = |name: &str, version: &str| {
        json!({
            "SPDXID": format!("SPDXRef-Package-{name}"), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "licenseConcluded": "MIT OR Apache-2.0"
        })
    };
    let document = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "dataLicense": "CC0-1.0",
        "name": "demo/hello", "documentNamespace": "https://example.org/layerscope/sample/hello",
        "creationInfo": {"created": CREATED, "creators": ["Tool: layerscope-sample"]},
        "packages": [package("hello", "1.12"), package("greetings", "44"), package("tables", "100")]
    });
    let layer = repo.put_blob(kind, pretty(&document));
    let config = repo.put_blob(EMPTY, &b"{}"[..]);
    let mut manifest = Manifest::new(config, vec![layer]);
    manifest.artifact_type = Some(kind.into());
    manifest.subject = Some(subject.clone());
    let annotations = json!({"org.opencontainers.image.created": CREATED});
    manifest.annotations = Some(annotations.clone());
    let mut descriptor = repo.put_manifest(MANIFEST, &manifest);
    descriptor.artifact_type = Some(kind.into());
    descriptor.annotations = Some(annotations);
    repo.referrers
        .entry(subject.digest.clone())
        .or_default()
        .push(descriptor);
}

fn base_layer(machine: Machine) -> Layer {
    let mut layer = LayerBuilder::new();
    layer
        .dirs(&[
            "dev",
            "etc",
            "etc/hello",
            "home",
            "home/hello",
            "proc",
            "sys",
            "usr",
            "usr/bin",
        ])
        .dirs(&[
            "usr/lib",
            "usr/share",
            "usr/share/loops",
            "var",
            "var/cache",
            "var/cache/old",
        ])
        .dir("root", 0o700)
        .dir("tmp", 0o1777)
        .symlink("bin", "usr/bin")
        .symlink("lib", "usr/lib")
        .file("etc/os-release", 0o644, content::OS_RELEASE)
        .file("etc/passwd", 0o644, content::PASSWD)
        .file("etc/group", 0o644, content::GROUP)
        .file(
            "etc/shadow",
            0o640,
            "root:*:19844:0:99999:7:::\nhello:!:19844:0:99999:7:::\n",
        )
        .file("etc/motd", 0o644, content::MOTD)
        .file("etc/hostname", 0o644, "looking-glass\n")
        .file("etc/architecture", 0o644, format!("{}\n", machine.name()))
        .file(
            "etc/hello/config.json",
            0o644,
            "{\n  \"greeting\": \"en\",\n  \"loud\": false\n}\n",
        )
        .symlink("etc/mtab", "/proc/self/mounts")
        .symlink("etc/missing", "../nowhere/at/all")
        .file("usr/bin/hello", 0o755, hello(machine))
        .hard_link("usr/bin/hallo", "usr/bin/hello")
        .file("usr/bin/greet", 0o755, content::GREET)
        .symlink("usr/bin/greet-latest", "greet")
        .file("usr/bin/whoami-really", 0o4755, content::SETUID)
        .file_with_xattr(
            "usr/bin/pinger",
            ("user.comment", b"an extended attribute"),
            content::GREET.as_bytes(),
        )
        .symlink("usr/share/loops/this", "that")
        .symlink("usr/share/loops/that", "this")
        .symlink("usr/share/loops/self", "self")
        .char_device("dev/null", 1, 3)
        .fifo("dev/initctl")
        .user_file(
            "home/hello/notes.txt",
            "Things to look at:\n- the merged file system\n- who owns this file\n",
        );
    for number in 0..10 {
        let text = format!("Cached page {number}. A later layer makes this directory opaque.\n")
            .repeat(20);
        layer.file(&format!("var/cache/old/page-{number}.txt"), 0o644, text);
    }
    layer.finish()
}

fn data_layer() -> Layer {
    let mut layer = LayerBuilder::new();
    layer.dirs(&[
        "usr",
        "usr/share",
        "usr/share/dict",
        "usr/share/doc",
        "usr/share/doc/sample",
        "usr/share/hello",
        "usr/share/hello/greetings",
        "usr/share/hello/pictures",
        "usr/share/tables",
        "usr/share/tables/draft",
    ]);
    for (name, text) in content::DOCS {
        layer.file(&format!("usr/share/doc/sample/{name}"), 0o644, text);
    }
    for (name, text) in content::greetings() {
        layer.file(&format!("usr/share/hello/greetings/{name}"), 0o644, text);
    }
    layer.file(
        "usr/share/hello/greetings.json",
        0o644,
        content::greetings_json(),
    );
    layer.file("usr/share/hello/planets.json", 0o644, content::PLANETS);
    layer.file("usr/share/hello/pictures/layers.png", 0o644, picture());
    for number in 1..=100 {
        layer.file(
            &format!("usr/share/tables/{number:03}.txt"),
            0o644,
            content::times_table(number),
        );
    }
    for number in 101..=110 {
        layer.file(
            &format!("usr/share/tables/draft/{number}.txt"),
            0o600,
            content::times_table(number),
        );
    }
    layer.file("usr/share/dict/numbers", 0o644, content::numbers());
    let mut path = String::from("opt");
    layer.dir(&path, 0o755);
    for turn in [
        "labyrinth",
        "left",
        "right",
        "left",
        "left",
        "right",
        "straight-on",
        "down",
        "left",
        "up",
        "right",
        "left",
    ] {
        path = format!("{path}/{turn}");
        layer.dir(&path, 0o755);
    }
    layer.file(
        &format!("{path}/treasure.txt"),
        0o644,
        "You found it, twelve directories deep.\n",
    );
    // Over a hundred bytes: more than the oldest header form can name.
    let long = "a-name-that-is-longer-than-one-hundred-bytes-because-some-build-tools-like-to-write-everything-they-know-into-it.txt";
    layer.file(
        &format!("opt/labyrinth/{long}"),
        0o644,
        "Long names are common in node_modules.\n",
    );
    layer.finish()
}

fn changes_layer() -> Layer {
    let mut layer = LayerBuilder::new();
    layer
        .dirs(&["etc", "etc/hello"])
        .whiteout("etc", "motd")
        .file("etc/hello/config.json", 0o644, "{\n  \"greeting\": \"eo\",\n  \"loud\": true,\n  \"changed\": \"by a later layer\"\n}\n")
        .dirs(&["usr", "usr/share", "usr/share/tables"])
        .whiteout("usr/share/tables", "draft")
        .dirs(&["var", "var/cache", "var/cache/old"])
        .opaque("var/cache/old")
        .file("var/cache/old/fresh.txt", 0o644, "The only file here now: what lower layers had in this directory is hidden.\n");
    layer.finish()
}

fn version_layer(version: &str) -> Layer {
    let mut layer = LayerBuilder::new();
    layer
        .dirs(&["etc", "etc/hello", "srv", "srv/names"])
        .file("etc/hello/version", 0o644, format!("{version}\n"))
        .file(
            "srv/names/with spaces and (brackets).txt",
            0o644,
            "Names are data.\n",
        )
        .file(
            "srv/names/percent%20sign?and#hash.txt",
            0o644,
            "A name that must be escaped in an address.\n",
        )
        .file(
            "srv/names/<img src=x onerror=alert(1)>.txt",
            0o644,
            "Shown as text, never run.\n",
        )
        .dir("srv/names/日本語", 0o755)
        .file("srv/names/日本語/こんにちは.txt", 0o644, "こんにちは\n")
        .file("srv/names/Ünïcödé.txt", 0o644, "Composed letters.\n")
        .file("srv/names/🚀.txt", 0o644, "Outside of the basic plane.\n")
        .file("srv/names/.hidden", 0o600, "A dot in front.\n");
    layer.finish()
}
