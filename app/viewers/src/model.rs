//! What is to be seen of a file, before it is elements.

use std::cell::RefCell;

use crate::formats::json::tree::Tree;

/// Most rows of a table. A large program has half a million symbols; nobody reads them.
pub const MAX_ROWS: usize = 50_000;

/// Most bytes of text in one cell or fact; the rest is told by a sign.
pub const MAX_CELL: usize = 2_000;

/// A file as what it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// What it is, in two or three words.
    pub kind: String,
    /// Its parts in order.
    pub sections: Vec<Section>,
}

/// A part of a view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// It is closed at first.
    pub folded: bool,
    /// What is in it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Names and values.
    Facts(Vec<(String, Cell)>),
    /// Rows that can be sorted and filtered.
    Table(Table),
    /// A sentence.
    Text(String),
    /// A sentence that matters.
    Warning(String),
    /// A check that came out well.
    Good(String),
    /// One that did not.
    Bad(String),
    /// A question that the user answers with a key or a certificate.
    Check(Check),
    /// Text as it stands.
    Code(String),
    /// Drawn only when the user asks: a secret, or one of many.
    Reveal(Reveal),
    /// JSON. Parts of it are made when they are opened.
    Tree(RefCell<Tree>),
    /// Parts of this part.
    Sections(Vec<Section>),
}

/// What is shown only when asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reveal {
    /// Its number in the view; [`View::number`] sets it.
    pub(crate) id: u32,
    /// What the button says.
    pub label: String,
    /// What it shows then.
    pub blocks: Vec<Block>,
}

/// A question that is answered when the user gives something.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its number in the view; [`View::number`] sets it.
    pub(crate) id: u32,
    /// What the field is for.
    pub label: String,
    /// The question.
    pub question: Question,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Was one of these made with the key that is given?
    Key(Vec<Signed>),
    /// Does this chain, in DER, the first being who signed, lead to the certificate that is given?
    Root(Vec<Vec<u8>>),
}

/// Something that was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed {
    /// What was signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Its number in the view; [`View::number`] sets it.
    pub(crate) id: u32,
    /// What its rows are, in the plural.
    pub what: String,
    /// Headings; numbers stand to the right.
    pub columns: Vec<Column>,
    /// The rows, as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// There are more rows than [`MAX_ROWS`].
    pub cut: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// It holds numbers.
    pub number: bool,
}

/// A value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// As shown.
    pub text: String,
    /// By what it is sorted, where that is a number.
    pub number: Option<u64>,
    /// Where it leads.
    pub href: Option<String>,
    /// What is told about it.
    pub title: Option<String>,
    /// In fixed width.
    pub mono: bool,
}

impl Cell {
    /// Words. Characters that are not seen, or that turn the line around, are made visible; what
    /// is very long is cut.
    pub fn text(text: impl AsRef<str>) -> Cell {
        let text = text.as_ref();
        let end = text
            .char_indices()
            .map(|(at, _)| at)
            .find(|at| *at >= MAX_CELL)
            .unwrap_or(text.len());
        let mut shown = layerscope_core::path::visible(&text.as_bytes()[..end]);
        if end < text.len() {
            shown.push_str(" …");
        }
        Cell {
            text: shown,
            ..Cell::default()
        }
    }

    /// Words in fixed width: names, numbers as they are spelled, digests.
    pub fn mono(text: impl AsRef<str>) -> Cell {
        Cell {
            mono: true,
            ..Cell::text(text)
        }
    }

    /// Bytes that should be text.
    pub fn bytes(bytes: &[u8]) -> Cell {
        let end = bytes.len().min(MAX_CELL * 2);
        Cell::mono(String::from_utf8_lossy(&bytes[..end]))
    }

    /// A digest in a table: its first characters, and all of it when one points at it.
    pub fn digest(hex: &str) -> Cell {
        const SHOWN: usize = 16;
        let short = hex.get(..SHOWN).map(|short| format!("{short}…"));
        Cell {
            title: Some(hex.to_owned()),
            ..Cell::mono(short.as_deref().unwrap_or(hex))
        }
    }

    /// A number.
    pub fn number(n: u64) -> Cell {
        Cell {
            text: n.to_string(),
            number: Some(n),
            ..Cell::default()
        }
    }

    /// A number in hexadecimal.
    pub fn hex(n: u64) -> Cell {
        Cell {
            text: format!("0x{n:x}"),
            number: Some(n),
            mono: true,
            ..Cell::default()
        }
    }

    /// A size in bytes, as people say it.
    pub fn size(n: u64) -> Cell {
        Cell {
            text: layerscope_core::view::human::size(n),
            number: Some(n),
            title: Some(format!("{n} bytes")),
            ..Cell::default()
        }
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn time(seconds: i64) -> Cell {
        Cell {
            text: layerscope_core::view::human::time_exact(seconds),
            // Before 1970 and after come in the right order.
            number: Some((seconds as u64) ^ (1 << 63)),
            ..Cell::default()
        }
    }

    /// Words that may be a web address as a whole.
    pub fn address(text: &str) -> Cell {
        Cell::text(text).link(web_address(text))
    }

    /// With somewhere to go.
    #[must_use]
    pub fn link(mut self, href: Option<String>) -> Cell {
        self.href = href;
        self
    }
}

impl Table {
    /// Without rows. A heading that begins with `#` is of a column of numbers.
    pub fn new(what: &str, columns: &[&'static str]) -> Table {
        Table {
            what: what.to_owned(),
            columns: columns
                .iter()
                .map(|title| Column {
                    title: title.trim_start_matches('#'),
                    number: title.starts_with('#'),
                })
                .collect(),
            ..Table::default()
        }
    }

    /// Adds a row, unless there are too many. False if so.
    pub fn push(&mut self, row: Vec<Cell>) -> bool {
        if self.rows.len() >= MAX_ROWS {
            self.cut = true;
            return false;
        }
        self.rows.push(row);
        true
    }
}

impl Check {
    /// A field for a public key, by which signatures are checked.
    pub fn key(signed: Vec<Signed>) -> Block {
        Block::Check(Check {
            id: 0,
            label: "Check with this public key or certificate (PEM)".into(),
            question: Question::Key(signed),
        })
    }

    /// A field for a root, to which a chain should lead.
    pub fn root(chain: Vec<Vec<u8>>) -> Block {
        Block::Check(Check {
            id: 0,
            label: "Check against this root certificate (PEM)".into(),
            question: Question::Root(chain),
        })
    }
}

impl Reveal {
    /// Something behind a button.
    pub fn block(label: impl Into<String>, blocks: Vec<Block>) -> Block {
        Block::Reveal(Reveal {
            id: 0,
            label: label.into(),
            blocks,
        })
    }
}

/// Text that is a web address as a whole, to be led to.
pub fn web_address(text: &str) -> Option<String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let plain = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b);
    (!rest.is_empty() && text.len() <= MAX_CELL && text.bytes().all(plain)).then(|| text.to_owned())
}

impl Section {
    /// A part with a heading.
    pub fn new(title: impl Into<String>, blocks: Vec<Block>) -> Section {
        Section {
            title: title.into(),
            folded: false,
            blocks,
        }
    }

    /// Closed at first.
    #[must_use]
    pub fn folded(mut self) -> Section {
        self.folded = true;
        self
    }

    /// A part that is one table; none where the table has no rows.
    pub fn table(title: &str, table: Table) -> Option<Section> {
        let count = table.rows.len();
        let title = format!("{title} ({count})");
        (count > 0).then(|| Section::new(title, vec![Block::Table(table)]))
    }
}

impl View {
    /// A view of a kind of file.
    pub fn new(kind: impl Into<String>, sections: Vec<Section>) -> View {
        let mut view = View {
            kind: kind.into(),
            sections,
        };
        view.number();
        view
    }

    /// Numbers what can be acted on, so that they can be spoken of.
    pub(crate) fn number(&mut self) {
        let mut next = 0;
        number(&mut self.sections, &mut next);
    }
}

fn number(sections: &mut [Section], next: &mut u32) {
    for section in sections {
        number_blocks(&mut section.blocks, next);
    }
}

fn number_blocks(blocks: &mut [Block], next: &mut u32) {
    for block in blocks {
        match block {
            Block::Table(table) => {
                *next += 1;
                table.id = *next;
            }
            Block::Reveal(reveal) => {
                *next += 1;
                reveal.id = *next;
                number_blocks(&mut reveal.blocks, next);
            }
            Block::Tree(tree) => {
                *next += 1;
                tree.get_mut().id = *next;
            }
            Block::Check(check) => {
                *next += 1;
                check.id = *next;
            }
            Block::Sections(inner) => number(inner, next),
            Block::Facts(_)
            | Block::Text(_)
            | Block::Warning(_)
            | Block::Good(_)
            | Block::Bad(_)
            | Block::Code(_) => {}
        }
    }
}
