//! From a view to elements, and what the user does with them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use layerscope_core::view::draw::{Act, Attr, MAX_OPS, Op, Patch, REDRAW, Tag};
use layerscope_core::view::human;

use crate::formats::json::tree::Tree;
use crate::formats::verify;
use crate::model::{Block, Cell, Check, Reveal, Section, Table, View};

mod tree;

/// Rows of a table that are drawn at first, and more at each click.
const ROWS: usize = 100;
/// A table of more rows can be filtered.
const FILTERED_FROM: usize = 12;
/// Most rows of one table that are on the page; the filter finds the others.
const MAX_DRAWN_ROWS: usize = 2_000;

/// What an act is about: the low bits say what, the others which table or button.
const ACT_BITS: u32 = 8;
const MORE: u32 = 1;
const FILTER: u32 = 2;
const REVEAL: u32 = 3;
const CHECK: u32 = 4;
/// Numbers from here on are of the parts of the tree that were drawn.
const NODE_BASE: u32 = 1 << 16;
/// From here on: sort by this column.
const SORT: u32 = 16;

/// How a table is shown.
#[derive(Debug, Clone, Default)]
struct Look {
    sort: Option<(usize, bool)>,
    filter: String,
    limit: usize,
    open: bool,
}

/// A view on the page.
#[derive(Debug, Default)]
pub struct Drawing {
    view: View,
    looks: BTreeMap<u32, Look>,
}

impl Drawing {
    /// Of a view.
    pub fn new(view: View) -> Drawing {
        Drawing {
            view,
            looks: BTreeMap::new(),
        }
    }

    /// What is shown.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The user did something, or [`REDRAW`].
    pub fn act(&mut self, act: Act, value: &str) -> Vec<Patch> {
        if act == REDRAW {
            let mut out = Out::default();
            for section in &self.view.sections {
                self.section(section, Tag::H2, &mut out);
            }
            return vec![out.patch(None)];
        }
        let (id, what) = (act >> ACT_BITS, act & ((1 << ACT_BITS) - 1));
        if let Some(number) = id.checked_sub(NODE_BASE) {
            let mut out = Out::default();
            if let Some(found) = find_tree(&self.view.sections) {
                tree::turned(&mut found.borrow_mut(), number as usize, &mut out);
            }
            return vec![out.patch(Some(id))];
        }
        let look = self.looks.entry(id).or_default();
        match what {
            MORE => look.limit = (look.limit.max(ROWS) + ROWS * 5).min(MAX_DRAWN_ROWS),
            FILTER => {
                look.filter = value.to_lowercase();
                look.limit = ROWS;
            }
            REVEAL => look.open = !look.open,
            CHECK => value.clone_into(&mut look.filter),
            column => {
                let Some(column) = column.checked_sub(SORT).map(|c| c as usize) else {
                    return Vec::new();
                };
                look.sort = match look.sort {
                    Some((c, false)) if c == column => Some((column, true)),
                    Some((c, true)) if c == column => None,
                    _ => Some((column, false)),
                };
            }
        }
        let mut out = Out::default();
        match find(&self.view.sections, id) {
            Some(Found::Table(table)) => self.rows(table, &mut out),
            Some(Found::Reveal(reveal)) => self.reveal(reveal, &mut out),
            Some(Found::Tree(found)) => {
                let filter = self.looks.get(&id).map_or("", |l| &l.filter);
                tree::found(&mut found.borrow_mut(), filter, &mut out);
            }
            Some(Found::Check(check)) => self.answer(check, &mut out),
            None => return Vec::new(),
        }
        vec![out.patch(Some(id))]
    }

    fn section(&self, section: &Section, heading: Tag, out: &mut Out) {
        if out.is_full() {
            return;
        }
        let inner = |out: &mut Out| {
            for block in &section.blocks {
                self.block(block, out);
            }
        };
        if section.folded {
            out.open(Tag::Details, "fold");
            out.element(Tag::Summary, "", &section.title);
            out.open(Tag::Div, "stack tight");
            inner(out);
            out.close();
        } else {
            out.open(Tag::Section, "stack tight");
            if !section.title.is_empty() {
                out.element(heading, "", &section.title);
            }
            inner(out);
        }
        out.close();
    }

    fn block(&self, block: &Block, out: &mut Out) {
        if out.is_full() {
            return;
        }
        match block {
            Block::Text(text) => out.element(Tag::P, "", text),
            Block::Warning(text) => out.element(Tag::P, "problem mild small", text),
            Block::Good(text) => out.element(Tag::P, "view-good", text),
            Block::Bad(text) => out.element(Tag::P, "problem small", text),
            Block::Check(check) => {
                out.open(Tag::Label, "stack tight small");
                out.text(&check.label);
                out.open(Tag::Input, "field mono");
                out.attr(Attr::Act, check.id << ACT_BITS | CHECK);
                out.attr(Attr::Placeholder, "-----BEGIN …");
                let given = self.looks.get(&check.id).map_or("", |l| &l.filter);
                out.attr(Attr::Value, given);
                out.close();
                out.close();
                out.open(Tag::Div, "stack tight");
                out.attr(Attr::Part, check.id);
                self.answer(check, out);
                out.close();
            }
            Block::Tree(whole) => {
                let mut whole = whole.borrow_mut();
                let filter = self.looks.get(&whole.id).map_or("", |l| &l.filter);
                tree::whole(&mut whole, filter, out);
            }
            Block::Code(text) => {
                out.open(Tag::Div, "cmd");
                out.element(Tag::Code, "", text);
                out.close();
            }
            Block::Facts(facts) => {
                out.open(Tag::Dl, "facts");
                for (name, value) in facts {
                    out.element(Tag::Dt, "", name);
                    out.cell(Tag::Dd, value, false);
                }
                out.close();
            }
            Block::Sections(sections) => {
                for section in sections {
                    out.open(Tag::Div, "card pad");
                    self.section(section, Tag::H3, out);
                    out.close();
                }
            }
            Block::Table(table) => self.table(table, out),
            Block::Reveal(reveal) => {
                out.open(Tag::Div, "stack tight");
                out.attr(Attr::Part, reveal.id);
                self.reveal(reveal, out);
                out.close();
            }
        }
    }

    fn reveal(&self, reveal: &Reveal, out: &mut Out) {
        let open = self.looks.get(&reveal.id).is_some_and(|l| l.open);
        out.open(Tag::Div, "");
        out.button("btn tiny", reveal.id, REVEAL);
        out.attr(Attr::AriaExpanded, open);
        let sign = if open { "▾" } else { "▸" };
        out.text(&format!("{sign} {}", reveal.label));
        out.close();
        out.close();
        if open {
            out.open(Tag::Div, "card pad stack tight");
            for block in &reveal.blocks {
                self.block(block, out);
            }
            out.close();
        }
    }

    /// What comes of what the user gave.
    fn answer(&self, check: &Check, out: &mut Out) {
        let given = self.looks.get(&check.id).map_or("", |l| &l.filter);
        for block in verify::answer(&check.question, given) {
            self.block(&block, out);
        }
    }

    fn table(&self, table: &Table, out: &mut Out) {
        if table.rows.len() > FILTERED_FROM {
            out.open(Tag::Div, "tools");
            out.open(Tag::Input, "field");
            out.attr(Attr::Type, "search");
            out.attr(Attr::Act, table.id << ACT_BITS | FILTER);
            out.attr(Attr::Placeholder, format!("Filter {}", table.what));
            out.attr(Attr::AriaLabel, format!("Filter {}", table.what));
            let filter = self.looks.get(&table.id).map_or("", |l| &l.filter);
            out.attr(Attr::Value, filter);
            out.close();
            out.close();
        }
        out.open(Tag::Div, "view-table");
        out.attr(Attr::Part, table.id);
        self.rows(table, out);
        out.close();
    }

    fn rows(&self, table: &Table, out: &mut Out) {
        let look = self.looks.get(&table.id).cloned().unwrap_or_default();
        let chosen = chosen(table, &look);
        let limit = look.limit.max(ROWS);
        out.open(Tag::Table, "layer-table");
        out.open(Tag::Thead, "");
        out.open(Tag::Tr, "");
        for (at, column) in table.columns.iter().enumerate() {
            out.open(Tag::Th, if column.number { "right" } else { "" });
            out.attr(Attr::Scope, "col");
            match look.sort {
                Some((c, down)) if c == at => {
                    out.attr(
                        Attr::AriaSort,
                        if down { "descending" } else { "ascending" },
                    );
                }
                _ => {}
            }
            out.button("", table.id, SORT + at as u32);
            out.text(column.title);
            out.close();
            out.close();
        }
        out.close();
        out.close();
        out.open(Tag::Tbody, "");
        for row in chosen.iter().take(limit) {
            if out.is_full() {
                break;
            }
            out.open(Tag::Tr, "");
            for (cell, column) in row.iter().zip(&table.columns) {
                out.cell(Tag::Td, cell, column.number);
            }
            out.close();
        }
        out.close();
        out.close();
        let told = match chosen.len() {
            0 => Some(format!("No {} match.", table.what)),
            n if n > limit && limit >= MAX_DRAWN_ROWS => Some(format!(
                "The first {} of {} are shown; the filter finds the others.",
                human::count(limit as u64),
                human::count(n as u64)
            )),
            _ => None,
        };
        if let Some(told) = told {
            out.element(Tag::P, "muted small pad", &told);
        } else if chosen.len() > limit {
            out.open(Tag::Div, "pad");
            out.button("btn tiny", table.id, MORE);
            out.text(&format!(
                "Show more ({} of {})",
                human::count(limit as u64),
                human::count(chosen.len() as u64)
            ));
            out.close();
            out.close();
        }
        if table.cut {
            let told = format!("There are more {}; they are left out.", table.what);
            out.element(Tag::P, "muted small pad", &told);
        }
    }
}

/// The rows that match the filter, in order.
fn chosen<'a>(table: &'a Table, look: &Look) -> Vec<&'a [Cell]> {
    let matches = |row: &&Vec<Cell>| {
        look.filter.is_empty()
            || row
                .iter()
                .any(|c| c.text.to_lowercase().contains(&look.filter))
    };
    let rows = table.rows.iter().filter(matches);
    let mut rows: Vec<&[Cell]> = rows.map(Vec::as_slice).collect();
    if let Some((column, down)) = look.sort {
        rows.sort_by_cached_key(|row| {
            let cell = row.get(column);
            let words = cell.map_or(String::new(), |c| c.text.to_lowercase());
            (cell.and_then(|c| c.number), words)
        });
        if down {
            rows.reverse();
        }
    }
    rows
}

enum Found<'a> {
    Table(&'a Table),
    Reveal(&'a Reveal),
    Check(&'a Check),
    Tree(&'a RefCell<Tree>),
}

fn find(sections: &[Section], id: u32) -> Option<Found<'_>> {
    sections.iter().find_map(|s| find_block(&s.blocks, id))
}

fn find_block(blocks: &[Block], id: u32) -> Option<Found<'_>> {
    blocks.iter().find_map(|block| match block {
        Block::Table(table) if table.id == id => Some(Found::Table(table)),
        Block::Reveal(reveal) if reveal.id == id => Some(Found::Reveal(reveal)),
        Block::Reveal(reveal) => find_block(&reveal.blocks, id),
        Block::Tree(tree) if tree.borrow().id == id => Some(Found::Tree(tree)),
        Block::Check(check) if check.id == id => Some(Found::Check(check)),
        Block::Sections(inner) => find(inner, id),
        _ => None,
    })
}

/// The tree of a view; there is one at most.
fn find_tree(sections: &[Section]) -> Option<&RefCell<Tree>> {
    sections
        .iter()
        .flat_map(|s| &s.blocks)
        .find_map(|b| match b {
            Block::Tree(tree) => Some(tree),
            _ => None,
        })
}

/// Elements in the making.
#[derive(Default)]
struct Out {
    ops: Vec<Op>,
    open: usize,
}

impl Out {
    /// There is no room for more; what is open is still closed.
    fn is_full(&self) -> bool {
        self.ops.len() >= MAX_OPS
    }

    fn open(&mut self, tag: Tag, class: &str) {
        self.ops.push(Op::Open(tag));
        self.open += 1;
        if !class.is_empty() {
            self.attr(Attr::Class, class);
        }
    }

    fn attr(&mut self, attr: Attr, value: impl ToString) {
        self.ops.push(Op::Attr(attr, value.to_string()));
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.ops.push(Op::Text(text.to_owned()));
        }
    }

    fn close(&mut self) {
        self.ops.push(Op::Close);
        self.open -= 1;
    }

    fn element(&mut self, tag: Tag, class: &str, text: &str) {
        self.open(tag, class);
        self.text(text);
        self.close();
    }

    fn button(&mut self, class: &str, id: u32, what: u32) {
        self.open(Tag::Button, class);
        self.attr(Attr::Type, "button");
        self.attr(Attr::Act, id << ACT_BITS | what);
    }

    fn cell(&mut self, tag: Tag, cell: &Cell, number: bool) {
        let class = match (cell.mono, number) {
            (true, true) => "mono right nowrap",
            (true, false) => "mono break",
            (false, true) => "right nowrap",
            (false, false) if cell.number.is_some() => "nowrap",
            (false, false) => "break",
        };
        self.open(tag, class);
        if let Some(title) = &cell.title {
            self.attr(Attr::Title, title);
        }
        match &cell.href {
            Some(href) => {
                self.open(Tag::A, "");
                self.attr(Attr::Href, href);
                self.text(&cell.text);
                self.close();
            }
            None => self.text(&cell.text),
        }
        self.close();
    }

    fn patch(mut self, part: Option<u32>) -> Patch {
        while self.open > 0 {
            self.close();
        }
        Patch {
            part,
            ops: self.ops,
        }
    }
}

#[cfg(test)]
mod tests;
