//! The numbers of the fields in each table of the schemas beside this, in their order.

/// Fields of `Ztoc`.
pub(super) mod ztoc {
    pub(in super::super) const VERSION: usize = 0;
    pub(in super::super) const BUILD_TOOL_IDENTIFIER: usize = 1;
    pub(in super::super) const COMPRESSED_ARCHIVE_SIZE: usize = 2;
    pub(in super::super) const UNCOMPRESSED_ARCHIVE_SIZE: usize = 3;
    pub(in super::super) const TOC: usize = 4;
    pub(in super::super) const COMPRESSION_INFO: usize = 5;
    pub(in super::super) const FIELDS: usize = 6;
}

/// Fields of `TOC`.
pub(super) mod toc {
    pub(in super::super) const METADATA: usize = 0;
    pub(in super::super) const FIELDS: usize = 1;
}

/// Fields of `CompressionInfo`.
pub(super) mod info {
    pub(in super::super) const COMPRESSION_ALGORITHM: usize = 0;
    pub(in super::super) const MAX_SPAN_ID: usize = 1;
    pub(in super::super) const SPAN_DIGESTS: usize = 2;
    pub(in super::super) const CHECKPOINTS: usize = 3;
    pub(in super::super) const FIELDS: usize = 4;
}

/// Fields of `FileMetadata`.
pub(super) mod file {
    pub(in super::super) const NAME: usize = 0;
    pub(in super::super) const TYPE: usize = 1;
    pub(in super::super) const UNCOMPRESSED_OFFSET: usize = 2;
    pub(in super::super) const UNCOMPRESSED_SIZE: usize = 3;
    pub(in super::super) const LINKNAME: usize = 4;
    pub(in super::super) const MODE: usize = 5;
    pub(in super::super) const UID: usize = 6;
    pub(in super::super) const GID: usize = 7;
    pub(in super::super) const UNAME: usize = 8;
    pub(in super::super) const GNAME: usize = 9;
    pub(in super::super) const MOD_TIME: usize = 10;
    pub(in super::super) const DEVMAJOR: usize = 11;
    pub(in super::super) const DEVMINOR: usize = 12;
    pub(in super::super) const XATTRS: usize = 13;
    pub(in super::super) const FIELDS: usize = 14;
}

/// Fields of `Xattr`.
pub(super) mod xattr {
    pub(in super::super) const KEY: usize = 0;
    pub(in super::super) const VALUE: usize = 1;
    pub(in super::super) const FIELDS: usize = 2;
}

/// Fields of `TarZinfo`, the checkpoints of an archive that is not compressed.
pub(super) mod tar {
    pub(in super::super) const VERSION: usize = 0;
    pub(in super::super) const SPAN_SIZE: usize = 1;
    pub(in super::super) const SIZE: usize = 2;
    pub(in super::super) const FIELDS: usize = 3;
}

#[cfg(test)]
mod tests {
    /// The names of a table's fields, in their order, from a schema.
    fn fields(schema: &str, table: &str) -> Vec<String> {
        let start = schema.find(&format!("table {table} {{"));
        let body = &schema[start.expect("the schema has the table")..];
        let body = &body[..body.find('}').expect("it ends")];
        let lines = body.lines().skip(1);
        let before_colon = lines.filter_map(|line| line.split("//").next()?.split_once(':'));
        before_colon
            .map(|(name, _)| name.trim().to_ascii_uppercase())
            .collect()
    }

    /// What this file says of a table, from its own text.
    fn slots(module: &str) -> Vec<String> {
        let text = include_str!("slots.rs");
        let start = text.find(&format!("pub(super) mod {module} {{"));
        let body = &text[start.expect("the module")..];
        let body = &body[..body.find('}').expect("it ends")];
        let mut names = Vec::new();
        for line in body.lines().filter(|line| line.contains("const ")) {
            let (_, rest) = line.split_once("const ").expect("filtered");
            let (name, value) = rest.split_once(": usize = ").expect("a constant");
            assert_eq!(value, format!("{};", names.len()), "{name}");
            names.push(name.to_owned());
        }
        assert_eq!(names.pop().as_deref(), Some("FIELDS"));
        names
    }

    #[test]
    fn they_are_the_schemas() {
        let ztoc = include_str!("schema/ztoc.fbs");
        for (module, table) in [
            ("ztoc", "Ztoc"),
            ("toc", "TOC"),
            ("info", "CompressionInfo"),
            ("file", "FileMetadata"),
            ("xattr", "Xattr"),
        ] {
            assert_eq!(slots(module), fields(ztoc, table), "{table}");
        }
        let zinfo = include_str!("schema/zinfo.fbs");
        assert_eq!(slots("tar"), fields(zinfo, "TarZinfo"));
    }
}
