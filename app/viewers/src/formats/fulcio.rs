//! What Fulcio, Sigstore's certificate authority, writes into its certificates: who signed, where,
//! and from which source. Names as in its own list of extensions.

use x509_parser::der_parser::asn1_rs::{Any, FromDer, Oid};

/// The arc of its extensions; the last number says which.
const ARC: &str = "1.3.6.1.4.1.57264.1.";

/// The names, from number 1 on.
const NAMES: [&str; 24] = [
    "Issuer",
    "GitHub workflow trigger",
    "GitHub workflow commit",
    "GitHub workflow name",
    "GitHub workflow repository",
    "GitHub workflow ref",
    "Other name",
    "Issuer",
    "Build signer URI",
    "Build signer digest",
    "Runner environment",
    "Source repository URI",
    "Source repository digest",
    "Source repository ref",
    "Source repository identifier",
    "Source repository owner URI",
    "Source repository owner identifier",
    "Build config URI",
    "Build config digest",
    "Build trigger",
    "Run invocation URI",
    "Source repository visibility at signing",
    "Deployment environment",
    "Token subject",
];

/// The first numbers hold their text as it is; the later ones hold a DER string.
const FIRST_DER: usize = 8;

/// The name and value of one of its extensions.
pub(super) fn extension(oid: &Oid<'_>, value: &[u8]) -> Option<(&'static str, String)> {
    let number: usize = oid.to_id_string().strip_prefix(ARC)?.parse().ok()?;
    let name = NAMES.get(number.checked_sub(1)?)?;
    let text = match number < FIRST_DER {
        true => value,
        false => Any::from_der(value).map_or(value, |(_, any)| any.data),
    };
    Some((name, String::from_utf8_lossy(text).into_owned()))
}
