//! CRC-32 (RFC 1952 section 8).

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// Natively the processor helps.
    #[derive(Debug, Clone, Default)]
    pub(super) struct State(crc32fast::Hasher);

    impl State {
        pub(super) fn resume(value: u32) -> Self {
            State(crc32fast::Hasher::new_with_initial(value))
        }

        pub(super) fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        pub(super) fn value(&self) -> u32 {
            self.0.clone().finalize()
        }
    }
}

#[cfg(target_arch = "wasm32")]
use sliced as imp;

// Its tests run natively.
#[cfg(any(target_arch = "wasm32", test))]
mod sliced;

/// The CRC-32 of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Crc32(imp::State);

impl Crc32 {
    /// Of no bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of bytes that had this value so far.
    pub fn resume(value: u32) -> Self {
        Crc32(imp::State::resume(value))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of all bytes so far.
    pub fn value(&self) -> u32 {
        self.0.value()
    }

    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::new();
        crc.update(bytes);
        crc.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(Crc32::of(b"123456789"), 0xcbf4_3926);
        let mut crc = Crc32::new();
        crc.update(b"1234");
        crc.update(b"");
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
        assert_eq!(Crc32::of(b""), 0);
        let mut crc = Crc32::resume(Crc32::of(b"1234"));
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
    }
}
