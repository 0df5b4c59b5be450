//! The page's program: mounts the interface.
//!
//! In a release build (feature `split`) it comes in modules: this one has the start page, and
//! [`further`] ones are fetched with the rest as soon as that is shown, or at once where they are needed.
#![cfg_attr(
    feature = "split",
    allow(
        unsafe_code,
        reason = "wasm_split writes the import and the export by which the two modules are joined"
    )
)]

#[cfg(target_arch = "wasm32")]
mod further {
    use layerscope_app::pages::{Coming, LayerPage, OtherPages, Parts};

    /// A further module did not come.
    pub struct NotLoaded;

    #[cfg(feature = "split")]
    impl From<wasm_split_helpers::SplitLoaderError> for NotLoaded {
        fn from(_: wasm_split_helpers::SplitLoaderError) -> Self {
            NotLoaded
        }
    }

    #[cfg(feature = "split")]
    #[wasm_split_helpers::wasm_split(layer, fallible)]
    fn layer_page() -> Result<LayerPage, NotLoaded> {
        Ok(LayerPage::here())
    }

    #[cfg(not(feature = "split"))]
    async fn layer_page() -> Result<LayerPage, NotLoaded> {
        Ok(LayerPage::here())
    }

    #[cfg(feature = "split")]
    #[wasm_split_helpers::wasm_split(pages, fallible)]
    fn other_pages() -> Result<OtherPages, NotLoaded> {
        Ok(OtherPages::here())
    }

    #[cfg(not(feature = "split"))]
    async fn other_pages() -> Result<OtherPages, NotLoaded> {
        Ok(OtherPages::here())
    }

    fn told(NotLoaded: NotLoaded) -> String {
        "a further part of it did not come".to_owned()
    }

    fn layer() -> Coming<LayerPage> {
        Box::pin(async { layer_page().await.map_err(told) })
    }

    fn others() -> Coming<OtherPages> {
        Box::pin(async { other_pages().await.map_err(told) })
    }

    /// Fetches the further modules.
    pub const PARTS: Parts = Parts { layer, others };
}

#[cfg(target_arch = "wasm32")]
fn main() {
    console_error_panic_hook::set_once();
    layerscope_app::ui::start(further::PARTS);
}

/// The client runs in a browser only.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
