//! The program of both kinds of worker: one reads layers, the other hashes beside it.

#[cfg(target_arch = "wasm32")]
fn main() {
    use layerscope_app::browser::ports::BrowserPorts;
    use layerscope_app::browser::scope::{self, Role};
    use layerscope_app::browser::{hash, message};
    use layerscope_core::explore::LayerSession;
    use layerscope_core::job::Request;
    use wasm_bindgen_futures::spawn_local;

    console_error_panic_hook::set_once();
    match scope::role() {
        Role::Hash => hash::serve(),
        Role::Layer => {
            let session = LayerSession::new(BrowserPorts::default(), scope::build_id());
            let handler = session.clone();
            scope::on_message(move |received| {
                let Some((request, _)) = message::unpack::<Request>(&received) else {
                    return;
                };
                let session = handler.clone();
                spawn_local(async move { session.handle(request).await });
            });
            session.announce();
        }
    }
}

/// The client runs in a browser only.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
