//! Attestations and signatures, of in-toto's, Sigstore's and other libraries.

use layerscope_viewers::Step;

use crate::{HEAD, check, lines, open};

#[test]
fn an_envelope_with_provenance() {
    let inside = [
        "Payload: SLSA provenance > Statement: Says: https://slsa.dev/provenance/v1 <https",
        "Payload: SLSA provenance > Subjects (1): pkg:npm/%40scope/name@1.0.0 <https://www.npmjs.com/package/@scope/name/v/1.0.0> | sha256:abab",
        "Payload: SLSA provenance > Build: Built by: https://github.com/actions/runner/github-hosted",
        "Payload: SLSA provenance > Build: Kind of build: https://actions.github.io/buildtypes/workflow/v1",
        "Payload: SLSA provenance > Build: Run: https://github.com/owner/name/actions/runs/1/attempts/1",
        "Payload: SLSA provenance > Made of (1): git+https://github.com/owner/name@refs/heads/main <https://github.com/owner/name> | gitCommit:0123",
        "Payload: SLSA provenance > Parameters: …release.yml",
        "Envelope: Payload type: application/vnd.in-toto+json",
    ];
    check("envelope.json", "DSSE envelope", &inside);
    check(
        "envelope.json",
        "DSSE envelope",
        &[
            "Envelope: Shown, not verified",
            "Envelope: Check with this public key",
        ],
    );
    check("bundle.json", "Sigstore bundle", &inside);
    check(
        "bundle.json",
        "Sigstore bundle",
        &[
            "Bundle: Format: application/vnd.dev.sigstore.bundle.v0.3+json",
            "Transparency log: Kind: dsse 0.0.1",
            "Transparency log: Log index: …<https://search.sigstore.dev/?logIndex=",
            "Transparency log > Entry: …\"dsse\"",
            "Signed by > Certificate: Issuer: CN=sigstore, O=sigstore.mock",
            "Signed by > Who signed, as Fulcio saw it: Issuer: ",
        ],
    );
}

#[test]
fn a_signature_of_notation() {
    check(
        "notation.json",
        "Notation signature (JWS)",
        &[
            "Signature: Algorithm: ES256",
            "Signature: Made by: made for a test",
            "What is signed: …application/vnd.oci.image.manifest.v1+json",
            "Signed by > Who signed, as Fulcio saw it: Source repository URI",
            "Chain, certificate 3 > Certificate: Subject: O=Layerscope tests, CN=Test root",
        ],
    );
}

#[test]
fn what_cosign_signs() {
    let text = br#"{"critical":{"identity":{"docker-reference":"registry.example/name"},"image":{"docker-manifest-digest":"sha256:abcd"},"type":"cosign container image signature"},"optional":{"url":"https://a.example/","n":1}}"#;
    let (doc, step, _) = open("x", text, HEAD);
    assert_eq!(step, Step::Found("Signed payload".into()));
    assert_eq!(
        lines(&doc),
        [
            "What is signed: Signs the manifest: sha256:abcd",
            "What is signed: Known as: registry.example/name",
            "What is signed: Kind: cosign container image signature",
            "What is signed: url: https://a.example/ <https://a.example/>",
            "What is signed: n: 1",
            "What is signed: Shown, not verified: the signature was not checked.",
        ]
    );
}

/// An envelope in an envelope in an envelope …
#[test]
fn nesting_comes_to_an_end() {
    use base64::Engine;
    let mut text = "{}".to_owned();
    for _ in 0..20 {
        let payload = base64::engine::general_purpose::STANDARD.encode(&text);
        text = format!(
            "{{\"payloadType\":\"application/json\",\"payload\":\"{payload}\",\"signatures\":[]}}"
        );
    }
    let (doc, step, _) = open("x.json", text.as_bytes(), HEAD);
    assert_eq!(step, Step::Found("DSSE envelope".into()));
    assert!(lines(&doc).len() < 100);
}
