//! X.509 certificates, requests for them, lists of revoked ones, and public keys.

use std::net::{Ipv4Addr, Ipv6Addr};

use layerscope_core::view::human;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{
    DistributionPointName, ExtendedKeyUsage, GeneralName, ParsedExtension, X509Extension,
};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::key::{self, oid_name};
use super::verify::{self, Verdict};
use super::{ViewError, fulcio};
use crate::model::{Block, Cell, MAX_CELL, Section, Table, View, web_address};
use crate::source::Source;

/// Largest DER that is read, in bytes. Lists of revoked certificates reach some megabytes.
const MAX_DER: u64 = 16 << 20;

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Bytes as hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .take(MAX_CELL)
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}"); // writing to a String cannot fail
            out
        })
}

/// It is one DER sequence with another in it, as long as the file: what certificates, requests and
/// public keys begin with.
pub(super) fn may_be_der(head: &[u8], total: u64) -> bool {
    let (len, at) = match head {
        [0x30, len @ 0..=0x7f, ..] => (u64::from(*len), 2),
        [0x30, 0x81, len, ..] => (u64::from(*len), 3),
        [0x30, 0x82, a, b, ..] => (u64::from(u16::from_be_bytes([*a, *b])), 4),
        [0x30, 0x83, a, b, c, ..] => (u64::from(u32::from_be_bytes([0, *a, *b, *c])), 5),
        _ => return false,
    };
    total == len + at as u64 && head.get(at) == Some(&0x30)
}

/// A DER file.
pub(super) fn view_der(source: &Source, now_s: i64) -> Result<View, ViewError> {
    if source.total() > MAX_DER {
        return Err(ViewError::TooLarge);
    }
    let bytes = source.all(MAX_DER)?;
    if let Ok((_, certificate)) = X509Certificate::from_der(bytes) {
        let sections = sections(&certificate, bytes, now_s);
        return Ok(View::new("Certificate", sections));
    }
    if let Ok((_, request)) = X509CertificationRequest::from_der(bytes) {
        return Ok(View::new("Certificate request", vec![of_request(&request)]));
    }
    if let Ok((_, list)) = CertificateRevocationList::from_der(bytes) {
        let list = of_revocations(&list, now_s);
        return Ok(View::new("Revocation list", list));
    }
    match SubjectPublicKeyInfo::from_der(bytes) {
        Ok(([], key)) => {
            let facts = vec![Block::Facts(key::facts(&key))];
            Ok(View::new("Public key", vec![Section::new("", facts)]))
        }
        // DER of many other kinds exists.
        _ => Err(ViewError::Other),
    }
}

/// When, and how long ago or from now.
pub(super) fn when(then: i64, now_s: i64) -> Cell {
    let cell = Cell::time(then);
    let ago = human::ago(then, now_s);
    Cell {
        text: format!("{} ({ago})", cell.text),
        ..cell
    }
}

/// A sentence where a certificate is not good at this time.
pub(super) fn out_of_time(certificate: &X509Certificate<'_>, now_s: i64) -> Option<&'static str> {
    let validity = certificate.validity();
    if now_s > validity.not_after.timestamp() {
        Some("It has run out.")
    } else if now_s < validity.not_before.timestamp() {
        Some("It is not valid yet.")
    } else {
        None
    }
}

/// The one name by which people know a certificate: Fulcio's have no subject, but another name.
pub(super) fn known_as(certificate: &X509Certificate<'_>) -> String {
    let name = short_name(certificate.subject());
    if !name.is_empty() {
        return name;
    }
    let other = certificate.subject_alternative_name().ok().flatten();
    let other = other.and_then(|n| n.value.general_names.first().map(general_name));
    other.unwrap_or_else(|| "no name".to_owned())
}

/// The one name by which people know it.
pub(super) fn short_name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let text =
        |a: &x509_parser::x509::AttributeTypeAndValue<'_>| a.as_str().ok().map(str::to_owned);
    let common = name.iter_common_name().next().and_then(text);
    let unit = || name.iter_organizational_unit().next().and_then(text);
    let organisation = || name.iter_organization().next().and_then(text);
    common
        .or_else(unit)
        .or_else(organisation)
        .unwrap_or_else(|| name.to_string())
}

/// All about a certificate.
pub(super) fn sections(certificate: &X509Certificate<'_>, der: &[u8], now_s: i64) -> Vec<Section> {
    let validity = certificate.validity();
    let mut facts = vec![
        (
            "Subject".into(),
            Cell::text(certificate.subject().to_string()),
        ),
        (
            "Issuer".into(),
            Cell::text(certificate.issuer().to_string()),
        ),
        (
            "Serial number".into(),
            Cell::mono(certificate.raw_serial_as_string()),
        ),
        (
            "Valid from".into(),
            when(validity.not_before.timestamp(), now_s),
        ),
        (
            "Valid until".into(),
            when(validity.not_after.timestamp(), now_s),
        ),
    ];
    facts.extend(key::facts(certificate.public_key()));
    facts.push((
        "Signed with".into(),
        Cell::text(key::algorithm(&certificate.signature_algorithm)),
    ));
    facts.push(("SHA-256".into(), Cell::mono(hex(&sha256(der)))));
    let mut first = Vec::new();
    if let Some(said) = out_of_time(certificate, now_s) {
        first.push(Block::Warning(said.into()));
    }
    first.push(Block::Facts(facts));
    first.push(said(certificate));
    let mut sections = vec![Section::new("Certificate", first)];

    let fulcio: Vec<(String, Cell)> = certificate
        .extensions()
        .iter()
        .filter_map(|e| fulcio::extension(&e.oid, e.value))
        .map(|(name, value)| (name.to_owned(), Cell::address(&value)))
        .collect();
    if !fulcio.is_empty() {
        sections.push(Section::new(
            "Who signed, as Fulcio saw it",
            vec![Block::Facts(fulcio)],
        ));
    }
    let others: Vec<(String, Cell)> = certificate
        .extensions()
        .iter()
        .filter(|e| fulcio::extension(&e.oid, e.value).is_none())
        .flat_map(extension)
        .collect();
    if !others.is_empty() {
        sections.push(Section::new("Extensions", vec![Block::Facts(others)]));
    }
    sections
}

/// What can be said of a certificate's signature without its issuer.
fn said(certificate: &X509Certificate<'_>) -> Block {
    let own = certificate.issuer().as_raw() == certificate.subject().as_raw();
    match own.then(|| verify::signed_by(certificate, certificate.public_key())) {
        Some(Verdict::Good) => Block::Text(
            "It signed itself: the signature is good, and says nothing of who it is.".into(),
        ),
        Some(Verdict::Bad) => {
            Block::Bad("It names itself as its issuer, and its signature is not good.".into())
        }
        _ => Block::Text("Shown, not verified: who signed it was not checked.".into()),
    }
}

fn of_request(request: &X509CertificationRequest<'_>) -> Section {
    let info = &request.certification_request_info;
    let mut facts = vec![("Subject".into(), Cell::text(info.subject.to_string()))];
    facts.extend(key::facts(&info.subject_pki));
    facts.push((
        "Signed with".into(),
        Cell::text(key::algorithm(&request.signature_algorithm)),
    ));
    for asked in request.requested_extensions().into_iter().flatten() {
        facts.extend(parsed(asked).map(|(name, value)| (format!("Asks for {name}"), value)));
    }
    Section::new("Certificate request", vec![Block::Facts(facts)])
}

fn of_revocations(list: &CertificateRevocationList<'_>, now_s: i64) -> Vec<Section> {
    let mut facts = vec![
        ("Issuer".into(), Cell::text(list.issuer().to_string())),
        ("Issued".into(), when(list.last_update().timestamp(), now_s)),
    ];
    if let Some(next) = list.next_update() {
        facts.push(("Next".into(), when(next.timestamp(), now_s)));
    }
    let mut table = Table::new(
        "revoked certificates",
        &["Serial number", "Revoked", "Reason"],
    );
    for revoked in list.iter_revoked_certificates() {
        let reason = revoked.reason_code();
        let row = vec![
            Cell::mono(revoked.raw_serial_as_string()),
            Cell::time(revoked.revocation_date.timestamp()),
            Cell::text(reason.map_or(String::new(), |(_, code)| code.to_string())),
        ];
        if !table.push(row) {
            break;
        }
    }
    let first = Section::new("Revocation list", vec![Block::Facts(facts)]);
    let table = Section::table("Revoked", table);
    [Some(first), table].into_iter().flatten().collect()
}

/// What is told about an extension; several lines for some.
fn extension(extension: &X509Extension<'_>) -> Vec<(String, Cell)> {
    let told = parsed(extension.parsed_extension());
    let (name, cell) = told.unwrap_or_else(|| {
        let name = oid_name(&extension.oid);
        (name, Cell::mono(hex(extension.value)))
    });
    let name = match extension.critical {
        true => format!("{name} (critical)"),
        false => name,
    };
    vec![(name, cell)]
}

fn parsed(extension: &ParsedExtension<'_>) -> Option<(String, Cell)> {
    let (name, cell) = match extension {
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            let key = id.key_identifier.as_ref()?;
            ("Issuer's key identifier", Cell::mono(hex(key.0)))
        }
        ParsedExtension::SubjectKeyIdentifier(key) => ("Key identifier", Cell::mono(hex(key.0))),
        ParsedExtension::KeyUsage(usage) => ("Key may be used for", Cell::text(usage.to_string())),
        ParsedExtension::ExtendedKeyUsage(usage) => ("Purpose", Cell::text(purposes(usage))),
        ParsedExtension::BasicConstraints(basic) => {
            let text = match (basic.ca, basic.path_len_constraint) {
                (false, _) => "no certificate authority".to_owned(),
                (true, None) => "a certificate authority".to_owned(),
                (true, Some(n)) => {
                    format!("a certificate authority, with at most {n} others below it")
                }
            };
            ("Is", Cell::text(text))
        }
        ParsedExtension::SubjectAlternativeName(names) => {
            ("Names", names_cell(&names.general_names))
        }
        ParsedExtension::IssuerAlternativeName(names) => {
            ("Issuer's names", names_cell(&names.general_names))
        }
        ParsedExtension::CRLDistributionPoints(points) => {
            let names = points
                .points
                .iter()
                .flat_map(|p| match &p.distribution_point {
                    Some(DistributionPointName::FullName(names)) => names.as_slice(),
                    _ => &[],
                });
            ("Revocation lists", join(names))
        }
        ParsedExtension::AuthorityInfoAccess(access) => {
            let places = access.accessdescs.iter().map(|a| {
                format!(
                    "{}: {}",
                    oid_name(&a.access_method),
                    general_name(&a.access_location)
                )
            });
            let places: Vec<String> = places.collect();
            ("Issuer's services", Cell::text(places.join(", ")))
        }
        ParsedExtension::CertificatePolicies(policies) => {
            let ids = policies.iter().map(|p| oid_name(&p.policy_id));
            let ids: Vec<String> = ids.collect();
            ("Policies", Cell::text(ids.join(", ")))
        }
        ParsedExtension::NameConstraints(constraints) => {
            let list = |word: &str, trees: &Option<Vec<_>>| {
                let trees = trees.iter().flatten();
                let bases = trees
                    .map(|t: &x509_parser::extensions::GeneralSubtree<'_>| general_name(&t.base));
                let bases: Vec<String> = bases.collect();
                (!bases.is_empty()).then(|| format!("{word} {}", bases.join(", ")))
            };
            let both = [
                list("only", &constraints.permitted_subtrees),
                list("never", &constraints.excluded_subtrees),
            ];
            let both: Vec<String> = both.into_iter().flatten().collect();
            ("Speaks for", Cell::text(both.join("; ")))
        }
        ParsedExtension::NsCertComment(text) => ("Comment", Cell::text(text)),
        ParsedExtension::SCT(stamps) => {
            let stamps = stamps.iter().map(|s| {
                let seconds = i64::try_from(s.timestamp / 1000).unwrap_or(i64::MAX);
                format!("log {} at {} UTC", hex(s.id.key_id), human::time(seconds))
            });
            let stamps: Vec<String> = stamps.collect();
            ("Certificate transparency", Cell::text(stamps.join("; ")))
        }
        _ => return None,
    };
    Some((name.to_owned(), cell))
}

fn purposes(usage: &ExtendedKeyUsage<'_>) -> String {
    let known = [
        (usage.any, "anything"),
        (usage.server_auth, "TLS server"),
        (usage.client_auth, "TLS client"),
        (usage.code_signing, "code signing"),
        (usage.email_protection, "e-mail"),
        (usage.time_stamping, "time stamping"),
        (usage.ocsp_signing, "OCSP signing"),
    ];
    let known = known.into_iter().filter(|(on, _)| *on);
    let known = known.map(|(_, name)| name.to_owned());
    let all: Vec<String> = known.chain(usage.other.iter().map(oid_name)).collect();
    all.join(", ")
}

fn names_cell(names: &[GeneralName<'_>]) -> Cell {
    match names {
        [GeneralName::URI(uri)] => Cell::text(uri).link(web_address(uri)),
        names => join(names.iter()),
    }
}

fn join<'a, 'b: 'a>(names: impl Iterator<Item = &'a GeneralName<'b>>) -> Cell {
    let names: Vec<String> = names.map(general_name).collect();
    Cell::text(names.join(", "))
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            (*name).to_owned()
        }
        GeneralName::DirectoryName(name) => name.to_string(),
        GeneralName::IPAddress(bytes) => match bytes {
            [a, b, c, d] => Ipv4Addr::new(*a, *b, *c, *d).to_string(),
            bytes => match <[u8; 16]>::try_from(*bytes) {
                Ok(bytes) => Ipv6Addr::from(bytes).to_string(),
                Err(_) => hex(bytes),
            },
        },
        GeneralName::RegisteredID(oid) => oid_name(oid),
        other => other.to_string(),
    }
}
