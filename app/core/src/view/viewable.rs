//! Whether a file is worth asking the viewers about, who come in a module of their own.

/// First bytes of formats that have a view.
const MAGICS: [&[u8]; 13] = [
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe", // Mach-O for several machines; a Java class has the same
    b"\0asm",
    b"GGUF",
    b"\x30\x82", // DER
    b"\x30\x81",
    b"Package: ",
    b"C:Q",
];

/// Bytes in which the first line of a PEM block is looked for: certificates often stand behind
/// what they say in words.
const PEM_WITHIN: usize = 16 * 1024;

/// It may have a view of its own: by its first bytes alone, which is quick and wrong at times. The
/// viewers' own answer is the one that counts.
pub fn may_have_view(head: &[u8]) -> bool {
    let pem = &head[..head.len().min(PEM_WITHIN)];
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // Safetensors begin with the length of their JSON.
    text.trim_ascii_start().starts_with(b"{")
        || text.trim_ascii_start().starts_with(b"[")
        || head.get(8..10) == Some(b"{\"")
        || MAGICS.iter().any(|magic| head.starts_with(magic))
        || memchr::memmem::find(pem, b"-----BEGIN ").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_first_bytes() {
        assert!(may_have_view(b"\x7fELF\x02"));
        assert!(may_have_view(
            b"Certificate:\n  x\n-----BEGIN CERTIFICATE-----\n"
        ));
        assert!(!may_have_view(b"#!/bin/sh\n"));
        assert!(may_have_view(b"  {\"a\": 1}"));
        assert!(!may_have_view(b""));
    }
}
