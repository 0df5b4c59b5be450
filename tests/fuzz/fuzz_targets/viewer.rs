#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| layerscope_fuzz::viewer::viewer(data));
