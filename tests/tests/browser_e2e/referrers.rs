//! What refers to an image, pushed in each way that a registry without the API leaves: fallback
//! tags, cosign's tags, attestations in the index.

use layerscope_tests::{
    browser::Browser,
    corpus::push::{Image, NewLayer, Pusher, digest, media},
    net::wait,
    page::Page,
};
use serde_json::{Value, json};

use crate::stage;

const REPOSITORY: &str = "made/referred";
const SBOM: &str = "application/spdx+json";
const VEX: &str = "application/vex+json";

/// A manifest as its descriptor names it.
#[derive(Clone)]
struct Named {
    digest: String,
    size: u64,
}

struct Pushed {
    index: Named,
    amd64: Image,
    arm64: Image,
    attestation: Named,
    sbom: Named,
    signature: Named,
    of_sbom: Named,
    of_index: Named,
}

/// Pushes an artifact under a tag.
fn artifact(pusher: &Pusher, tag: &str, kind: &str, subject: Option<&Named>) -> Named {
    let config = wait(pusher.blob(REPOSITORY, b"{}".to_vec())).unwrap();
    let content = format!("{kind} as {tag}").into_bytes();
    let size = content.len();
    let blob = wait(pusher.blob(REPOSITORY, content)).unwrap();
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": media::MANIFEST, "artifactType": kind,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": kind, "digest": blob, "size": size}],
    });
    if let Some(subject) = subject {
        manifest["subject"] =
            json!({"mediaType": media::MANIFEST, "digest": subject.digest, "size": subject.size});
    }
    let pushed = wait(pusher.manifest(REPOSITORY, tag, media::MANIFEST, &manifest)).unwrap();
    Named {
        digest: pushed.0,
        size: pushed.1,
    }
}

fn named(image: &Image) -> Named {
    Named {
        digest: image.digest.clone(),
        size: image.size,
    }
}

fn tag_of(of: &Named) -> String {
    of.digest.replace(':', "-")
}

/// Lists artifacts under the fallback tag of another.
fn list(pusher: &Pusher, of: &Named, entries: &[(&Named, &str)]) {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(one, kind)| {
            json!({"mediaType": media::MANIFEST, "digest": one.digest, "size": one.size, "artifactType": kind})
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries});
    wait(pusher.manifest(REPOSITORY, &tag_of(of), media::INDEX, &index)).unwrap();
}

fn push(pusher: &Pusher) -> Pushed {
    let layer = |name: &str| NewLayer {
        blob: name.as_bytes().to_vec(),
        media_type: media::TAR,
        diff_id: digest(name.as_bytes()),
        created_by: "COPY . /".into(),
    };
    let image = |architecture: &str| {
        let layers = vec![layer(architecture)];
        wait(pusher.image(REPOSITORY, architecture, architecture, layers)).unwrap()
    };
    let (amd64, arm64) = (image("amd64"), image("arm64"));
    let attestation = artifact(pusher, "attestation", "application/vnd.in-toto+json", None);
    let entry = |image: &Image, architecture: &str| {
        json!({"mediaType": image.media_type, "digest": image.digest, "size": image.size,
            "platform": {"os": "linux", "architecture": architecture}})
    };
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [
        entry(&amd64, "amd64"),
        entry(&arm64, "arm64"),
        {"mediaType": media::MANIFEST, "digest": attestation.digest, "size": attestation.size,
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": amd64.digest}},
    ]});
    let (digest, size) = wait(pusher.manifest(REPOSITORY, "latest", media::INDEX, &index)).unwrap();
    let index = Named { digest, size };

    let subject = named(&amd64);
    let sbom = artifact(pusher, "sbom", SBOM, Some(&subject));
    // By the fallback tag and by cosign's: one and the same.
    let tag = format!("{}.sig", tag_of(&subject));
    let signature = artifact(
        pusher,
        &tag,
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        None,
    );
    list(
        pusher,
        &subject,
        &[
            (&sbom, SBOM),
            (
                &signature,
                "application/vnd.dev.cosign.artifact.sig.v1+json",
            ),
        ],
    );
    let tag = format!("{}.att", tag_of(&sbom));
    let of_sbom = artifact(pusher, &tag, "application/vnd.dsse+json", None);
    let of_index = artifact(pusher, "vex", VEX, Some(&index));
    list(pusher, &index, &[(&of_index, VEX)]);
    Pushed {
        index,
        amd64,
        arm64,
        attestation,
        sbom,
        signature,
        of_sbom,
        of_index,
    }
}

/// The lines below a manifest: digest, depth, and what is written there.
fn lines(browser: &Browser, of: &str) -> Vec<(String, u64, String)> {
    let script = "return [...document.querySelectorAll(`[data-referrers-of='${arguments[0]}'] [data-referrer]`)]
        .map((row) => [row.dataset.referrer, Number(row.dataset.depth), row.innerText])";
    serde_json::from_value(browser.run(script, &[json!(of)])).unwrap()
}

/// Brings the section into view, as a reader who scrolls, and waits for the lists.
fn reaches(browser: &Browser) {
    browser.run("document.getElementById('referrers').scrollIntoView()", &[]);
    browser.until(
        "the lists",
        "const all = [...document.querySelectorAll('[data-referrers-of]')];
         return all.length > 0 && all.every((one) => one.querySelector('[role=status]') === null)",
        &[],
    );
}

fn digests(lines: &[(String, u64, String)]) -> Vec<&str> {
    lines.iter().map(|line| line.0.as_str()).collect()
}

#[test]
fn every_way_is_one_tree() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let pushed = push(&Pusher::new(corpus.anonymous.direct_host()));
    let host = corpus.anonymous.host();
    let page = Page::new(&browser, &proxy);
    page.load_ready(&format!("#/image/{host}/{REPOSITORY}"));
    reaches(&browser);

    // The index has its own; the platform has those of its manifest and the index's attestation.
    let of_index = lines(&browser, &pushed.index.digest);
    assert_eq!(digests(&of_index), [&pushed.of_index.digest]);
    assert!(of_index[0].2.contains(VEX), "{of_index:?}");
    let amd64 = lines(&browser, &pushed.amd64.digest);
    assert_eq!(
        digests(&amd64),
        [
            &pushed.attestation.digest,
            &pushed.sbom.digest,
            &pushed.signature.digest
        ]
    );
    assert!(amd64[0].2.contains("by the image index"), "{amd64:?}");
    assert!(amd64[1].2.contains(SBOM) && amd64[1].2.contains("by the fallback tag"));
    assert!(
        amd64[2].2.contains("by the fallback tag, cosign's tag"),
        "{amd64:?}"
    );
    browser.screenshot("referrers");

    // What refers to the list of contents, at a click.
    let button = format!("[data-referrer='{}'] button", pushed.sbom.digest);
    browser.click(&button);
    browser.until(
        "the next level",
        "return document.querySelector(`[data-referrer='${arguments[0]}'][data-depth='1']`) !== null",
        &[json!(pushed.of_sbom.digest)],
    );
    let deeper = lines(&browser, &pushed.amd64.digest);
    assert_eq!(deeper[2].0, pushed.of_sbom.digest);
    assert!(deeper[2].2.contains("cosign attestation"), "{deeper:?}");

    // Only one kind, and what leads there.
    browser.run(
        "const select = document.querySelector('[data-action=kind]');
         select.value = 'cosign attestation';
         select.dispatchEvent(new Event('change', { bubbles: true }))",
        &[],
    );
    browser.until(
        "the filtered tree",
        "return document.querySelectorAll('[data-referrer]').length === 2",
        &[],
    );
    let filtered = lines(&browser, &pushed.amd64.digest);
    assert_eq!(
        digests(&filtered),
        [&pushed.sbom.digest, &pushed.of_sbom.digest]
    );
    // What is not of that kind is not said to be absent.
    let said = |of: &str| {
        let script =
            "return document.querySelector(`[data-referrers-of='${arguments[0]}']`).innerText";
        browser
            .run(script, &[json!(of)])
            .as_str()
            .unwrap()
            .to_owned()
    };
    let of_index = said(&pushed.index.digest);
    assert!(of_index.contains("Nothing of this kind"), "{of_index}");
    // Another platform has none of it, and the choice can be undone.
    page.go(&format!(
        "#/image/{host}/{REPOSITORY}?platform=linux%2Farm64"
    ));
    page.ready();
    reaches(&browser);
    assert!(said(&pushed.arm64.digest).contains("Nothing refers to it"));
    browser.run(
        "const select = document.querySelector('[data-action=kind]');
         if (select.value !== 'cosign attestation') throw new Error(select.value);
         select.value = '';
         select.dispatchEvent(new Event('change', { bubbles: true }))",
        &[],
    );
    browser.until(
        "the index's own",
        "return document.querySelector(`[data-referrers-of='${arguments[0]}'] [data-referrer]`) !== null",
        &[json!(pushed.index.digest)],
    );
    page.go(&format!(
        "#/image/{host}/{REPOSITORY}?platform=linux%2Famd64"
    ));
    page.ready();
    reaches(&browser);

    // Each is a link to its manifest.
    browser.click(&format!("[data-referrer='{}'] a", pushed.sbom.digest));
    browser.until(
        "the manifest",
        "return document.documentElement.dataset.route?.endsWith('@' + arguments[0])",
        &[json!(pushed.sbom.digest)],
    );
    page.ready();

    // A platform to which nothing refers says so.
    page.go(&format!(
        "#/image/{host}/{REPOSITORY}?platform=linux%2Farm64"
    ));
    page.ready();
    reaches(&browser);
    assert!(lines(&browser, &pushed.arm64.digest).is_empty());
    let said = browser.run(
        "return document.querySelector(`[data-referrers-of='${arguments[0]}']`).innerText",
        &[json!(pushed.arm64.digest)],
    );
    assert!(
        said.as_str().unwrap().contains("Nothing refers to it"),
        "{said}"
    );
    page.assert_clean();
}

/// The page of its own shows the tree to its ends, and takes a filter from the address.
#[test]
fn a_page_of_its_own() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let pushed = push(&Pusher::new(corpus.anonymous.direct_host()));
    let host = corpus.anonymous.host();
    let page = Page::new(&browser, &proxy);
    let route = format!("#/referrers/{host}/{REPOSITORY}@{}", pushed.amd64.digest);
    page.load_ready(&route);
    browser.until(
        "the whole tree",
        "return document.querySelector(`[data-referrer='${arguments[0]}']`) !== null",
        &[json!(pushed.of_sbom.digest)],
    );
    page.go(&format!("{route}?artifactType=application%2Fspdx%2Bjson"));
    page.ready();
    browser.until(
        "the one",
        "const all = [...document.querySelectorAll(\"[data-referrer][data-depth='0']\")];
         return all.length === 1 && all[0].dataset.referrer === arguments[0]",
        &[json!(pushed.sbom.digest)],
    );
    // What lies below something of another type is found too.
    page.go(&format!("{route}?artifactType=cosign+attestation").replace('+', "%20"));
    page.ready();
    browser.until(
        "what is below",
        "return document.querySelector(`[data-referrer='${arguments[0]}'][data-depth='1']`) !== null",
        &[json!(pushed.of_sbom.digest)],
    );
    page.assert_clean();
}

/// One way that fails is told beside what the others found; the page stands.
#[test]
fn what_fails_leaves_the_rest_alone() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let pushed = push(&Pusher::new(corpus.anonymous.direct_host()));
    let host = corpus.anonymous.host();
    let page = Page::new(&browser, &proxy);
    browser.cdp("Network.enable", json!({}));
    let block = |urls: &[&str]| browser.cdp("Network.setBlockedURLs", json!({"urls": urls}));
    block(&["*/api/v1/referrers*", "*.att*"]);
    page.load_ready(&format!("#/image/{host}/{REPOSITORY}"));
    reaches(&browser);
    let amd64 = lines(&browser, &pushed.amd64.digest);
    assert_eq!(amd64.len(), 3, "{amd64:?}");
    let told = browser.run(
        "return document.querySelector(`[data-referrers-of='${arguments[0]}'] [data-referrers-failed]`)?.innerText ?? ''",
        &[json!(pushed.amd64.digest)],
    );
    let told = told.as_str().unwrap();
    assert!(
        told.contains("Could not be asked: the referrers API, cosign's tag. No answer."),
        "{told}"
    );
    assert!(!page.has_alert());
    block(&[]);
    browser.click(&format!(
        "[data-referrers-of='{}'] [data-referrers-failed] button",
        pushed.amd64.digest
    ));
    browser.until(
        "no failure",
        "return document.querySelector(`[data-referrers-of='${arguments[0]}'] [data-referrers-failed]`) === null",
        &[json!(pushed.amd64.digest)],
    );
    // The console has the blocked requests: it is not looked at here.
    assert_eq!(browser.violations(), [""; 0]);
}
