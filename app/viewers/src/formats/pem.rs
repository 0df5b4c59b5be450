//! PEM: blocks of base64 between lines that say what they hold. One file often has many, with
//! words between them.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::ViewError;
use super::certificate::{self, hex, known_as, sha256, short_name};
use super::key;
use super::verify::{self, Verdict};
use crate::model::{Block, Cell, Check, Reveal, Section, Table, View};
use crate::source::Source;

/// Largest file that is read, in bytes: the certificates of all authorities take 0.2 MB.
const MAX_PEM: u64 = 8 << 20;

/// Blocks that are read; a file of more is told to have more.
const MAX_BLOCKS: usize = 5_000;

/// Certificates whose signatures are checked; each takes a millisecond or two.
const MAX_CHECKED: usize = 300;
/// A file of more is a list, not a chain.
const MAX_CHAIN: usize = 10;

/// From this many certificates on, each is behind a button.
const MANY: usize = 3;

/// Tools write it with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What its files are called.
const SUFFIXES: [&[u8]; 9] = [
    b".pem", b".crt", b".cer", b".key", b".pub", b".csr", b".crl", b".cert", b".chain",
];
/// How it begins where words stand before the first block: of openssl, and of lists of authorities.
const PREAMBLES: [&[u8]; 4] = [
    b"Certificate:",
    b"Certificate Request:",
    b"Bag Attributes",
    b"#",
];

/// A file of such blocks, and no program or text that has one somewhere.
pub(super) fn is_one(head: &[u8], name: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    let name = name.to_ascii_lowercase();
    let is_script = text.starts_with(b"#!");
    memchr::memmem::find(head, b"-----BEGIN ").is_some_and(|at| {
        at == head.len() - text.len()
            || SUFFIXES.iter().any(|s| name.ends_with(s))
            || (!is_script && PREAMBLES.iter().any(|p| text.starts_with(p)))
    })
}

/// A block.
pub(super) struct PemBlock<'a> {
    /// What it says to hold.
    pub(super) label: &'a str,
    /// All between its lines.
    body: &'a str,
    /// With its lines.
    whole: &'a str,
}

impl PemBlock<'_> {
    /// What it holds. Headers before it, as old tools write them, are left out.
    pub(super) fn decode(&self) -> Option<Vec<u8>> {
        let text: String = self
            .body
            .lines()
            .filter(|line| !line.contains(':'))
            .flat_map(|line| line.chars().filter(|c| !c.is_ascii_whitespace()))
            .collect();
        BASE64.decode(text).ok()
    }
}

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = PemBlock<'_>> {
    const BEGIN: &str = "-----BEGIN ";
    const DASHES: &str = "-----";
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(BEGIN)?;
            let after = &rest[start + BEGIN.len()..];
            let Some((label, body)) = after.split_once(DASHES).filter(|(l, _)| is_label(l)) else {
                rest = after;
                continue;
            };
            let end = format!("-----END {label}-----");
            let Some(at) = body.find(&end) else {
                rest = after;
                continue;
            };
            let len = rest.len() - start - body.len() + at + end.len();
            let block = PemBlock {
                label,
                body: &body[..at],
                whole: &rest[start..start + len],
            };
            rest = &rest[start + len..];
            return Some(block);
        }
    })
}

fn is_label(label: &str) -> bool {
    label.len() < 64 && label.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// A PEM file.
pub(super) fn view(source: &Source, now_s: i64) -> Result<View, ViewError> {
    if source.total() > MAX_PEM {
        return Err(ViewError::Other); // a text that has such a line somewhere
    }
    let text = String::from_utf8_lossy(source.all(MAX_PEM)?);
    let mut found: Vec<PemBlock<'_>> = blocks(&text).take(MAX_BLOCKS + 1).collect();
    let more = found.len() > MAX_BLOCKS;
    found.truncate(MAX_BLOCKS);
    if found.is_empty() {
        return Err(ViewError::Other);
    }
    let mut sections = Vec::new();
    let ders: Vec<Vec<u8>> = found
        .iter()
        .filter(|b| is_certificate(b.label))
        .filter_map(PemBlock::decode)
        .collect();
    let certificates: Vec<(X509Certificate<'_>, &[u8])> = ders
        .iter()
        .filter_map(|der| {
            let (rest, certificate) = X509Certificate::from_der(der).ok()?;
            // What some tools add behind it is theirs.
            Some((certificate, &der[..der.len() - rest.len()]))
        })
        .collect();
    let claimed = found.iter().filter(|b| is_certificate(b.label)).count();
    match certificates.as_slice() {
        [] => {}
        [(one, der)] => sections.extend(certificate::sections(one, der, now_s)),
        many => sections.extend(several(many, now_s)),
    }
    if claimed > certificates.len() {
        let broken = claimed - certificates.len();
        let told = match broken {
            1 => "One block says that it is a certificate and cannot be read as one.".to_owned(),
            n => format!("{n} blocks say that they are certificates and cannot be read as such."),
        };
        sections.push(Section::new("", vec![Block::Warning(told)]));
    }
    for block in found.iter().filter(|b| !is_certificate(b.label)) {
        sections.push(other(block, now_s));
    }
    if more {
        let told = format!("There are more than {MAX_BLOCKS} blocks; the others are left out.");
        sections.push(Section::new("", vec![Block::Text(told)]));
    }
    let kind = match (certificates.len(), found.as_slice()) {
        (0, [one]) if one.label.ends_with("PRIVATE KEY") => "Private key",
        (0, [one]) if one.label.ends_with("PUBLIC KEY") => "Public key",
        (0, _) => "PEM",
        (1, _) => "Certificate",
        _ => "Certificates",
    };
    Ok(View::new(kind, sections))
}

fn is_certificate(label: &str) -> bool {
    matches!(
        label,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
    )
}

/// Many certificates: a table, who issued whom, and each in full behind a button.
fn several(all: &[(X509Certificate<'_>, &[u8])], now_s: i64) -> Vec<Section> {
    let mut table = Table::new(
        "certificates",
        &["#No.", "Subject", "Issuer", "Valid until", "Key", "SHA-256"],
    );
    for (at, (one, der)) in all.iter().enumerate() {
        let until = one.validity().not_after.timestamp();
        let mut valid = Cell::time(until);
        if until < now_s {
            valid.text.push_str(" (run out)");
        }
        table.push(vec![
            Cell::number(at as u64 + 1),
            Cell::text(known_as(one)),
            Cell::text(issued_by(one, all)),
            valid,
            Cell::text(key::kind(one.public_key())),
            Cell::digest(&hex(&sha256(der))),
        ]);
    }
    let mut blocks = vec![Block::Table(table), signatures(all)];
    if all.len() <= MAX_CHAIN {
        let chain = all.iter().map(|(_, der)| der.to_vec());
        blocks.push(Check::root(chain.collect()));
    }
    let title = format!("Certificates ({})", all.len());
    let mut sections = vec![Section::new(title, blocks)];
    if all.len() < MANY {
        for (one, der) in all {
            let mut parts = certificate::sections(one, der, now_s);
            if let Some(first) = parts.first_mut() {
                first.title = Cell::text(known_as(one)).text;
            }
            sections.extend(parts);
        }
        return sections;
    }
    let each = all.iter().enumerate().map(|(at, (one, der))| {
        let label = format!("{}. {}", at + 1, Cell::text(known_as(one)).text);
        let parts = certificate::sections(one, der, now_s);
        Reveal::block(label, vec![Block::Sections(parts)])
    });
    sections.push(Section::new("Each in full", each.collect()));
    sections
}

/// Whether those that name each other have signed each other.
fn signatures(all: &[(X509Certificate<'_>, &[u8])]) -> Block {
    let issuers = all.iter().take(MAX_CHECKED).filter_map(|(one, _)| {
        let issuer = all
            .iter()
            .find(|(other, _)| other.subject().as_raw() == one.issuer().as_raw())?;
        Some((one, &issuer.0))
    });
    let mut good = 0;
    for (one, issuer) in issuers {
        match verify::signed_by(one, issuer.public_key()) {
            Verdict::Good => good += 1,
            Verdict::Bad => {
                let (one, issuer) = (known_as(one), known_as(issuer));
                let told =
                    format!("“{issuer}” did not sign “{one}”, which names it as its issuer.");
                return Block::Bad(Cell::text(told).text);
            }
            Verdict::Unknown(_) => {}
        }
    }
    let rest = "Whether their authorities are to be trusted was not checked.";
    match good {
        0 => Block::Text(format!("Shown, not verified. {rest}")),
        1 => Block::Good(format!(
            "One of their signatures was checked and is good. {rest}"
        )),
        n => Block::Good(format!(
            "{n} of their signatures were checked and are good. {rest}"
        )),
    }
}

/// Who issued a certificate, of those that are here.
fn issued_by(one: &X509Certificate<'_>, all: &[(X509Certificate<'_>, &[u8])]) -> String {
    let name = short_name(one.issuer());
    if one.issuer().as_raw() == one.subject().as_raw() {
        return "itself".to_owned();
    }
    let issuer = all
        .iter()
        .position(|(other, _)| other.subject().as_raw() == one.issuer().as_raw());
    match issuer {
        Some(at) => format!("{name} (no. {})", at + 1),
        None => name,
    }
}

/// Any other block.
fn other(block: &PemBlock<'_>, now_s: i64) -> Section {
    let title = Cell::text(block.label).text;
    if block.label.ends_with("PRIVATE KEY") {
        return private(block, title);
    }
    let Some(der) = block.decode() else {
        return Section::new(
            title,
            vec![Block::Warning(
                "It cannot be read: it is not base64.".into(),
            )],
        );
    };
    if matches!(block.label, "PUBLIC KEY")
        && let Ok((_, key)) = SubjectPublicKeyInfo::from_der(&der)
    {
        return Section::new("Public key", vec![Block::Facts(key::facts(&key))]);
    }
    let inner = certificate::view_der(&Source::whole(&der), now_s);
    match inner {
        Ok(view) => Section::new(title, vec![Block::Sections(view.sections)]),
        Err(_) => {
            let facts = vec![
                ("Size".into(), Cell::size(der.len() as u64)),
                ("SHA-256".into(), Cell::mono(hex(&sha256(&der)))),
            ];
            Section::new(title, vec![Block::Facts(facts)])
        }
    }
}

/// A private key: that it is one, and how well it is kept; the key itself only on a click.
fn private(block: &PemBlock<'_>, title: String) -> Section {
    let encrypted = block.label == "ENCRYPTED PRIVATE KEY"
        || block.label.contains("ENCRYPTED")
        || block.body.contains("ENCRYPTED")
        // OpenSSH names the function that makes a key of the passphrase, or `none`.
        || (block.label == "OPENSSH PRIVATE KEY"
            && block
                .decode()
                .is_some_and(|d| memchr::memmem::find(&d, b"bcrypt").is_some()));
    let told = match encrypted {
        true => "A private key, encrypted with a passphrase.",
        false => {
            "A private key that is not encrypted: whoever can pull this image has it. It should be replaced."
        }
    };
    Section::new(
        title,
        vec![
            Block::Warning(told.into()),
            Reveal::block("Show the key", vec![Block::Code(block.whole.to_owned())]),
        ],
    )
}
