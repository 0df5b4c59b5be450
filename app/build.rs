//! Tells the linker to keep what the splitter needs to take the modules of page and worker apart.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let set = |name: &str| std::env::var_os(name).is_some();
    let wasm = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32");
    if wasm && set("CARGO_FEATURE_SPLIT") {
        println!("cargo:rustc-link-arg-bin=app=--emit-relocs");
        println!("cargo:rustc-link-arg-bin=worker=--emit-relocs");
    }
}
