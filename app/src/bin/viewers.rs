//! The program of the viewers' worker: bytes of one file in, what is to be seen of it out.

#[cfg(all(target_arch = "wasm32", feature = "viewers"))]
fn main() {
    use std::cell::RefCell;

    use layerscope_app::browser::{message, scope};
    use layerscope_core::view::draw::{Ask, DocId, Said};
    use layerscope_viewers::{Doc, Step};

    fn say(said: &Said) {
        if let Some(packed) = message::pack(said, None) {
            scope::post(&packed);
        }
    }

    fn step(doc: DocId, open: &mut Doc) {
        say(&match open.step() {
            Step::Need(start, len) => Said::Need { doc, start, len },
            Step::Found(kind) => Said::Found { doc, kind },
            Step::Nothing => Said::Nothing { doc },
            Step::Failed(problem) => Said::Failed { doc, problem },
        });
    }

    console_error_panic_hook::set_once();
    // One at a time: the page shows one.
    let open: RefCell<Option<(DocId, Doc)>> = RefCell::default();
    scope::on_message(move |received| {
        let Some((ask, bytes)) = message::unpack::<Ask>(&received) else {
            return;
        };
        let bytes = bytes.unwrap_or_default();
        let mut open = open.borrow_mut();
        match ask {
            Ask::Open {
                doc,
                name,
                total,
                now_s,
                plain,
            } => {
                let mut opened = Doc::new(name, total, now_s);
                if !plain {
                    opened = opened.of_known_kind();
                }
                opened.add(0, bytes);
                step(doc, &mut opened);
                *open = Some((doc, opened));
            }
            Ask::Bytes { doc, start } => {
                match open.as_mut().filter(|(id, _)| *id == doc) {
                    Some((_, opened)) => {
                        opened.add(start, bytes);
                        step(doc, opened);
                    }
                    // Each question has its answer, or it would be taken for one that never ends.
                    None => say(&Said::Nothing { doc }),
                }
            }
            Ask::Act { doc, act, value } => {
                let opened = open.as_mut().filter(|(id, _)| *id == doc);
                let patches = opened.map_or(Vec::new(), |(_, o)| o.act(act, &value));
                say(&Said::Draw { doc, patches });
            }
        }
    });
    say(&Said::Ready {
        build: scope::build_id(),
    });
}

/// The client runs in a browser only.
#[cfg(not(all(target_arch = "wasm32", feature = "viewers")))]
fn main() {}
