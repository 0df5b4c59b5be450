//! The program of both kinds of worker: one reads layers, the other hashes beside it.
//!
//! In a release build (feature `split`) it comes in two modules: this one reads gzip and plain tar,
//! [`second`] is fetched for a layer that needs more.
#![cfg_attr(
    feature = "split",
    allow(
        unsafe_code,
        reason = "wasm_split writes the import and the export by which the two modules are joined"
    )
)]

#[cfg(target_arch = "wasm32")]
mod second {
    use std::future::Future;
    use std::pin::Pin;

    use layerscope_app::browser::ports::BrowserPorts;
    use layerscope_core::explore::formats::{Formats, FormatsError};

    /// The second module did not come.
    pub struct NotLoaded;

    #[cfg(feature = "split")]
    impl From<wasm_split_helpers::SplitLoaderError> for NotLoaded {
        fn from(_: wasm_split_helpers::SplitLoaderError) -> Self {
            NotLoaded
        }
    }

    #[cfg(feature = "split")]
    #[wasm_split_helpers::wasm_split(formats, fallible)]
    fn formats() -> Result<Formats<BrowserPorts>, NotLoaded> {
        Ok(Formats::here())
    }

    #[cfg(not(feature = "split"))]
    async fn formats() -> Result<Formats<BrowserPorts>, NotLoaded> {
        Ok(Formats::here())
    }

    /// Fetches the second module, once.
    pub fn load() -> Pin<Box<dyn Future<Output = Result<Formats<BrowserPorts>, FormatsError>>>> {
        Box::pin(async {
            let told = |NotLoaded| FormatsError {
                detail: "it did not come".to_owned(),
            };
            formats().await.map_err(told)
        })
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {
    use layerscope_app::browser::ports::BrowserPorts;
    use layerscope_app::browser::scope::{self, Role};
    use layerscope_app::browser::{hash, local, message, seen};
    use layerscope_core::explore::LayerSession;
    use layerscope_core::job::{Event, Request};
    use wasm_bindgen_futures::spawn_local;

    console_error_panic_hook::set_once();
    match scope::role() {
        Role::Hash => hash::serve(),
        Role::Layer => {
            fn tell(event: &Event, bytes: Option<&[u8]>) {
                if let Some(packed) = message::pack(event, bytes) {
                    scope::post(&packed);
                }
            }
            let session = LayerSession::new(BrowserPorts::new(second::load), scope::build_id());
            let handler = session.clone();
            seen::tell(|| tell(&Event::Seen, None));
            seen::keep_by(|key, record| tell(&Event::Keep { key }, Some(&record)));
            scope::on_message(move |received| {
                local::take(&received);
                let Some((request, _)) = message::unpack::<Request>(&received) else {
                    return;
                };
                let session = handler.clone();
                spawn_local(async move { session.handle(request).await });
            });
            session.announce();
            if let Some(digest) = scope::expected_layer() {
                spawn_local(async move { session.expect(&digest).await });
            }
        }
    }
}

/// The client runs in a browser only.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
