//! A JSON tree as elements: a line for each member, indented by spaces, as the page shows its own
//! documents.

use layerscope_core::view::draw::{Attr, Tag};

use super::{ACT_BITS, FILTER, NODE_BASE, Out, REVEAL};
use crate::formats::json::tree::{INSIDE, Member, Path, Tree};

/// Spaces for each level.
const INDENT: usize = 2;

/// The whole tree, with its search.
pub(super) fn whole(tree: &mut Tree, filter: &str, out: &mut Out) {
    tree.drawn.clear();
    out.open(Tag::Div, "tools");
    out.open(Tag::Input, "field");
    out.attr(Attr::Type, "search");
    out.attr(Attr::Act, tree.id << ACT_BITS | FILTER);
    out.attr(Attr::Placeholder, "Search names and values");
    out.attr(Attr::AriaLabel, "Search names and values");
    out.attr(Attr::Value, filter);
    out.close();
    out.close();
    out.open(Tag::Div, "json");
    out.attr(Attr::Part, tree.id);
    found(tree, filter, out);
    out.close();
}

/// What a search finds; without one, the tree.
pub(super) fn found(tree: &mut Tree, filter: &str, out: &mut Out) {
    if filter.trim().is_empty() {
        tree.drawn.clear();
        members(tree, &Vec::new(), 0, out);
        return;
    }
    let all = tree.search(filter);
    if all.is_empty() {
        out.element(Tag::P, "muted small pad", "Nothing has that in it.");
    }
    for (path, cell) in all {
        if out.is_full() {
            break;
        }
        out.open(Tag::Div, "json-line");
        out.text(" ");
        out.element(Tag::Span, "tok-key", &crate::model::Cell::text(path).text);
        out.text(" = ");
        out.cell(Tag::Span, &cell, false);
        out.close();
    }
}

/// One part anew: it was opened, or closed.
pub(super) fn turned(tree: &mut Tree, number: usize, out: &mut Out) {
    let Some(path) = tree.drawn.get(number).cloned() else {
        return;
    };
    tree.turn(&path);
    let steps = path.iter().filter(|step| **step != INSIDE).count();
    let depth = steps.saturating_sub(1);
    let parent: Path = path[..path.len().saturating_sub(1)].to_vec();
    let (all, _) = tree.members(&parent);
    if let Some(member) = all.into_iter().find(|m| m.path == path) {
        line(tree, &member, number, depth, out);
    }
}

fn members(tree: &mut Tree, path: &Path, depth: usize, out: &mut Out) {
    let (all, left) = tree.members(path);
    for member in all {
        if out.is_full() {
            return;
        }
        let number = tree.drawn.len();
        let has_more = member.more.is_some();
        if has_more {
            tree.drawn.push(member.path.clone());
            out.open(Tag::Div, "");
            out.attr(Attr::Part, NODE_BASE as usize + number);
        }
        line(tree, &member, number, depth, out);
        if has_more {
            out.close();
        }
    }
    if left > 0 {
        let told = format!(
            "{}… {left} more; the search finds them",
            " ".repeat((depth + 1) * INDENT)
        );
        out.element(Tag::Div, "json-line muted", &told);
    }
}

fn line(tree: &mut Tree, member: &Member, number: usize, depth: usize, out: &mut Out) {
    let open = member.more.is_some() && tree.is_open(&member.path);
    out.open(Tag::Div, "json-line");
    out.text(&" ".repeat((depth + 1) * INDENT));
    if member.more.is_some() {
        out.button("json-fold", NODE_BASE + number as u32, REVEAL);
        out.attr(Attr::AriaExpanded, open);
        out.attr(Attr::AriaLabel, format!("Members of {}", member.name));
        out.close();
    }
    out.text("  ");
    if !member.name.is_empty() {
        out.element(Tag::Span, "tok-key", &member.name);
        out.text(": ");
    }
    if !member.cell.text.is_empty() {
        out.open(Tag::Span, member.class);
        out.cell(Tag::Span, &member.cell, false);
        out.close();
    }
    if let Some(more) = &member.more {
        out.element(Tag::Span, "muted", &format!(" {more}"));
    }
    out.close();
    if open {
        let path = member.path.clone();
        members(tree, &path, depth + 1, out);
    }
}
