//! The page's program: mounts the interface.

#[cfg(target_arch = "wasm32")]
fn main() {
    console_error_panic_hook::set_once();
    layerscope_app::ui::start();
}

/// The client runs in a browser only.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
