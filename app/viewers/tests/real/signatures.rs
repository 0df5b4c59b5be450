//! Signatures that are checked, and that fail when anything is changed.

use layerscope_core::view::draw::{Act, Attr, Op, REDRAW};
use layerscope_viewers::{Doc, Step};

use crate::{HEAD, check, lines, open, read};

/// The act of the field that takes what is given.
fn field(doc: &mut Doc) -> Act {
    let ops = doc.act(REDRAW, "").remove(0).ops;
    let at = ops
        .iter()
        .position(|op| *op == Op::Attr(Attr::Placeholder, "-----BEGIN …".into()))
        .expect("a field");
    ops[..at]
        .iter()
        .rev()
        .find_map(|op| match op {
            Op::Attr(Attr::Act, act) => act.parse().ok(),
            _ => None,
        })
        .expect("it has an act")
}

/// What is said when a text is given, as a field hands it over: without line ends.
fn said(doc: &mut Doc, given: &str) -> String {
    let act = field(doc);
    let given = given.replace('\n', "");
    let patches = doc.act(act, &given);
    let texts = patches.iter().flat_map(|p| &p.ops);
    let texts: Vec<&str> = texts
        .filter_map(|op| match op {
            Op::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join(" ")
}

fn text(file: &str) -> String {
    String::from_utf8(read(file)).unwrap()
}

fn opened(name: &str, text: &str) -> Doc {
    let (doc, step, _) = open(name, text.as_bytes(), HEAD);
    assert!(matches!(step, Step::Found(_)), "{name}: {step:?}");
    doc
}

#[test]
fn an_envelope_with_a_given_key() {
    let envelope = text("envelope.json");
    let key = text("envelope.pub");
    let mut doc = opened("envelope.json", &envelope);
    assert!(said(&mut doc, &key).starts_with("Verified: the signature was made with this key"));
    // The certificate that has the key does as well.
    let chain = text("chain.pem");
    assert!(said(&mut doc, &chain).starts_with("Verified"));
    assert!(said(&mut doc, &text("public.pem")).starts_with("Not verified"));
    assert!(said(&mut doc, "nothing of this kind").starts_with("That is no PEM"));
    assert!(said(&mut doc, &text("private.pem")).starts_with("There is no public key"));
    assert_eq!(said(&mut doc, ""), "");

    // Another payload, another type: neither is what was signed.
    let payload = envelope.split("\"payload\": \"").nth(1).unwrap();
    let (payload, _) = payload.split_once('"').unwrap();
    let mut other = payload.to_owned();
    other.replace_range(20..21, if &payload[20..21] == "A" { "B" } else { "A" });
    for forged in [
        envelope.replace(payload, &other),
        envelope.replace("vnd.in-toto+json", "vnd.in-toto+jsom"),
    ] {
        assert_ne!(forged, envelope);
        let mut doc = opened("forged.json", &forged);
        assert!(said(&mut doc, &key).starts_with("Not verified"));
    }
}

#[test]
fn a_bundle_by_the_certificate_in_it() {
    let good = "Bundle: The signature is good: it was made with the key of the certificate below.";
    check("bundle.json", "Sigstore bundle", &[good]);
    let bundle = text("bundle.json");
    let signature = bundle.split("\"sig\":\"").nth(1).unwrap();
    let (signature, _) = signature.split_once('"').unwrap();
    let mut other = signature.to_owned();
    other.replace_range(40..41, if &signature[40..41] == "A" { "B" } else { "A" });
    let doc = opened("forged.json", &bundle.replace(signature, &other));
    let all = lines(&doc);
    assert!(all.iter().any(|l| l.contains("The signature is not good")));
    assert!(!all.iter().any(|l| l.contains("is good")), "{all:#?}");
}

#[test]
fn a_jws_by_the_certificate_in_it_and_up_to_a_root() {
    check(
        "notation.json",
        "Notation signature (JWS)",
        &["Signature: The signature is good"],
    );
    let notation = text("notation.json");
    let mut doc = opened("notation.json", &notation);
    let chain = text("chain.pem");
    let root = &chain[chain.rfind("-----BEGIN").unwrap()..];
    let told = said(&mut doc, root);
    assert!(told.starts_with("Verified up to what you gave: "), "{told}");
    assert!(told.contains("signed by Test authority, signed by Test root."));
    let told = said(&mut doc, &text("server.pem"));
    assert!(told.starts_with("Not verified: none of"), "{told}");
    let protected = notation.split("\"protected\":\"").nth(1).unwrap();
    let mut forged = notation.clone();
    let at = notation.len() - protected.len() + 12;
    let other = if &notation[at..=at] == "A" { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    let (doc, step, _) = open("forged.json", forged.as_bytes(), HEAD);
    // A header that is no JSON any more is no signature at all.
    if step == Step::Found("Notation signature (JWS)".into()) {
        assert!(!lines(&doc).iter().any(|l| l.contains("is good")));
    }
}

#[test]
fn a_chain_by_itself_and_to_a_root() {
    check(
        "chain.pem",
        "Certificates",
        &["Certificates (3): 3 of their signatures were checked and are good."],
    );
    let chain = text("chain.pem");
    let mut doc = opened("chain.pem", &chain);
    let blocks: Vec<&str> = chain
        .split_inclusive("-----END CERTIFICATE-----\n")
        .collect();
    let told = said(&mut doc, blocks[2]);
    assert!(told.starts_with("Verified up to what you gave"), "{told}");
    // The leaf is no authority, though it is here.
    let told = said(&mut doc, &text("server.pem"));
    assert!(told.starts_with("Not verified"), "{told}");

    // The same name, and another key: not who signed it.
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let body: String = blocks[1].lines().filter(|l| !l.starts_with('-')).collect();
    let mut der = engine.decode(body).unwrap();
    // Within the public key, which stands behind its curve's name (P-256).
    let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let at = der.windows(8).position(|w| w == curve).unwrap();
    der[at + 20] ^= 1;
    let forged = format!(
        "{}-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        blocks[0],
        engine.encode(&der)
    );
    let mut doc = opened("forged.pem", &forged);
    let all = lines(&doc);
    assert!(!all.iter().any(|l| l.contains("are good")), "{all:#?}");
    assert!(said(&mut doc, blocks[2]).starts_with("Not verified"));
}

#[test]
fn who_signed_itself() {
    check(
        "server.pem",
        "Certificate",
        &["Certificate: It signed itself: the signature is good"],
    );
    let mut der = read("server.der");
    let last = der.len() - 1;
    der[last] ^= 1;
    let (doc, _, _) = open("forged.der", &der, HEAD);
    assert!(
        lines(&doc)
            .iter()
            .any(|l| l.contains("its signature is not good"))
    );
}
