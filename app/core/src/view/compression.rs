//! What is said of a layer's compression.

use crate::layer_index::Compression;
use crate::media_type::{self, LayerCompression, MediaTypeKind};

use super::command::TarFilter;

/// What is told where a media type names another compression than the blob's first bytes show; the
/// bytes win.
pub fn disagreement(media_type: &str, bytes: Compression) -> Option<String> {
    let MediaTypeKind::Layer { compression, .. } = media_type::kind(media_type) else {
        return None; // it promises nothing
    };
    let stated = match compression {
        LayerCompression::None => Compression::None,
        LayerCompression::Gzip => Compression::Gzip,
        LayerCompression::Zstd => Compression::Zstd,
    };
    if stated == bytes {
        return None;
    }
    Some(format!(
        "The manifest says {}, the bytes are {}: they are read as what they are.",
        words(stated),
        words(bytes)
    ))
}

/// What is told of a blob, or of a file that was opened as an archive, if it is none.
pub fn one_file(compression: Compression, inside: bool) -> String {
    let what = if inside { "file" } else { "blob" };
    let how = match compression {
        Compression::None => String::new(),
        other => format!(", compressed with {}", other.name()),
    };
    format!("This {what} is no archive: it is one file{how}.")
}

fn words(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "not compressed",
        other => other.name(),
    }
}

/// How tar is to unpack a layer: by the blob's first bytes if they are known, else by its media
/// type; gzip where nobody said.
pub fn tar_filter(media_type: Option<&str>, bytes: Option<Compression>) -> TarFilter {
    match bytes {
        Some(Compression::None) => return TarFilter::None,
        Some(Compression::Gzip) => return TarFilter::Gzip,
        Some(Compression::Zstd) => return TarFilter::Zstd,
        Some(Compression::Xz) => return TarFilter::Xz,
        Some(Compression::Bzip2) => return TarFilter::Bzip2,
        None => {}
    }
    match media_type.map(media_type::kind) {
        Some(MediaTypeKind::Layer { compression, .. }) => match compression {
            LayerCompression::None => TarFilter::None,
            LayerCompression::Gzip => TarFilter::Gzip,
            LayerCompression::Zstd => TarFilter::Zstd,
        },
        _ => TarFilter::Gzip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCI: &str = "application/vnd.oci.image.layer.v1.tar";
    const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar";

    #[track_caller]
    fn check(media_type: &str, bytes: Compression, expect: Option<&str>) {
        let told = disagreement(media_type, bytes);
        assert_eq!(told.as_deref(), expect, "{media_type}");
    }

    #[test]
    fn what_the_manifest_says_against_what_there_is() {
        let (none, gzip, zstd) = (Compression::None, Compression::Gzip, Compression::Zstd);
        check(OCI, none, None);
        check(&format!("{OCI}+gzip"), gzip, None);
        check(&format!("{OCI}+zstd"), zstd, None);
        check(&format!("{DOCKER}.zstd"), zstd, None);
        check("application/octet-stream", zstd, None);
        let as_they_are = "they are read as what they are.";
        let expect = format!("The manifest says zstd, the bytes are gzip: {as_they_are}");
        check(&format!("{OCI}+zstd"), gzip, Some(&expect));
        check(&format!("{DOCKER}.zstd"), gzip, Some(&expect));
        let expect = format!("The manifest says gzip, the bytes are not compressed: {as_they_are}");
        check(&format!("{DOCKER}.gzip"), none, Some(&expect));
        let expect = format!("The manifest says not compressed, the bytes are xz: {as_they_are}");
        check(OCI, Compression::Xz, Some(&expect));
    }

    #[test]
    fn one_file_and_how_it_is_compressed() {
        let told = "This blob is no archive: it is one file";
        assert_eq!(one_file(Compression::None, false), format!("{told}."));
        let xz = format!("{told}, compressed with xz.");
        assert_eq!(one_file(Compression::Xz, false), xz);
    }

    #[test]
    fn tar_is_told_what_the_bytes_are() {
        let zstd = format!("{OCI}+zstd");
        assert_eq!(tar_filter(None, None), TarFilter::Gzip);
        assert_eq!(tar_filter(Some(&zstd), None), TarFilter::Zstd);
        let gzip = Some(Compression::Gzip);
        assert_eq!(tar_filter(Some(&zstd), gzip), TarFilter::Gzip);
        assert_eq!(tar_filter(None, Some(Compression::Xz)), TarFilter::Xz);
    }
}
