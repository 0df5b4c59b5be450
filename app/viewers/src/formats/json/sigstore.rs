//! What Sigstore's tools write: bundles with certificate, signature and log entry; what cosign signs;
//! its older bundles.

use serde_json::Value;

use super::dsse::{self, not_verified};
use super::{Context, base64, fact, items, nested_bytes, text};
use crate::formats::certificate;
use crate::formats::verify::{self, Message, Scheme, Verdict};
use crate::model::{Block, Cell, Check, Section, View};
use crate::source::Source;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Most certificates of a bundle.
const MAX_CHAIN: usize = 16;

/// One of them.
pub(super) fn view(value: &Value, context: Context) -> Option<View> {
    bundle(value, context)
        .or_else(|| simple_signing(value))
        .or_else(|| old_bundle(value, context))
}

/// A number that may be written as a string, as protobuf's JSON does.
fn number(value: &Value, key: &str) -> Option<u64> {
    let value = value.get(key)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn moment(value: &Value, key: &str, now_s: i64) -> Option<Cell> {
    let seconds = i64::try_from(number(value, key)?).ok()?;
    Some(certificate::when(seconds, now_s))
}

/// A log entry on Rekor's own search page.
fn entry_page(index: u64) -> String {
    format!("https://search.sigstore.dev/?logIndex={index}")
}

fn bundle(value: &Value, context: Context) -> Option<View> {
    let kind = text(value, "mediaType")?;
    if !kind.starts_with("application/vnd.dev.sigstore.bundle") {
        return None;
    }
    let material = value.get("verificationMaterial")?;
    let mut sections = Vec::new();
    let mut facts = vec![("Format".to_owned(), Cell::mono(kind))];
    if let Some(hint) = material.get("publicKey").and_then(|k| text(k, "hint")) {
        facts.push(("Key".into(), Cell::mono(hint)));
    }
    if let Some(signature) = value.get("messageSignature") {
        if let Some(digest) = signature.get("messageDigest") {
            let bytes = text(digest, "digest").and_then(base64).unwrap_or_default();
            let name = text(digest, "algorithm").unwrap_or_default();
            let shown = format!("{name} {}", certificate::hex(&bytes));
            facts.push(("Signed digest".into(), Cell::mono(shown.trim())));
        }
        fact(&mut facts, "Signature", signature, "signature");
    }
    let times = material.get("timestampVerificationData");
    let stamps = times.map_or(0, |t| items(t, "rfc3161Timestamps").len());
    if stamps > 0 {
        facts.push(("Time stamps (RFC 3161)".into(), Cell::number(stamps as u64)));
    }
    let chain = material.get("x509CertificateChain");
    let chain = chain.map_or(&[][..], |c| items(c, "certificates"));
    let ders: Vec<Vec<u8>> = material
        .get("certificate")
        .into_iter()
        .chain(chain)
        .take(MAX_CHAIN)
        .filter_map(|holder| text(holder, "rawBytes").and_then(base64))
        .collect();
    let mut first = vec![Block::Facts(facts)];
    first.extend(said(value, &ders));
    if !ders.is_empty() {
        first.push(Check::root(ders.clone()));
    }
    sections.push(Section::new("Bundle", first));
    if let Some(envelope) = value.get("dsseEnvelope") {
        sections.extend(dsse::sections(envelope, Vec::new(), context).unwrap_or_default());
    }
    for entry in items(material, "tlogEntries") {
        sections.push(log_entry(entry, context));
    }
    sections.extend(ders.iter().filter_map(|der| certificate_of(der, context)));
    Some(View::new("Sigstore bundle", sections))
}

/// Whether the signature was made with the key of the certificate beside it; without one, a field for
/// a key.
fn said(value: &Value, ders: &[Vec<u8>]) -> Vec<Block> {
    let envelope = value.get("dsseEnvelope");
    let signed = envelope.and_then(dsse::signed).unwrap_or_default();
    let of_digest = value.get("messageSignature").and_then(|m| {
        let digest = m.get("messageDigest").and_then(|d| text(d, "digest"));
        Some((base64(digest?)?, base64(text(m, "signature")?)?))
    });
    let Some((_, certificate)) = ders.first().and_then(|d| X509Certificate::from_der(d).ok())
    else {
        return match signed.is_empty() {
            true => vec![not_verified()],
            false => vec![not_verified(), Check::key(signed)],
        };
    };
    let key = certificate.public_key();
    let made =
        |message, signature: &[u8]| verify::check(key, Scheme::default(), message, signature);
    let verdict = match (&of_digest, signed.as_slice()) {
        (Some((digest, signature)), _) => made(Message::Digest(digest), signature),
        (None, []) => Verdict::Unknown("there is no signature".into()),
        (None, [one, ..]) => made(Message::Bytes(&one.message), &one.signature),
    };
    vec![
        told(verdict),
        Block::Text(
            "Whose certificate that is, and the log's own signature, were not checked.".into(),
        ),
    ]
}

/// A check with the certificate beside a signature, in words.
pub(super) fn told(verdict: Verdict) -> Block {
    match verdict {
        Verdict::Good => Block::Good(
            "The signature is good: it was made with the key of the certificate below.".into(),
        ),
        Verdict::Bad => Block::Bad(
            "The signature is not good: it was not made with the key of the certificate below, or what is signed was changed."
                .into(),
        ),
        Verdict::Unknown(why) => Block::Warning(format!("Shown, not verified: {why}.")),
    }
}

fn certificate_of(der: &[u8], context: Context) -> Option<Section> {
    let view = certificate::view_der(&Source::whole(der), context.now_s).ok()?;
    Some(Section::new(
        "Signed by",
        vec![Block::Sections(view.sections)],
    ))
}

fn log_entry(entry: &Value, context: Context) -> Section {
    let mut facts = Vec::new();
    if let Some(index) = number(entry, "logIndex") {
        facts.push((
            "Log index".to_owned(),
            Cell::number(index).link(Some(entry_page(index))),
        ));
    }
    if let Some(version) = entry.get("kindVersion") {
        let kind = text(version, "kind").unwrap_or_default();
        let version = text(version, "version").unwrap_or_default();
        facts.push(("Kind".into(), Cell::text(format!("{kind} {version}"))));
    }
    if let Some(then) = moment(entry, "integratedTime", context.now_s) {
        facts.push(("Logged".into(), then));
    }
    let id = entry.get("logId").and_then(|l| text(l, "keyId"));
    if let Some(id) = id.and_then(base64) {
        facts.push(("Log".into(), Cell::mono(certificate::hex(&id))));
    }
    let mut blocks = vec![Block::Facts(facts)];
    if let Some(body) = text(entry, "canonicalizedBody").and_then(base64) {
        let body = nested_bytes("Entry", &body, context).folded();
        blocks.push(Block::Sections(vec![body]));
    }
    Section::new("Transparency log", blocks)
}

/// What `cosign sign` signs: which manifest, under which name.
fn simple_signing(value: &Value) -> Option<View> {
    let critical = value.get("critical")?;
    let image = critical.get("image")?;
    let digest = text(image, "docker-manifest-digest")?;
    let mut facts = vec![("Signs the manifest".to_owned(), Cell::mono(digest))];
    if let Some(identity) = critical.get("identity") {
        fact(&mut facts, "Known as", identity, "docker-reference");
    }
    fact(&mut facts, "Kind", critical, "type");
    for (name, value) in value
        .get("optional")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .take(100)
    {
        let told = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        facts.push((Cell::text(name).text, Cell::address(&told)));
    }
    let section = Section::new("What is signed", vec![Block::Facts(facts), not_verified()]);
    Some(View::new("Signed payload", vec![section]))
}

/// The annotation `dev.sigstore.cosign/bundle`, and the file of `cosign sign-blob --bundle`.
fn old_bundle(value: &Value, context: Context) -> Option<View> {
    let log = value.get("rekorBundle").unwrap_or(value);
    text(log, "SignedEntryTimestamp")?;
    let payload = log.get("Payload")?;
    let mut facts = Vec::new();
    fact(&mut facts, "Signature", value, "base64Signature");
    if let Some(index) = number(payload, "logIndex") {
        facts.push((
            "Log index".into(),
            Cell::number(index).link(Some(entry_page(index))),
        ));
    }
    if let Some(then) = moment(payload, "integratedTime", context.now_s) {
        facts.push(("Logged".into(), then));
    }
    fact(&mut facts, "Log", payload, "logID");
    let mut sections = vec![Section::new(
        "Transparency log",
        vec![Block::Facts(facts), not_verified()],
    )];
    if let Some(body) = text(payload, "body").and_then(base64) {
        sections.push(nested_bytes("Entry", &body, context).folded());
    }
    // Base64 of PEM.
    let pem = text(value, "cert").and_then(base64);
    if let Some(pem) = pem {
        let text = String::from_utf8_lossy(&pem).into_owned();
        let blocks = crate::formats::pem::blocks(&text);
        let ders = blocks.filter_map(|b| b.decode()).take(8);
        sections.extend(ders.filter_map(|der| certificate_of(&der, context)));
    }
    Some(View::new("Cosign bundle", sections))
}
