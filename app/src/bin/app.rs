//! The page's program: mounts the interface.
//!
//! In a release build (feature `split`) it comes in two modules: this one has the start page, and
//! [`second`] is fetched with the rest as soon as that is shown, or at once where it is needed.
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

    use layerscope_app::pages::Pages;

    /// The second module did not come.
    pub struct NotLoaded;

    #[cfg(feature = "split")]
    impl From<wasm_split_helpers::SplitLoaderError> for NotLoaded {
        fn from(_: wasm_split_helpers::SplitLoaderError) -> Self {
            NotLoaded
        }
    }

    #[cfg(feature = "split")]
    #[wasm_split_helpers::wasm_split(pages, fallible)]
    fn pages() -> Result<Pages, NotLoaded> {
        Ok(Pages::here())
    }

    #[cfg(not(feature = "split"))]
    async fn pages() -> Result<Pages, NotLoaded> {
        Ok(Pages::here())
    }

    /// Fetches the second module, once.
    pub fn load() -> Pin<Box<dyn Future<Output = Result<Pages, String>>>> {
        Box::pin(async {
            let told = |NotLoaded| "its second part did not come".to_owned();
            pages().await.map_err(told)
        })
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {
    console_error_panic_hook::set_once();
    layerscope_app::ui::start(second::load);
}

/// The client runs in a browser only.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
