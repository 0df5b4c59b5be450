//! Models, of the libraries of GGUF and safetensors.

use layerscope_viewers::Step;

use crate::{check, open, read};

#[test]
fn gguf() {
    check(
        "model.gguf",
        "GGUF",
        &[
            "Model: Version: 3",
            "Model: Name: A small model",
            "Model: Architecture: llama",
            "Model: Licence: MIT",
            "Model: Numbers: 544",
            "Keys (…): llama.context_length | 2048",
            "Keys (…): tokenizer.ggml.tokens | 300 items: token 0, token 1,…, …",
            "Keys (…): tokenizer.ggml.scores | 300 items: 0.5, 0.5",
            "Tensors (2): token_embd.weight | F32 | 32 × 16 | 512",
            "Tensors (2): output_norm.weight | F16 | 32 | 32",
        ],
    );
}

#[test]
fn safetensors() {
    check(
        "model.safetensors",
        "Safetensors",
        &[
            "Model: Numbers: 544",
            "Model: format: np",
            "Tensors (2): embed.weight | F32 | 16 × 32 | 512 | 2.0 kB",
            "Tensors (2): norm.bias | F16 | 32 | 32 | 64 B",
        ],
    );
}

#[test]
fn damaged_models_say_so() {
    let gguf = read("model.gguf");
    for (name, bytes) in [
        ("cut", &gguf[..100]),
        ("many", &[&b"GGUF\x03\0\0\0"[..], &[0xff; 64]].concat()[..]),
        ("big", &[&b"GGUF\0\0\0\x03"[..], &[0; 64]].concat()[..]),
    ] {
        let (_, step, _) = open(name, bytes, bytes.len());
        assert!(matches!(step, Step::Failed(_)), "{name}: {step:?}");
    }
}

/// A list of words that takes megabytes comes in few requests.
#[test]
fn a_long_vocabulary_takes_few_requests() {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, "tokens");
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(8_u32.to_le_bytes());
    let count = 300_000_u64;
    bytes.extend(count.to_le_bytes());
    for n in 0..count {
        text(&mut bytes, &format!("token {n}"));
    }
    let (_, step, rounds) = open("vocabulary.gguf", &bytes, 256 * 1024);
    assert_eq!(step, Step::Found("GGUF".into()));
    assert!(rounds < 8, "{rounds} requests for {} bytes", bytes.len());
}
