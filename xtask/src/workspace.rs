//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders that the commands work in.
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// The built app.
    pub dist: PathBuf,
}

impl Workspace {
    /// The workspace this binary was started from; `cargo run` says which that is.
    pub fn find() -> Self {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .map_or_else(|| manifest_dir.clone(), Path::to_path_buf);
        Self::at(root)
    }

    /// The workspace at `root`, with the target folder that Cargo would use.
    pub fn at(root: PathBuf) -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |dir| root.join(dir));
        let dist = root.join("dist");
        Self { root, target, dist }
    }

    /// A Cargo command in the root.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        // The toolchain file decides which Cargo that is; rustup passes it on in CARGO.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Where the build of the client leaves the module of one of its programs.
    pub fn wasm_module(&self, program: &str) -> PathBuf {
        self.target
            .join("wasm32-unknown-unknown/wasm-release")
            .join(format!("{program}.wasm"))
    }

    /// Where `cargo build --release -p layerscope-proxy` leaves the proxy.
    pub fn proxy_binary(&self) -> PathBuf {
        let name = format!("layerscope-proxy{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(name)
    }
}
