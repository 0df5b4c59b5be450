//! Certificates and keys, of openssl and ssh-keygen.

use layerscope_core::view::draw::{Attr, Op, REDRAW};
use layerscope_viewers::Step;

use crate::{HEAD, check, lines, open, read};

#[test]
fn a_chain_as_fulcio_issues_them() {
    check(
        "chain.pem",
        "Certificates",
        &[
            "Certificates (3): 1 | https://github.com/owner/name/.github…Test authority (no. 2)…run out…Elliptic curve P-256",
            "Certificates (3): 2 | Test authority | Test root (no. 3)",
            "Certificates (3): 3 | Test root | itself…Elliptic curve P-384",
            "Certificates (3): Check against this root certificate",
            "Each in full: [1. ",
            "Each in full: [1. …Who signed, as Fulcio saw it: Issuer: https://token.example <https://token.example>",
            "Each in full: [1. …Source repository URI: https://github.com/owner/name <https://github.com/owner/name>",
            "Each in full: [1. …Source repository digest: 0123456789abcdef",
            "Each in full: [1. …Build trigger: push",
            "Each in full: [1. …Names (critical): https://github.com/owner/name/.github/workflows/release.yml@refs/tags/v1.0.0",
            "Each in full: [1. …It has run out.",
            "Each in full: [2. Test authority]…Is (critical): a certificate authority, with at most 0 others below it",
            "Each in full: [3. Test root]…Key may be used for (critical): …Key Cert Sign",
        ],
    );
}

#[test]
fn a_server_s_certificate_behind_its_text() {
    let facts = [
        "Certificate: Subject: CN=<script>alert(1)</script>",
        "Certificate: Valid until: 21",
        "Certificate: Public key: RSA, 2048 bits, exponent 65537",
        "Certificate: Signed with: sha256WithRSAEncryption",
        "Extensions: Names: a.example, *.b.example, 192.0.2.1, 2001:db8::1, who@a.example",
        "Extensions: Purpose: TLS server",
        "Extensions: Issuer's services: …http://ocsp.a.example/",
        "Extensions: Revocation lists: http://a.example/ca.crl",
    ];
    check("server.pem", "Certificate", &facts);
    check("server.der", "Certificate", &facts);
}

#[test]
fn requests_and_keys() {
    check(
        "request.csr",
        "PEM",
        &["CERTIFICATE REQUEST > Certificate request: Public key: RSA, 2048 bits"],
    );
    check(
        "public.pem",
        "Public key",
        &["Public key: Public key: RSA, 2048 bits, exponent 65537"],
    );
}

/// That it is a key is said; the key is drawn only after a click, and gone after another.
#[test]
fn a_private_key_is_behind_a_button() {
    for (file, words) in [
        ("private.pem", "is not encrypted"),
        ("ssh.key", "is not encrypted"),
        ("encrypted.pem", "encrypted with a passphrase"),
    ] {
        check(file, "Private key", &[&format!("…{words}")]);
        let bytes = read(file);
        let secret = String::from_utf8(bytes.clone()).unwrap();
        let secret = secret.lines().nth(1).unwrap();
        let (mut doc, _, _) = open(file, &bytes, HEAD);
        let drawn = |ops: &[Op]| {
            ops.iter()
                .any(|op| matches!(op, Op::Text(text) if text.contains(secret)))
        };
        let ops = doc.act(REDRAW, "").remove(0).ops;
        assert!(!drawn(&ops), "{file}");
        let act = ops.iter().find_map(|op| match op {
            Op::Attr(Attr::Act, act) => act.parse().ok(),
            _ => None,
        });
        let act = act.unwrap();
        assert!(drawn(&doc.act(act, "")[0].ops), "{file}");
        assert!(!drawn(&doc.act(act, "")[0].ops), "{file}");
    }
}

#[test]
fn all_authorities_of_a_system() {
    // As /etc/ssl/certs/ca-certificates.crt is: certificates one behind the other.
    let one = read("server.pem");
    let many = one.repeat(150);
    let (mut doc, step, rounds) = open("ca-certificates.crt", &many, HEAD);
    assert_eq!(step, Step::Found("Certificates".into()));
    assert_eq!(rounds, 1, "the rest is one request");
    assert!(lines(&doc).iter().any(|l| l.contains("150 | ")));
    let ops = doc.act(REDRAW, "").remove(0).ops;
    assert!(ops.len() < 8_000, "{} elements", ops.len());
}

#[test]
fn a_block_that_cannot_be_read_is_told() {
    let text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (doc, step, _) = open("x.pem", text, HEAD);
    assert_eq!(step, Step::Found("PEM".into()));
    assert!(lines(&doc)[0].contains("cannot be read as one"));
}
