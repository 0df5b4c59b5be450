//! Elements of what the viewers say. Their names come from a fixed list, text is only ever text,
//! and an address is followed only if it is one of those that may be.

use layerscope_core::view::draw::{Attr, Op, Patch, is_safe_href};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement};

use super::page;

/// Puts a patch where it belongs, in `view`.
pub fn apply(view: &Element, patch: &Patch) {
    let place = match patch.part {
        None => Some(view.clone()),
        Some(part) => {
            let selector = format!("[data-part=\"{part}\"]");
            view.query_selector(&selector).ok().flatten()
        }
    };
    let Some(place) = place else { return };
    // What is clicked may be replaced with it, and has the focus then.
    let active = page::document().active_element();
    let act = active.and_then(|e| e.get_attribute(Attr::Act.name()));
    place.set_text_content(None);
    let _ = build(&place, &patch.ops); // fails only for names that are no element's
    if let Some(act) = act {
        page::regain_focus(&[format!(".view [data-act=\"{act}\"]")]);
    }
}

fn build(place: &Element, ops: &[Op]) -> Option<()> {
    let document = page::document();
    let mut at = place.clone();
    for op in ops {
        match op {
            Op::Open(tag) => {
                let element = document.create_element(tag.name()).ok()?;
                at.append_child(&element).ok()?;
                at = element;
            }
            Op::Attr(Attr::Href, href) if !is_safe_href(href) => {}
            Op::Attr(attr, value) => {
                at.set_attribute(attr.name(), value).ok()?;
                if *attr == Attr::Href && !value.starts_with('#') {
                    at.set_attribute("rel", "noopener noreferrer").ok()?;
                    at.set_attribute("target", "_blank").ok()?;
                }
            }
            Op::Text(text) => {
                at.append_with_str_1(text).ok()?;
            }
            Op::Close if at == *place => return None,
            Op::Close => at = at.parent_element()?,
        }
    }
    Some(())
}

/// What a click, or an input into a field, asks the viewers for.
pub fn act_of(event: &Event) -> Option<(u32, String)> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let asks = target.closest("[data-act]").ok().flatten()?;
    let field = asks.dyn_ref::<HtmlInputElement>();
    // A click into a field asks for nothing.
    if field.is_some() != (event.type_() == "input") {
        return None;
    }
    let act = asks.get_attribute(Attr::Act.name())?.parse().ok()?;
    Some((act, field.map_or(String::new(), HtmlInputElement::value)))
}
