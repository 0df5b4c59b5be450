//! From a header and the extended headers before it to an entry.

use std::collections::{BTreeMap, HashSet};

use super::BLOCK;
use super::error::{Limit, TarProblem};
use super::header::Header;
use super::number;
use super::parser::{State, TarEvent, TarParser, padding};
use super::pax::Record;
use super::sparse::{self, MapReader};
use crate::toc::{Entry, EntryKind, SparseRun};

impl TarParser {
    /// A header that is an entry's own.
    pub(super) fn entry_header(
        &mut self,
        header: &Header<'_>,
        start: u64,
        sink: &mut dyn FnMut(TarEvent<'_>),
    ) -> Result<(), TarProblem> {
        let next = std::mem::take(&mut self.next);
        let typeflag = header.typeflag();
        let kind = match typeflag {
            // 7 is a contiguous file, S an old GNU sparse one.
            0 | b'0' | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::Hardlink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::Char,
            b'4' => EntryKind::Block,
            b'5' => EntryKind::Dir,
            b'6' => EntryKind::Fifo,
            other => EntryKind::Other(other),
        };
        let mut entry = Box::new(Entry {
            path: header.name(),
            kind,
            size: header.size()?,
            mode: header.mode()?,
            uid: header.uid()?,
            gid: header.gid()?,
            uname: header.uname().to_vec(),
            gname: header.gname().to_vec(),
            mtime_s: header.mtime()?,
            mtime_ns: 0,
            linkname: match kind {
                EntryKind::Symlink | EntryKind::Hardlink => header.linkname().to_vec(),
                _ => Vec::new(),
            },
            device: match kind {
                EntryKind::Char | EntryKind::Block => Some(header.device()?),
                _ => None,
            },
            pax: Vec::new(),
            header_out_offset: Some(start),
            data_out_offset: Some(self.out_offset),
            stored_len: 0,
            sparse: None,
        });
        let records = self.records(next.local);
        let pax_sparse = match kind {
            EntryKind::File => sparse::from_records(&records, &self.limits)?,
            _ => None,
        };
        let kept = self.keep_records.then(|| last_of_each(&records));
        apply(records, &mut entry)?;
        if let Some(kept) = kept {
            entry.pax = kept;
        }
        // As Go has it, GNU's long names win over PAX's.
        if let Some(name) = next.name.filter(|n| !n.is_empty()) {
            entry.path = name;
        }
        if let Some(link) = next
            .link
            .filter(|_| matches!(kind, EntryKind::Symlink | EntryKind::Hardlink))
        {
            entry.linkname = link;
        }
        if !kind.has_data() {
            entry.size = 0;
        }
        entry.stored_len = entry.size;

        if typeflag == b'S' {
            let (runs, extended, size) = header.gnu_sparse()?;
            (entry.size, entry.sparse) = (size, Some(runs));
            if extended {
                self.state = State::SparseBlocks(entry);
                return Ok(());
            }
        } else if let Some(pax_sparse) = pax_sparse {
            let stored = entry.size;
            entry.size = pax_sparse.size;
            if let Some(name) = pax_sparse.name {
                entry.path = name;
            }
            if pax_sparse.map_in_data {
                if stored < BLOCK {
                    return Err(TarProblem::Sparse {
                        detail: "the map is longer than the data",
                    });
                }
                let map = MapReader::default();
                self.state = State::SparseMap {
                    entry,
                    map,
                    left: stored,
                };
                return Ok(());
            }
            entry.sparse = Some(pax_sparse.runs);
        } else if kind == EntryKind::File && entry.path.ends_with(b"/") {
            // v7 has no typeflag for directories, and BSD and GNU readers go by the slash. Data
            // that it states is skipped all the same.
            entry.kind = EntryKind::Dir;
            entry.size = 0;
        }
        self.entry_done(entry, sink)
    }

    /// Global and local records that hold for an entry.
    fn records(&self, local: Option<Vec<Record>>) -> Vec<Record> {
        let Some(local) = local else {
            return self.global.clone();
        };
        let mut records: Vec<Record> = Vec::with_capacity(local.len() + self.global.len());
        if !self.global.is_empty() {
            let overridden: HashSet<&[u8]> = local.iter().map(|(k, _)| k.as_slice()).collect();
            let inherited = self
                .global
                .iter()
                .filter(|(k, _)| !overridden.contains(k.as_slice()));
            records.extend(inherited.cloned());
        }
        // An empty value only takes back what a global header said.
        records.extend(local.into_iter().filter(|(_, v)| !v.is_empty()));
        records
    }

    /// All is known of an entry; its data comes next.
    pub(super) fn entry_done(
        &mut self,
        mut entry: Box<Entry>,
        sink: &mut dyn FnMut(TarEvent<'_>),
    ) -> Result<(), TarProblem> {
        if self.entries >= self.limits.entries {
            let allowed = u64::from(self.limits.entries);
            return Err(TarProblem::TooMuch {
                limit: Limit::Entries,
                allowed,
            });
        }
        self.entries += 1;
        if entry.path.len().max(entry.linkname.len()) > self.limits.name_len {
            let allowed = self.limits.name_len as u64;
            return Err(TarProblem::TooMuch {
                limit: Limit::NameLen,
                allowed,
            });
        }
        self.count_names(entry.path.len() + entry.linkname.len())?;
        if let Some(runs) = entry.sparse.take() {
            if entry.size > self.limits.sparse_size {
                let allowed = self.limits.sparse_size;
                return Err(TarProblem::TooMuch {
                    limit: Limit::SparseSize,
                    allowed,
                });
            }
            let runs = sparse::check_runs(runs, entry.size, entry.stored_len)
                .map_err(|detail| TarProblem::Sparse { detail })?;
            entry.sparse = Some(self.count_runs(runs)?);
        }
        // Every position in the archive stays below 2^63, so sums of two do not overflow.
        let data = entry.data_out_offset.unwrap_or(self.out_offset);
        let end = data.saturating_add(entry.stored_len);
        if end.saturating_add(BLOCK) > i64::MAX as u64 {
            return Err(TarProblem::Number { field: "size" });
        }
        if entry.stored_len > 0 {
            let left = entry.stored_len;
            self.state = State::Body {
                left,
                padding: padding(left),
            };
        }
        sink(TarEvent::Entry(entry));
        Ok(())
    }

    pub(super) fn count_names(&mut self, len: usize) -> Result<(), TarProblem> {
        self.names += len as u64;
        let allowed = self.limits.names_total;
        if self.names > allowed {
            return Err(TarProblem::TooMuch {
                limit: Limit::NamesTotal,
                allowed,
            });
        }
        Ok(())
    }

    fn count_runs(&mut self, runs: Vec<SparseRun>) -> Result<Vec<SparseRun>, TarProblem> {
        // Not above u32: one entry's runs are within the same limit.
        self.sparse_runs = self.sparse_runs.saturating_add(runs.len() as u32);
        if self.sparse_runs > self.limits.sparse_runs {
            let allowed = u64::from(self.limits.sparse_runs);
            return Err(TarProblem::TooMuch {
                limit: Limit::SparseRuns,
                allowed,
            });
        }
        Ok(runs)
    }
}

/// Records by their keys; of several with one key the last holds.
fn last_of_each(records: &[Record]) -> Vec<Record> {
    // Collected, they would be sorted first: code that a worker has for nothing else.
    let mut by_key = BTreeMap::new();
    by_key.extend(records.iter().map(|(k, v)| (k, v)));
    let pairs = by_key.into_iter();
    pairs.map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Puts records into the fields that they override and keeps the others.
fn apply(records: Vec<Record>, entry: &mut Entry) -> Result<(), TarProblem> {
    let number = |value: &[u8], field| number::decimal(value).ok_or(TarProblem::Number { field });
    for (key, value) in records {
        match key.as_slice() {
            b"path" => entry.path = value,
            b"linkpath" => {
                if matches!(entry.kind, EntryKind::Symlink | EntryKind::Hardlink) {
                    entry.linkname = value;
                }
            }
            b"size" => entry.size = number(&value, "size")?,
            b"uid" => entry.uid = number(&value, "uid")?,
            b"gid" => entry.gid = number(&value, "gid")?,
            b"uname" => entry.uname = value,
            b"gname" => entry.gname = value,
            b"mtime" => {
                (entry.mtime_s, entry.mtime_ns) =
                    number::time(&value).ok_or(TarProblem::Number { field: "mtime" })?;
            }
            key if key.starts_with(b"GNU.sparse.") => {}
            _ => entry.pax.push((key, value)),
        }
    }
    Ok(())
}
