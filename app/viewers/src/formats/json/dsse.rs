//! DSSE envelopes: a payload, its type, and signatures over both.

use serde_json::Value;

use super::{Context, base64, items, nested_bytes, text};
use crate::formats::verify;
use crate::model::{Block, Cell, Check, Section, Signed, Table, View};

/// Most signatures of one envelope that are checked; each has what it signs beside it.
const MAX_SIGNATURES: usize = 8;

/// An envelope.
pub(super) fn view(value: &Value, context: Context) -> Option<View> {
    value.get("signatures")?.as_array()?;
    let signed = signed(value).unwrap_or_default();
    let told = "Shown, not verified until you give the key.";
    let asked = vec![Block::Text(told.into()), Check::key(signed)];
    let sections = sections(value, asked, context)?;
    Some(View::new("DSSE envelope", sections))
}

/// What was signed, with each signature.
pub(super) fn signed(value: &Value) -> Option<Vec<Signed>> {
    let payload = text(value, "payload").and_then(base64)?;
    let message = verify::dsse_message(text(value, "payloadType")?, &payload);
    let signatures = items(value, "signatures").iter().take(MAX_SIGNATURES);
    let signatures = signatures.filter_map(|s| text(s, "sig").and_then(base64));
    let signed = signatures.map(|signature| Signed {
        message: message.clone(),
        signature,
    });
    Some(signed.collect())
}

/// What is in an envelope, with what is said of its signatures; none if it is none.
pub(super) fn sections(value: &Value, said: Vec<Block>, context: Context) -> Option<Vec<Section>> {
    let kind = text(value, "payloadType")?;
    let payload = text(value, "payload")?;
    let mut table = Table::new("signatures", &["Key", "Signature"]);
    for signature in items(value, "signatures") {
        let key = text(signature, "keyid").filter(|k| !k.is_empty());
        table.push(vec![
            Cell::mono(key.unwrap_or("not named")),
            Cell::mono(text(signature, "sig").unwrap_or_default()),
        ]);
    }
    let facts = vec![("Payload type".to_owned(), Cell::mono(kind))];
    let mut first = vec![Block::Facts(facts), Block::Table(table)];
    first.extend(said);
    let mut sections = vec![Section::new("Envelope", first)];
    sections.push(match base64(payload) {
        Some(bytes) => nested_bytes("Payload", &bytes, context),
        None => {
            let told = "The payload cannot be read: it is not base64.";
            Section::new("Payload", vec![Block::Warning(told.into())])
        }
    });
    Some(sections)
}

/// Said wherever a signature is shown.
pub(super) fn not_verified() -> Block {
    Block::Text("Shown, not verified: the signature was not checked.".into())
}
