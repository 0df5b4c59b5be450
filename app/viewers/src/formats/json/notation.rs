//! Notation's signatures in JWS, as JSON.

use serde_json::Value;

use super::sigstore::told;
use super::{Context, base64, items, nested_bytes, text};
use crate::formats::certificate;
use crate::formats::verify::{self, Message, Scheme, Verdict};
use crate::model::{Block, Cell, Check, Section, View};
use crate::source::Source;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Most certificates of a chain that are shown.
const MAX_CHAIN: usize = 16;

/// A signature in JWS.
pub(super) fn view(value: &Value, context: Context) -> Option<View> {
    let protected = base64(text(value, "protected")?)?;
    let payload = base64(text(value, "payload")?)?;
    let signature = text(value, "signature")?;
    let header = value.get("header")?;
    let protected: Value = serde_json::from_slice(&protected).ok()?;
    let mut facts = Vec::new();
    for (name, key) in [
        ("Algorithm", "alg"),
        ("Payload type", "cty"),
        ("Signed", "io.cncf.notary.signingTime"),
        ("Good until", "io.cncf.notary.expiry"),
        ("Scheme", "io.cncf.notary.signingScheme"),
    ] {
        super::fact(&mut facts, name, &protected, key);
    }
    super::fact(&mut facts, "Made by", header, "io.cncf.notary.signingAgent");
    facts.push(("Signature".into(), Cell::mono(signature)));
    let ders: Vec<Vec<u8>> = items(header, "x5c")
        .iter()
        .filter_map(Value::as_str)
        .take(MAX_CHAIN)
        .map(|text| base64(text).unwrap_or_default())
        .collect();
    let first = vec![
        Block::Facts(facts),
        told(verdict(value, &protected, signature, &ders)),
        Block::Text("Whose certificate that is was not checked.".into()),
        Check::root(ders.clone()),
    ];
    let mut sections = vec![
        Section::new("Signature", first),
        nested_bytes("What is signed", &payload, context),
    ];
    for (at, der) in ders.iter().enumerate() {
        let title = match at {
            0 => "Signed by".to_owned(),
            n => format!("Chain, certificate {}", n + 1),
        };
        sections.push(
            match certificate::view_der(&Source::whole(der), context.now_s) {
                Ok(view) => Section::new(title, vec![Block::Sections(view.sections)]),
                Err(_) => {
                    let told = "A certificate that cannot be read.";
                    Section::new(title, vec![Block::Warning(told.into())])
                }
            },
        );
    }
    Some(View::new("Notation signature (JWS)", sections))
}

/// Whether the signature was made with the key of the first certificate.
fn verdict(value: &Value, protected: &Value, signature: &str, ders: &[Vec<u8>]) -> Verdict {
    let scheme = text(protected, "alg").and_then(Scheme::of_jws);
    let Some(scheme) = scheme else {
        return Verdict::Unknown("its algorithm is not checked here".into());
    };
    let certificate = ders.first().and_then(|d| X509Certificate::from_der(d).ok());
    let (Some((_, certificate)), Some(signature)) = (certificate, base64(signature)) else {
        return Verdict::Unknown("there is no certificate that can be read".into());
    };
    let part = |key| text(value, key).unwrap_or_default();
    let message = format!("{}.{}", part("protected"), part("payload"));
    let message = Message::Bytes(message.as_bytes());
    verify::check(certificate.public_key(), scheme, message, &signature)
}
