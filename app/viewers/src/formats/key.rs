//! Public keys, and what can be said of private ones without showing them.

use x509_parser::der_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::certificate::{hex, sha256};
use crate::model::Cell;

/// Names that the registry of object identifiers lacks.
const OTHER_NAMES: [(&str, &str); 12] = [
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// An object identifier by its usual name, or as numbers.
pub(super) fn oid_name(oid: &Oid<'_>) -> String {
    let id = oid.to_id_string();
    if let Some((_, name)) = OTHER_NAMES.iter().find(|(known, _)| *known == id) {
        return (*name).to_owned();
    }
    match oid2sn(oid, oid_registry()) {
        Ok(name) if !name.is_empty() => name.to_owned(),
        _ => id,
    }
}

/// An algorithm by its name.
pub(super) fn algorithm(id: &AlgorithmIdentifier<'_>) -> String {
    oid_name(&id.algorithm)
}

/// A public key in a line: its kind and size.
pub(super) fn kind(key: &SubjectPublicKeyInfo<'_>) -> String {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            // Without the zero that keeps the number positive.
            let bits = rsa.modulus.iter().skip_while(|b| **b == 0).count() * 8;
            match rsa.try_exponent() {
                Ok(exponent) => format!("RSA, {bits} bits, exponent {exponent}"),
                Err(_) => format!("RSA, {bits} bits"),
            }
        }
        Ok(PublicKey::EC(_)) => {
            let curve = key.algorithm.parameters.as_ref();
            let curve = curve.and_then(|p| p.as_oid().ok());
            match curve {
                Some(oid) => format!("Elliptic curve {}", oid_name(&oid)),
                None => "Elliptic curve".to_owned(),
            }
        }
        Ok(PublicKey::DSA(_)) => "DSA".to_owned(),
        _ => algorithm(&key.algorithm),
    }
}

/// What is told about a public key.
pub(super) fn facts(key: &SubjectPublicKeyInfo<'_>) -> Vec<(String, Cell)> {
    vec![
        ("Public key".into(), Cell::text(kind(key))),
        ("Key SHA-256".into(), Cell::mono(hex(&sha256(key.raw)))),
    ]
}
