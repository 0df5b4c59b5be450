//! Writes tar archives header by header, also those that a decent library refuses to write.
//!
//! Field positions are those of POSIX.1-1988 ustar and of GNU tar's `tar.h`.

const BLOCK: usize = 512;

/// Which dialect a header speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    /// No magic at all: Unix version 7.
    V7,
    /// POSIX.
    Ustar,
    /// GNU, before POSIX.
    Gnu,
}

/// One header, with every field open.
#[derive(Debug, Clone)]
pub struct Header {
    /// At most 100 bytes are written.
    pub name: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: i64,
    /// Group.
    pub gid: i64,
    /// Seconds since 1970; negative ones need base 256.
    pub mtime: i64,
    /// `0` file, `5` directory, `2` symlink, …
    pub typeflag: u8,
    /// At most 100 bytes are written.
    pub linkname: Vec<u8>,
    /// The dialect.
    pub magic: Magic,
    /// Owner's name.
    pub uname: &'static str,
    /// Group's name.
    pub gname: &'static str,
    /// Major and minor device number.
    pub device: (u32, u32),
    /// Ustar's prefix field.
    pub prefix: Vec<u8>,
    /// Old GNU's sparse fields: (first byte, length) of each run of data, and the real size.
    pub gnu_sparse: Option<(Vec<(u64, u64)>, u64)>,
}

impl Header {
    /// A plain header of a kind.
    pub fn new(name: impl AsRef<[u8]>, typeflag: u8) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            mode: if typeflag == b'5' { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            typeflag,
            linkname: Vec::new(),
            magic: Magic::Ustar,
            uname: "root",
            gname: "root",
            device: (0, 0),
            prefix: Vec::new(),
            gnu_sparse: None,
        }
    }

    /// The block, for `size` bytes of data after it.
    fn block(&self, size: u64) -> [u8; BLOCK] {
        let mut block = [0u8; BLOCK];
        let mut put = |at: usize, len: usize, bytes: &[u8]| {
            let len = bytes.len().min(len);
            block[at..at + len].copy_from_slice(&bytes[..len]);
        };
        put(0, 100, &self.name);
        put(100, 8, &number(i64::from(self.mode), 8));
        put(108, 8, &number(self.uid, 8));
        put(116, 8, &number(self.gid, 8));
        put(124, 12, &number(size as i64, 12));
        put(136, 12, &number(self.mtime, 12));
        put(148, 8, b"        ");
        put(156, 1, &[self.typeflag]);
        put(157, 100, &self.linkname);
        match self.magic {
            Magic::V7 => {}
            Magic::Ustar => put(257, 8, b"ustar\x0000"),
            Magic::Gnu => put(257, 8, b"ustar  \0"),
        }
        if self.magic != Magic::V7 {
            put(265, 32, self.uname.as_bytes());
            put(297, 32, self.gname.as_bytes());
            if matches!(self.typeflag, b'3' | b'4') {
                put(329, 8, &number(i64::from(self.device.0), 8));
                put(337, 8, &number(i64::from(self.device.1), 8));
            }
            put(345, 155, &self.prefix);
        }
        if let Some((runs, real_size)) = &self.gnu_sparse {
            for (i, (first, len)) in runs.iter().take(4).enumerate() {
                put(386 + 24 * i, 12, &number(*first as i64, 12));
                put(398 + 24 * i, 12, &number(*len as i64, 12));
            }
            put(482, 1, &[u8::from(runs.len() > 4)]);
            put(483, 12, &number(*real_size as i64, 12));
        }
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// A number field: octal with a NUL where it fits, else GNU's base 256.
fn number(value: i64, len: usize) -> Vec<u8> {
    let octal = format!("{value:0width$o}\0", width = len - 1);
    if value >= 0 && octal.len() == len {
        return octal.into_bytes();
    }
    let mut bytes = vec![if value < 0 { 0xff } else { 0 }; len];
    bytes[len - 8..].copy_from_slice(&value.to_be_bytes());
    bytes[0] = if value < 0 { 0xff } else { 0x80 };
    bytes
}

/// An archive in the making.
#[derive(Debug, Clone, Default)]
pub struct Tar {
    bytes: Vec<u8>,
}

impl Tar {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// A header and its data, padded.
    pub fn entry(&mut self, header: &Header, data: &[u8]) -> &mut Self {
        self.bytes.extend(header.block(data.len() as u64));
        // Old GNU puts further runs of data between the header and the data.
        if let Some((runs, _)) = &header.gnu_sparse {
            let mut rest = runs.get(4..).unwrap_or_default();
            while !rest.is_empty() {
                let mut block = [0u8; BLOCK];
                let (now, later) = rest.split_at(rest.len().min(21));
                for (i, (first, len)) in now.iter().enumerate() {
                    block[24 * i..][..12].copy_from_slice(&number(*first as i64, 12));
                    block[24 * i + 12..][..12].copy_from_slice(&number(*len as i64, 12));
                }
                block[504] = u8::from(!later.is_empty());
                self.bytes.extend(block);
                rest = later;
            }
        }
        self.bytes.extend(data);
        self.bytes
            .resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// A regular file.
    pub fn file(&mut self, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> &mut Self {
        self.entry(&Header::new(name, b'0'), data.as_ref())
    }

    /// A directory.
    pub fn dir(&mut self, name: impl AsRef<[u8]>) -> &mut Self {
        self.entry(&Header::new(name, b'5'), b"")
    }

    /// A symbolic link.
    pub fn symlink(&mut self, name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> &mut Self {
        self.link(name, to, b'2')
    }

    /// A hard link.
    pub fn hardlink(&mut self, name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> &mut Self {
        self.link(name, to, b'1')
    }

    fn link(&mut self, name: impl AsRef<[u8]>, to: impl AsRef<[u8]>, typeflag: u8) -> &mut Self {
        let mut header = Header::new(name, typeflag);
        header.linkname = to.as_ref().to_vec();
        self.entry(&header, b"")
    }

    /// A PAX header (`x` for the next entry, `g` for all that follow).
    pub fn pax(&mut self, typeflag: u8, records: &[(&str, &[u8])]) -> &mut Self {
        let mut data = Vec::new();
        for (key, value) in records {
            // The length counts its own digits.
            let rest = key.len() + value.len() + 3;
            let mut len = rest + 1;
            while len != rest + len.to_string().len() {
                len = rest + len.to_string().len();
            }
            data.extend(format!("{len} {key}=").bytes());
            data.extend(*value);
            data.push(b'\n');
        }
        self.entry(&Header::new("PaxHeaders/x", typeflag), &data)
    }

    /// A GNU long name (`L`) or long link name (`K`) for the next entry.
    pub fn gnu_long(&mut self, typeflag: u8, name: impl AsRef<[u8]>) -> &mut Self {
        let mut header = Header::new("././@LongLink", typeflag);
        header.magic = Magic::Gnu;
        let data = [name.as_ref(), b"\0"].concat();
        self.entry(&header, &data)
    }

    /// The archive without its two closing blocks.
    pub fn without_trailer(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The archive with its two closing blocks.
    pub fn finish(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        bytes
    }
}
