//! Whether a signature was made with a key, by RustCrypto; and whether certificates were signed by
//! each other, up to a root that the user gives.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, Pss, PublicKey as RsaKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::certificate::known_as;
use super::key;
use super::pem;
use crate::model::{Block, Cell, Question, Signed};

/// Most steps from a certificate to a root: real chains have three or four.
const MAX_CHAIN: usize = 10;
/// Most keys or roots that are tried.
const MAX_GIVEN: usize = 200;

/// What comes of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was made with the key.
    Good,
    /// It was not, or something was changed since.
    Bad,
    /// It could not be checked here.
    Unknown(String),
}

/// What was signed.
#[derive(Clone, Copy)]
pub(super) enum Message<'a> {
    /// All of it.
    Bytes(&'a [u8]),
    /// Only its digest is here.
    Digest(&'a [u8]),
}

/// How a signature is made, as far as the key does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scheme {
    /// Bits of SHA-2; none for what is usual with the key.
    pub(super) bits: Option<u32>,
    /// RSA with PSS.
    pub(super) pss: bool,
    /// ECDSA's two numbers one behind the other, instead of in DER.
    pub(super) fixed: bool,
}

impl Scheme {
    /// The scheme of a certificate's signature, by its object identifier.
    fn of_oid(oid: &str) -> Option<Scheme> {
        let bits = match oid {
            "1.2.840.10045.4.3.2" | "1.2.840.113549.1.1.11" => Some(256),
            "1.2.840.10045.4.3.3" | "1.2.840.113549.1.1.12" => Some(384),
            "1.2.840.10045.4.3.4" | "1.2.840.113549.1.1.13" => Some(512),
            "1.3.101.112" => None,
            _ => return None,
        };
        Some(Scheme {
            bits,
            ..Scheme::default()
        })
    }

    /// The scheme of a JWS, by its algorithm.
    pub(super) fn of_jws(name: &str) -> Option<Scheme> {
        let bits = match name.get(2..)? {
            "256" => Some(256),
            "384" => Some(384),
            "512" => Some(512),
            _ => None,
        };
        let pss = name.starts_with("PS");
        let known = pss || name.starts_with("ES") || name.starts_with("RS") || name == "EdDSA";
        known.then_some(Scheme {
            bits,
            pss,
            fixed: true,
        })
    }
}

fn unknown(why: impl Into<String>) -> Verdict {
    Verdict::Unknown(why.into())
}

fn verdict(good: bool) -> Verdict {
    match good {
        true => Verdict::Good,
        false => Verdict::Bad,
    }
}

fn digest(message: Message<'_>, bits: u32) -> Vec<u8> {
    match (message, bits) {
        (Message::Digest(digest), _) => digest.to_vec(),
        (Message::Bytes(bytes), 384) => Sha384::digest(bytes).to_vec(),
        (Message::Bytes(bytes), 512) => Sha512::digest(bytes).to_vec(),
        (Message::Bytes(bytes), _) => Sha256::digest(bytes).to_vec(),
    }
}

/// Whether a signature of a message was made with a key.
pub(super) fn check(
    key: &SubjectPublicKeyInfo<'_>,
    scheme: Scheme,
    message: Message<'_>,
    signature: &[u8],
) -> Verdict {
    let data: &[u8] = &key.subject_public_key.data;
    match key.algorithm.algorithm.to_id_string().as_str() {
        "1.3.101.112" => ed25519(data, message, signature),
        "1.2.840.113549.1.1.1" => rsa(key.raw, scheme, message, signature),
        "1.2.840.10045.2.1" => {
            let curve = key.algorithm.parameters.as_ref();
            let curve = curve.and_then(|p| p.as_oid().ok());
            match curve.map(|c| c.to_id_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => p256(data, scheme, message, signature),
                Some("1.3.132.0.34") => p384(data, scheme, message, signature),
                _ => unknown("keys on this curve are not checked here"),
            }
        }
        _ => unknown(format!(
            "signatures with {} are not checked here",
            key::algorithm(&key.algorithm)
        )),
    }
}

fn ed25519(data: &[u8], message: Message<'_>, signature: &[u8]) -> Verdict {
    let Message::Bytes(bytes) = message else {
        return unknown("what was signed is not here");
    };
    let key = data.try_into().ok().map(Ed25519Key::from_bytes);
    let signature = ed25519_dalek::Signature::from_slice(signature);
    match (key, signature) {
        (Some(Ok(key)), Ok(signature)) => verdict(key.verify_strict(bytes, &signature).is_ok()),
        (Some(Ok(_)), Err(_)) => Verdict::Bad,
        _ => unknown("the key cannot be read"),
    }
}

fn rsa(spki: &[u8], scheme: Scheme, message: Message<'_>, signature: &[u8]) -> Verdict {
    // It refuses keys that would take long.
    let Ok(key) = RsaKey::from_public_key_der(spki) else {
        return unknown("the key cannot be read, or is longer than 4096 bits");
    };
    let bits = scheme.bits.unwrap_or(256);
    let hashed = digest(message, bits);
    verdict(
        match (scheme.pss, bits) {
            (false, 384) => key.verify(Pkcs1v15Sign::new::<Sha384>(), &hashed, signature),
            (false, 512) => key.verify(Pkcs1v15Sign::new::<Sha512>(), &hashed, signature),
            (false, _) => key.verify(Pkcs1v15Sign::new::<Sha256>(), &hashed, signature),
            (true, 384) => key.verify(Pss::<Sha384>::new(), &hashed, signature),
            (true, 512) => key.verify(Pss::<Sha512>::new(), &hashed, signature),
            (true, _) => key.verify(Pss::<Sha256>::new(), &hashed, signature),
        }
        .is_ok(),
    )
}

macro_rules! on_curve {
    ($name:ident, $curve:ident, $bits:literal) => {
        fn $name(data: &[u8], scheme: Scheme, message: Message<'_>, signature: &[u8]) -> Verdict {
            use $curve::ecdsa::{Signature, VerifyingKey};
            let Ok(key) = VerifyingKey::from_sec1_bytes(data) else {
                return unknown("the key cannot be read");
            };
            let signature = match scheme.fixed {
                true => Signature::from_slice(signature),
                false => Signature::from_der(signature),
            };
            let hashed = digest(message, scheme.bits.unwrap_or($bits));
            verdict(signature.is_ok_and(|s| key.verify_prehash(&hashed, &s).is_ok()))
        }
    };
}

on_curve!(p256, p256, 256);
on_curve!(p384, p384, 384);

/// Whether a certificate was signed with a key.
pub(super) fn signed_by(
    certificate: &X509Certificate<'_>,
    key: &SubjectPublicKeyInfo<'_>,
) -> Verdict {
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    let Some(scheme) = Scheme::of_oid(&oid) else {
        let name = key::algorithm(&certificate.signature_algorithm);
        return unknown(format!("signatures with {name} are not checked here"));
    };
    let message = Message::Bytes(certificate.tbs_certificate.as_ref());
    check(key, scheme, message, &certificate.signature_value.data)
}

/// What DSSE signs: the payload and its type, each behind its length.
pub(super) fn dsse_message(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The answer to a question that the user asked with a text: keys or certificates in PEM.
pub(crate) fn answer(question: &Question, given: &str) -> Vec<Block> {
    if given.trim().is_empty() {
        return Vec::new();
    }
    let ders: Vec<(String, Vec<u8>)> = pem::blocks(given)
        .take(MAX_GIVEN)
        .filter_map(|b| Some((b.label.to_owned(), b.decode()?)))
        .collect();
    if ders.is_empty() {
        let told = "That is no PEM: it begins with -----BEGIN and ends with -----END.";
        return vec![Block::Warning(told.into())];
    }
    match question {
        Question::Key(signed) => with_keys(signed, &ders),
        Question::Root(chain) => to_root(chain, &ders),
    }
}

fn with_keys(signed: &[Signed], ders: &[(String, Vec<u8>)]) -> Vec<Block> {
    let mut why = None;
    for (label, der) in ders {
        let certificate = X509Certificate::from_der(der).ok().map(|(_, c)| c);
        let own = SubjectPublicKeyInfo::from_der(der).ok().map(|(_, k)| k);
        let key = match (label.as_str(), &certificate) {
            (_, Some(certificate)) => certificate.public_key(),
            _ => match &own {
                Some(key) => key,
                None => continue,
            },
        };
        for one in signed {
            match check(
                key,
                Scheme::default(),
                Message::Bytes(&one.message),
                &one.signature,
            ) {
                Verdict::Good => {
                    let kind = Cell::text(key::kind(key)).text;
                    let told = format!("Verified: the signature was made with this key ({kind}).");
                    return vec![Block::Good(told)];
                }
                Verdict::Bad => {}
                Verdict::Unknown(reason) => why = Some(reason),
            }
        }
        if why.is_none() {
            why = Some(String::new());
        }
    }
    vec![match why.as_deref() {
        Some("") => Block::Bad(
            "Not verified: the signature was not made with this key, or what is signed was changed."
                .into(),
        ),
        Some(reason) => Block::Warning(format!("It could not be checked: {reason}.")),
        None => Block::Warning("There is no public key in it that can be read.".into()),
    }]
}

fn parsed(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, c)| c)
}

/// Climbs from the first certificate to one of those that were given.
fn to_root(chain: &[Vec<u8>], given: &[(String, Vec<u8>)]) -> Vec<Block> {
    let own: Vec<X509Certificate<'_>> = chain.iter().filter_map(|d| parsed(d)).collect();
    let given: Vec<X509Certificate<'_>> = given.iter().filter_map(|(_, d)| parsed(d)).collect();
    let Some(first) = own.first() else {
        return vec![Block::Warning(
            "There is no certificate to be checked.".into(),
        )];
    };
    if given.is_empty() {
        return vec![Block::Warning(
            "There is no certificate in it that can be read.".into(),
        )];
    }
    let mut at = first;
    let mut steps = vec![known_as(first)];
    for _ in 0..MAX_CHAIN {
        let root = given.iter().find(|g| is_issuer(at, g, steps.len()));
        if let Some(root) = root {
            steps.push(known_as(root));
            let way = Cell::text(steps.join(", signed by ")).text;
            return vec![
                Block::Good(format!("Verified up to what you gave: {way}.")),
                Block::Text(
                    "Dates, names, policies and revocation are for you to judge: they were not checked."
                        .into(),
                ),
            ];
        }
        let next = own.iter().find(|o| {
            o.subject().as_raw() != at.subject().as_raw() && is_issuer(at, o, steps.len())
        });
        match next {
            Some(next) => {
                steps.push(known_as(next));
                at = next;
            }
            None => break,
        }
    }
    let name = Cell::text(known_as(at)).text;
    vec![Block::Bad(format!(
        "Not verified: none of the certificates that are here or that you gave signed “{name}”."
    ))]
}

/// Whether one certificate, an authority that may have so many below it, signed another.
fn is_issuer(child: &X509Certificate<'_>, issuer: &X509Certificate<'_>, depth: usize) -> bool {
    let below = depth.saturating_sub(1) as u32; // MAX_CHAIN at most
    let is_authority = issuer
        .basic_constraints()
        .ok()
        .flatten()
        .is_some_and(|b| b.value.ca && b.value.path_len_constraint.is_none_or(|n| n >= below));
    let may_sign = issuer
        .key_usage()
        .ok()
        .flatten()
        .is_none_or(|usage| usage.value.key_cert_sign());
    issuer.subject().as_raw() == child.issuer().as_raw()
        && is_authority
        && may_sign
        && signed_by(child, issuer.public_key()) == Verdict::Good
}
