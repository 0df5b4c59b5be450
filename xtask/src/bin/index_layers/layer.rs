//! One layer: its bytes in, its files out.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use layerscope_core::digest::{Algorithm, Digest, Hasher};
use layerscope_core::layer_index::{
    BlobHasher, BuildOptions, IndexBuilder, LayerIndex, TradeChoice, index_file_name,
};
use layerscope_core::manifest::Descriptor;
use layerscope_core::port::Body;
use layerscope_core::port::memory::run as wait;
use layerscope_core::reference::Repository;
use layerscope_core::registry::client::Client;
use layerscope_core::ztoc::ZtocBuilder;

use crate::http::NativeHttp;

/// Bytes of a file read at once.
const CHUNK: usize = 256 * 1024;
/// How often a lost connection is taken up again with no byte gained.
const MAX_LOST: u32 = 5;
/// The wait before it is; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Where files go, and which.
pub struct Output {
    pub folder: PathBuf,
    pub soci: bool,
    pub trade: TradeChoice,
    pub again: bool,
}

/// A layer in a registry.
pub struct Source<'a> {
    pub client: &'a Client<NativeHttp>,
    pub repository: &'a Repository,
    pub descriptor: &'a Descriptor,
}

/// What became of a layer.
pub enum Made {
    /// The files were written.
    New {
        digest: Digest,
        entries: u32,
        blob_len: u64,
        index_len: usize,
        /// What is wrong with the layer, or why SOCI has no index of it.
        remarks: Vec<String>,
    },
    /// They were there.
    Kept { digest: Digest },
    /// None can be made.
    Not { digest: Digest, why: String },
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Made::New {
                digest,
                entries,
                blob_len,
                index_len,
                remarks,
            } => {
                let share = *index_len as f64 / (*blob_len).max(1) as f64 * 100.0;
                write!(
                    f,
                    "{digest}: {entries} entries, index of {index_len} bytes, {share:.2} % of {blob_len}"
                )?;
                remarks.iter().try_for_each(|r| write!(f, "; {r}"))
            }
            Made::Kept { digest } => write!(f, "{digest}: there already"),
            Made::Not { digest, why } => write!(f, "{digest}: no index: {why}"),
        }
    }
}

/// The index of a layer that is a file.
pub fn from_file(file: &Path, output: &Output) -> Result<Made> {
    let reading = || format!("reading {}", file.display());
    let each = |take: &mut dyn FnMut(&[u8]) -> Result<()>| -> Result<()> {
        let mut reader = File::open(file).with_context(reading)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk).with_context(reading)? {
                0 => return Ok(()),
                n => take(&chunk[..n])?,
            }
        }
    };
    let mut hasher = Hasher::new(Algorithm::Sha256);
    each(&mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    let digest = hasher.finish();
    if output.is_kept(&digest) {
        return Ok(Made::Kept { digest });
    }
    let mut making = Making::new(&digest, output);
    each(&mut |bytes| {
        making.push(bytes);
        Ok(())
    })?;
    making.finish(output)
}

/// The index of a layer in a registry.
pub fn from_registry(source: &Source<'_>, output: &Output) -> Result<Made> {
    let digest = &source.descriptor.digest;
    if output.is_kept(digest) {
        return Ok(Made::Kept {
            digest: digest.clone(),
        });
    }
    let mut making = Making::new(digest, output);
    let (mut at, mut lost) = (0, 0);
    while at < source.descriptor.size {
        let before = at;
        let cause = match stream(source, &mut at, &mut making) {
            Ok(()) => anyhow::anyhow!("the answer ended after {at} bytes"),
            Err(error) => error,
        };
        if making.is_hopeless() || at >= source.descriptor.size {
            break;
        }
        lost = if at > before { 0 } else { lost + 1 };
        if lost > MAX_LOST {
            return Err(cause);
        }
        std::thread::sleep(FIRST_PAUSE * 2u32.pow(lost));
    }
    making.finish(output)
}

/// One connection's worth of bytes, from `at` on.
fn stream(source: &Source<'_>, at: &mut u64, making: &mut Making) -> Result<()> {
    let digest = &source.descriptor.digest;
    let mut answer = wait(source.client.blob_stream(source.repository, digest, *at))?;
    let mut skip = if answer.ranged { 0 } else { *at };
    while let Some(chunk) = wait(answer.body.next())? {
        let skipped = skip.min(chunk.len() as u64);
        skip -= skipped;
        let bytes = &chunk[skipped as usize..];
        making.push(bytes);
        *at += bytes.len() as u64;
        if making.is_hopeless() {
            break;
        }
    }
    Ok(())
}

/// The files of one layer on their way.
struct Making {
    digest: Digest,
    builder: IndexBuilder,
    hasher: BlobHasher,
    ztoc: Option<ZtocBuilder>,
    remarks: Vec<String>,
    /// Why there will be no index.
    why_not: Option<String>,
}

impl Making {
    fn new(digest: &Digest, output: &Output) -> Self {
        let mut options = BuildOptions::default();
        options.gzip.trade = output.trade.trade();
        Making {
            digest: digest.clone(),
            builder: IndexBuilder::new(options),
            hasher: BlobHasher::new(digest.algorithm()),
            ztoc: output.soci.then(|| ZtocBuilder::new(digest)),
            remarks: Vec::new(),
            why_not: None,
        }
    }

    fn is_hopeless(&self) -> bool {
        self.why_not.is_some()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.hasher.push(bytes);
        if let Err(error) = self.builder.push(bytes) {
            self.why_not.get_or_insert(error.to_string());
        }
        if let Some(Err(error)) = self.ztoc.as_mut().map(|ztoc| ztoc.push(bytes)) {
            self.ztoc = None;
            self.remarks.push(error.to_string());
        }
    }

    fn finish(mut self, output: &Output) -> Result<Made> {
        let digest = self.digest;
        if let Some(why) = self.why_not {
            return Ok(Made::Not { digest, why });
        }
        let index = LayerIndex::seal(self.builder.finish(), self.hasher.finish(), &digest)?;
        let Some(bytes) = index.to_bytes() else {
            bail!("the index cannot be stored");
        };
        // A stranger will read it: so is it read here.
        LayerIndex::from_bytes(&bytes).context("reading the index again")?;
        output.write(&index_file_name(&digest), &bytes)?;
        if let Some(damage) = index.damage() {
            self.remarks.push(format!("damaged: {damage}"));
        }
        match self.ztoc.map(|ztoc| ztoc.finish(&digest)) {
            Some(Ok(ztoc)) => output.write(&ztoc_file_name(&digest), &ztoc.bytes)?,
            Some(Err(error)) => self.remarks.push(error.to_string()),
            None => {}
        }
        Ok(Made::New {
            digest,
            entries: index.toc().len(),
            blob_len: index.blob_len(),
            index_len: bytes.len(),
            remarks: self.remarks,
        })
    }
}

fn ztoc_file_name(digest: &Digest) -> String {
    format!("{}-{}.ztoc", digest.algorithm().name(), digest.encoded())
}

impl Output {
    /// The layer's files are there and good.
    fn is_kept(&self, digest: &Digest) -> bool {
        let index = self.folder.join(index_file_name(digest));
        let is_good = |bytes: Vec<u8>| {
            let index = LayerIndex::from_bytes(&bytes).ok();
            index.is_some_and(|index| index.digest() == digest)
        };
        !self.again
            && fs::read(index).is_ok_and(is_good)
            && (!self.soci || self.folder.join(ztoc_file_name(digest)).is_file())
    }

    /// Under another name first, so that nobody fetches half of it.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        fs::write(&part, bytes)
            .and_then(|()| fs::rename(&part, &path))
            .with_context(|| format!("writing {}", path.display()))
    }
}
