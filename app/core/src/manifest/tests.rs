use super::*;
use crate::digest::Algorithm;
use crate::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

fn digest(text: &str) -> Digest {
    Digest::of(Algorithm::Sha256, text.as_bytes())
}

fn parse(json: &str) -> Document {
    Document::parse(json.as_bytes(), None).unwrap()
}

#[track_caller]
fn check_kind(json: &str, content_type: Option<&str>, expect: &str) {
    let document = Document::parse(json.as_bytes(), content_type).unwrap();
    let got = match document {
        Document::Index(_) => "index",
        Document::Manifest(_) => "manifest",
        Document::Schema1(_) => "schema1",
        Document::Other => "other",
    };
    assert_eq!(got, expect, "{json}");
}

#[test]
fn kinds() {
    for t in [OCI_INDEX, DOCKER_LIST] {
        check_kind(&format!(r#"{{"mediaType":"{t}"}}"#), None, "index");
        check_kind("{}", Some(t), "index");
    }
    for t in [OCI_MANIFEST, DOCKER_MANIFEST] {
        check_kind(&format!(r#"{{"mediaType":"{t}"}}"#), None, "manifest");
        check_kind(
            r#"{"layers":[],"config":{}}"#,
            Some("text/plain"),
            "manifest",
        );
    }
    check_kind(r#"{"manifests":[]}"#, None, "index");
    // The document's own word and shape win over a registry's header.
    check_kind(r#"{"manifests":[]}"#, Some(OCI_MANIFEST), "index");
    check_kind(r#"{"schemaVersion":1,"fsLayers":[]}"#, None, "schema1");
    check_kind(r#"{"mediaType":"text/x"}"#, None, "other");
    check_kind("{}", None, "other");
}

#[track_caller]
fn check_bad(bytes: &[u8], part: &str) {
    let e = Document::parse(bytes, Some(OCI_INDEX)).unwrap_err();
    assert!(e.to_string().contains(part), "{e}");
}

#[test]
fn bad_bytes() {
    check_bad(b"", "not valid JSON");
    check_bad(b"<!doctype html>", "not valid JSON");
    check_bad(b"[]", "JSON object");
    check_bad(b"{\"a\":\"\xff\"}", "not valid JSON");
    check_bad("[".repeat(100_000).as_bytes(), "recursion limit");
    check_bad(&vec![b' '; MAX_MANIFEST_BYTES as usize + 1], "at most");
}

#[test]
fn an_index_with_attestations() {
    let (image, arm, att, soci) = (digest("i"), digest("a"), digest("t"), digest("s"));
    let json = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[
        {{"mediaType":"{OCI_MANIFEST}","digest":"{arm}","size":7,"platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
        {{"mediaType":"{OCI_MANIFEST}","digest":"{image}","size":5,"platform":{{"os":"linux","architecture":"amd64"}}}},
        {{"mediaType":"{OCI_MANIFEST}","digest":"{att}","size":6,"platform":{{"os":"unknown","architecture":"unknown"}},
          "annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{image}"}}}},
        {{"mediaType":"{OCI_MANIFEST}","digest":"{soci}","size":6,"artifactType":"application/vnd.amazon.soci.index.v2+json",
          "platform":{{"os":"linux","architecture":"amd64"}}}},
        {{"mediaType":"x","digest":"sha256:short","size":1}}, 7,
        {{"mediaType":"x","digest":"{att}","size":-1}}
        ],"annotations":{{"b":"2","a":"1","n":3}}}}"#
    );
    let Document::Index(index) = parse(&json) else {
        panic!("not an index")
    };
    assert_eq!(index.manifests.len(), 4);
    assert_eq!(index.problems.len(), 3, "{:?}", index.problems);
    assert!(index.problems[0].starts_with("manifests[4]"));
    let choices: Vec<&Digest> = index.choices().map(|d| &d.digest).collect();
    assert_eq!(choices, [&arm, &image]);
    assert_eq!(index.default_choice().unwrap().digest, image);
    assert_eq!(
        index
            .choose(&Platform::new("linux", "arm64"))
            .unwrap()
            .digest,
        arm
    );
    assert!(index.choose(&Platform::new("plan9", "arm64")).is_none());
    assert_eq!(index.attestations_of(&image).count(), 1);
    assert_eq!(index.attestations_of(&arm).count(), 0);
    let keys: Vec<&str> = index.annotations.iter().map(|(k, _)| k.as_str()).collect();
    assert_eq!(keys, ["b", "a"]);
}

#[test]
fn a_manifest() {
    let (config, layer) = (digest("{}"), digest("l"));
    let json = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2,"data":"e30="}},
        "layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{layer}","size":18446744073709551615,"urls":["https://x/y"]}},
                  {{"digest":"{layer}","size":1}}]}}"#
    );
    let Document::Manifest(m) = parse(&json) else {
        panic!("not a manifest")
    };
    assert!(m.is_image() && m.problems.is_empty());
    assert_eq!(m.config.as_ref().unwrap().embedded(), Some(b"{}".to_vec()));
    assert_eq!(m.layers_size(), u64::MAX);
    assert_eq!(m.layers[0].urls, ["https://x/y"]);
    assert_eq!(
        m.kind_of_artifact(),
        Some("application/vnd.oci.image.config.v1+json")
    );
    let mut wrong = m.config.clone().unwrap();
    wrong.data = Some("e31=".into());
    assert_eq!(wrong.embedded(), None);
}

#[test]
fn an_artifact_manifest_of_old() {
    let d = digest("b");
    let json = format!(
        r#"{{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b",
        "blobs":[{{"mediaType":"x","digest":"{d}","size":1}}],"subject":{{"mediaType":"x","digest":"{d}","size":1}}}}"#
    );
    let Document::Manifest(m) = parse(&json) else {
        panic!("not a manifest")
    };
    assert_eq!((m.layers.len(), m.kind_of_artifact()), (1, Some("a/b")));
    assert_eq!(m.subject.unwrap().digest, d);
    assert!(m.config.is_none() && m.problems.is_empty());
}

#[test]
fn a_signed_schema_1() {
    let base = digest("base");
    let top = digest("top");
    let body = format!(
        r#"{{
   "schemaVersion": 1, "name": "a/b", "tag": "t", "architecture": "amd64",
   "fsLayers": [{{"blobSum": "{top}"}}, {{"blobSum": "{base}"}}, {{"blobSum": "?"}}],
   "history": [{{"v1Compatibility": "top"}}, {{"v1Compatibility": "base"}}]"#
    );
    let payload = format!("{body}\n}}");
    let protected = format!(
        r#"{{"formatLength":{},"formatTail":"{}"}}"#,
        body.len(),
        URL_SAFE_NO_PAD.encode("\n}")
    );
    let signed = format!(
        r#"{body},
   "signatures": [{{"protected": "{}"}}]
}}"#,
        URL_SAFE_NO_PAD.encode(protected)
    );
    assert_eq!(
        schema1_payload(signed.as_bytes()),
        Some(payload.clone().into_bytes())
    );
    assert_eq!(schema1_payload(payload.as_bytes()), None);
    let Document::Schema1(s) = parse(&signed) else {
        panic!("not schema 1")
    };
    assert_eq!(s.layers, [base, top]);
    assert_eq!(s.history, ["base", "top"]);
    assert_eq!(s.problems.len(), 1);
}
