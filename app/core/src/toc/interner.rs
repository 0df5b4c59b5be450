//! Byte strings that occur often, kept once.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// Gives equal byte strings the same small number, in the order of their first occurrence.
#[derive(Debug, Clone)]
pub(crate) struct Interner {
    bytes: Vec<u8>,
    /// Where each string ends in `bytes`.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: RandomState,
    /// The last answer: neighbours in an archive are alike.
    last: u32,
}

impl Interner {
    /// Knows the empty string, as number 0.
    pub(crate) fn new() -> Self {
        let mut this = Interner {
            bytes: Vec::new(),
            ends: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::new(),
            last: 0,
        };
        this.intern(b"");
        this
    }

    /// The string's number; the same as before if it is known. Callers bound the bytes of all
    /// strings below 4 GiB.
    pub(crate) fn intern(&mut self, string: &[u8]) -> u32 {
        if self.get(self.last) == Some(string) {
            return self.last;
        }
        let hash = self.hasher.hash_one(string);
        let found = self
            .table
            .find(hash, |id| slice(&self.bytes, &self.ends, *id) == string);
        if let Some(id) = found {
            self.last = *id;
            return *id;
        }
        let id = self.ends.len() as u32;
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len() as u32);
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table
            .insert_unique(hash, id, |id| hasher.hash_one(slice(bytes, ends, *id)));
        self.last = id;
        id
    }

    /// The string with a number.
    pub(crate) fn get(&self, id: u32) -> Option<&[u8]> {
        ((id as usize) < self.ends.len()).then(|| slice(&self.bytes, &self.ends, id))
    }

    /// How many strings are known.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all strings.
    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory taken, about.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4 + self.table.capacity() * 5
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[u32], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] as usize };
    &bytes[start..ends[id] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_have_one_number() {
        let mut interner = Interner::new();
        assert_eq!(interner.intern(b""), 0);
        assert_eq!(interner.intern(b"a"), 1);
        assert_eq!(interner.intern(b"b"), 2);
        assert_eq!(interner.intern(b"a"), 1);
        for n in 0..1000u32 {
            interner.intern(&n.to_le_bytes());
        }
        assert_eq!(interner.intern(b"b"), 2);
        assert_eq!(interner.get(1), Some(&b"a"[..]));
        assert_eq!(interner.get(2000), None);
        assert_eq!(interner.len(), 1003);
    }
}
