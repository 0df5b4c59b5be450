//! Which images the corpus has, and how they get into the registry.

use std::io::{self, Write};

use super::{
    debian::Debian,
    edge, gz,
    push::{Error, Image, NewLayer, Pusher, digest, media},
    rawtar::{Header, Tar},
};
use crate::token_server::PRIVATE_PREFIX;

/// How many tags `many/tags` has.
pub const TAGS: u32 = 250;
/// Size in bytes of the one big file of `made/large`.
pub const LARGE_FILE: u64 = 512 << 20;
/// Its repeated piece: a power of two that compresses some hundred times.
pub const LARGE_PIECE: usize = 4 << 20;
/// The piece of the bomb.
const BOMB_PIECE: usize = 16 << 20;

/// A layer of a tar, with gzip around it.
fn gzip(tar: Vec<u8>) -> NewLayer {
    NewLayer::gzip(&tar)
}

/// A layer whose compressed form is given.
fn shaped(blob: Vec<u8>, tar: &[u8]) -> NewLayer {
    NewLayer {
        blob,
        media_type: media::GZIP,
        diff_id: digest(tar),
        created_by: "made by hand".to_owned(),
    }
}

/// A layer that is not compressed.
fn plain(tar: Vec<u8>) -> NewLayer {
    NewLayer {
        media_type: media::TAR,
        ..shaped(tar.clone(), &tar)
    }
}

/// The repeated piece of `made/large`.
pub fn large_piece() -> Vec<u8> {
    let line: Vec<u8> = (0..LARGE_PIECE / 64)
        .flat_map(|i| {
            format!("{i:08} the same line again and again, but for its number   \r\n").into_bytes()
        })
        .collect();
    let mut piece = line;
    piece.resize(LARGE_PIECE, b' ');
    piece
}

/// A layer of one large file, `large.txt` of `pieces` times [`LARGE_PIECE`] bytes, between two
/// small ones.
pub fn large(pieces: usize) -> NewLayer {
    let mut head = Tar::new().file("before.txt", "before\n").without_trailer();
    let tail = Tar::new().file("after.txt", "after\n").finish();
    // The header alone says the size; the data comes from the repeated piece.
    let mut header = vec![0u8; 512];
    let mut raw = tar::Header::new_ustar();
    raw.set_size((pieces * LARGE_PIECE) as u64);
    raw.set_mode(0o644);
    raw.set_mtime(1_700_000_000);
    raw.as_mut_bytes()[..9].copy_from_slice(b"large.txt");
    raw.set_cksum();
    header.copy_from_slice(raw.as_bytes());
    head.extend(header);
    let piece = large_piece();
    NewLayer {
        blob: gz::repeated(&head, &piece, pieces, &tail),
        media_type: media::GZIP,
        diff_id: digest(b"not computed: gigabytes for no test"),
        created_by: "made by hand".to_owned(),
    }
}

/// A layer that inflates to more than 8 GB, all of it one file of zeros.
fn bomb() -> NewLayer {
    let mut header = Header::new("zeros", b'0');
    header.mode = 0o600;
    let mut raw = tar::Header::new_gnu();
    raw.as_mut_bytes()[..5].copy_from_slice(b"zeros");
    raw.set_size(512 * BOMB_PIECE as u64);
    raw.set_mode(header.mode);
    raw.set_cksum();
    let mut head = Tar::new()
        .file("first.txt", "before the bomb\n")
        .without_trailer();
    head.extend(raw.as_bytes());
    NewLayer {
        blob: gz::repeated(&head, &vec![0; BOMB_PIECE], 512, &Tar::new().finish()),
        media_type: media::GZIP,
        diff_id: digest(b"not computed: eight gigabytes for no test"),
        created_by: "made by hand".to_owned(),
    }
}

/// Every hand-made image with one platform: repository and layers.
fn made() -> Vec<(&'static str, Vec<NewLayer>)> {
    let tree = edge::tree(1, 2_000);
    let medium = edge::tree(2, 500);
    let medium_gz = gz::member(&medium, 6);
    let garbage = edge::Noise(77).bytes(300_000);
    let no_layer: Vec<NewLayer> = Vec::new();
    vec![
        ("made/tree", vec![gzip(tree)]),
        (
            "made/three",
            (11..14).map(|seed| gzip(edge::tree(seed, 1_500))).collect(),
        ),
        ("made/large", vec![large(LARGE_FILE as usize / LARGE_PIECE)]),
        (
            "edge/whiteouts",
            vec![gzip(edge::lower()), gzip(edge::whiteouts())],
        ),
        ("edge/pax", vec![gzip(edge::pax())]),
        ("edge/gnu", vec![gzip(edge::gnu())]),
        ("edge/ustar", vec![gzip(edge::ustar_and_v7())]),
        ("edge/special", vec![gzip(edge::special())]),
        ("edge/hostile", vec![gzip(edge::hostile())]),
        ("edge/sparse", vec![gzip(edge::sparse())]),
        ("edge/no-trailer", vec![gzip(edge::no_trailer())]),
        ("edge/many", vec![gzip(edge::many())]),
        ("edge/empty", vec![gzip(Tar::new().finish())]),
        ("edge/no-bytes", vec![plain(Vec::new())]),
        ("edge/no-layers", no_layer),
        ("edge/plain", vec![plain(medium.clone())]),
        (
            "edge/gz-multi",
            vec![shaped(gz::members(&medium, 100_000), &medium)],
        ),
        (
            "edge/gz-stored",
            vec![shaped(gz::member(&medium, 0), &medium)],
        ),
        (
            "edge/gz-best",
            vec![shaped(gz::member(&medium, 9), &medium)],
        ),
        (
            "edge/gz-trailing",
            vec![shaped([&medium_gz[..], b"trailing"].concat(), &medium)],
        ),
        (
            "edge/gz-truncated",
            vec![shaped(gz::truncated(&medium_gz, 0.6), &medium)],
        ),
        (
            "edge/gz-corrupt",
            vec![shaped(gz::corrupt(&medium_gz), &medium)],
        ),
        (
            "edge/tar-truncated",
            vec![gzip(medium[..medium.len() / 2 + 100].to_vec())],
        ),
        ("edge/garbage", vec![gzip(garbage.clone())]),
        ("edge/not-gzip", vec![shaped(garbage.clone(), &garbage)]),
        ("edge/bomb", vec![bomb()]),
    ]
}

/// Pushes the hand-made images.
pub async fn push_made(pusher: &Pusher) -> Result<Vec<Image>, Error> {
    let mut images = Vec::new();
    for (repository, layers) in made() {
        images.push(pusher.image(repository, "latest", "amd64", layers).await?);
    }

    let tree = gzip(edge::tree(3, 60));
    let amd64 = pusher
        .image("made/multi", "amd64", "amd64", vec![tree.clone()])
        .await?;
    let arm64 = pusher
        .image(
            "made/multi",
            "arm64",
            "arm64",
            vec![gzip(edge::tree(4, 60))],
        )
        .await?;
    images.push(
        pusher
            .index("made/multi", "latest", vec![amd64, arm64])
            .await?,
    );

    let docker = NewLayer {
        media_type: media::DOCKER_GZIP,
        ..tree.clone()
    };
    images.push(
        pusher
            .image("made/docker", "latest", "amd64", vec![docker])
            .await?,
    );

    let private = format!("{PRIVATE_PREFIX}tree");
    images.push(
        pusher
            .image(&private, "latest", "amd64", vec![tree.clone()])
            .await?,
    );

    for i in 0..TAGS {
        let image = pusher
            .image(
                "many/tags",
                &format!("v0.{i}.0"),
                "amd64",
                vec![tree.clone()],
            )
            .await?;
        if i == 0 {
            images.push(image);
        }
    }
    Ok(images)
}

/// Pushes the Debian images.
pub async fn push_debian(pusher: &Pusher, debian: &Debian) -> Result<Vec<Image>, Error> {
    let base = pusher
        .image("debian/base", "latest", "amd64", vec![debian.base()?])
        .await?;
    let layers = vec![debian.base()?, debian.packages()?];
    let packages = pusher
        .image("debian/packages", "latest", "amd64", layers)
        .await?;
    let amd64 = pusher
        .image("debian/multi", "amd64", "amd64", vec![debian.base()?])
        .await?;
    let arm64 = pusher
        .image("debian/multi", "arm64", "arm64", vec![debian.arm64()?])
        .await?;
    let multi = pusher
        .index("debian/multi", "latest", vec![amd64, arm64])
        .await?;
    Ok(vec![base, packages, multi])
}

/// Feeds the content of the one big file of `made/large` to `out`, piece by piece.
pub fn write_large(out: &mut impl Write) -> io::Result<()> {
    let piece = large_piece();
    for _ in 0..LARGE_FILE as usize / LARGE_PIECE {
        out.write_all(&piece)?;
    }
    Ok(())
}
