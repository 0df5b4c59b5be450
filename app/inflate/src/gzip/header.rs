//! A member's header (RFC 1952 section 2.3), read byte by byte so that it may be cut anywhere.

use crate::checksum::Crc32;
use crate::gzip::error::GzipError;

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fixed(u8),
    ExtraLen(u8),
    Extra,
    Name,
    Comment,
    Crc(u8),
    Done,
}

/// Where the header's reading stands.
#[derive(Debug)]
pub(crate) struct HeaderReader {
    part: Part,
    flags: u8,
    extra_left: u16,
    crc_stated: u16,
    crc: Crc32,
    len: usize,
}

impl HeaderReader {
    pub(crate) fn new() -> Self {
        HeaderReader {
            part: Part::Fixed(0),
            flags: 0,
            extra_left: 0,
            crc_stated: 0,
            crc: Crc32::new(),
            len: 0,
        }
    }

    /// Bytes read of it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes one byte; true when the header is whole. `in_offset` is for the error alone.
    pub(crate) fn push(&mut self, byte: u8, in_offset: u64) -> Result<bool, GzipError> {
        let bad = |what| Err(GzipError::BadHeader { in_offset, what });
        self.len += 1;
        if !matches!(self.part, Part::Crc(_)) {
            self.crc.update(&[byte]);
        }
        self.part = match self.part {
            Part::Fixed(at) => {
                match (at, byte) {
                    (0, 0x1f) | (1, 0x8b) | (2, 8) => {}
                    (0 | 1, _) => return bad("the magic bytes are not 1f 8b"),
                    (2, _) => return bad("the method is not deflate"),
                    (3, flags) if flags & RESERVED != 0 => return bad("reserved flags are set"),
                    (3, flags) => self.flags = flags,
                    _ => {}
                }
                if at == 9 {
                    self.after_fixed()
                } else {
                    Part::Fixed(at + 1)
                }
            }
            Part::ExtraLen(0) => {
                self.extra_left = u16::from(byte);
                Part::ExtraLen(1)
            }
            Part::ExtraLen(_) => {
                self.extra_left |= u16::from(byte) << 8;
                if self.extra_left == 0 {
                    self.after_extra()
                } else {
                    Part::Extra
                }
            }
            Part::Extra => {
                self.extra_left -= 1;
                if self.extra_left == 0 {
                    self.after_extra()
                } else {
                    Part::Extra
                }
            }
            Part::Name if byte == 0 => self.after_name(),
            Part::Comment if byte == 0 => self.after_comment(),
            Part::Crc(0) => {
                self.crc_stated = u16::from(byte);
                Part::Crc(1)
            }
            Part::Crc(_) => {
                self.crc_stated |= u16::from(byte) << 8;
                if self.crc.value() as u16 != self.crc_stated {
                    return bad("the header's own checksum does not match");
                }
                Part::Done
            }
            unchanged @ (Part::Name | Part::Comment | Part::Done) => unchanged,
        };
        Ok(self.part == Part::Done)
    }

    fn after_fixed(&self) -> Part {
        if self.flags & FEXTRA != 0 {
            Part::ExtraLen(0)
        } else {
            self.after_extra()
        }
    }

    fn after_extra(&self) -> Part {
        if self.flags & FNAME != 0 {
            Part::Name
        } else {
            self.after_name()
        }
    }

    fn after_name(&self) -> Part {
        if self.flags & FCOMMENT != 0 {
            Part::Comment
        } else {
            self.after_comment()
        }
    }

    fn after_comment(&self) -> Part {
        if self.flags & FHCRC != 0 {
            Part::Crc(0)
        } else {
            Part::Done
        }
    }
}
