//! The part of `cargo xtask bench --scale` that needs a browser. Prints one flat JSON object of
//! numbers.

use std::process::ExitCode;

use layerscope_tests::bench::scale;

fn main() -> ExitCode {
    match scale::measure() {
        Ok(figures) => {
            println!("{}", serde_json::json!(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("scale_bench: {error}");
            ExitCode::FAILURE
        }
    }
}
