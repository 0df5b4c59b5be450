//! What reading the files of a layer is planned to fetch.

use anyhow::{Result, bail};
use layerscope_core::layer_index::LayerIndex;
use layerscope_core::toc::EntryKind;

/// Each non-empty regular file by its path from the archive's root, and the bytes that reading it
/// whole, verified, with nothing kept from another, fetches.
pub fn cold(index: &LayerIndex) -> Result<Vec<(Vec<u8>, u64)>> {
    let mut plans = Vec::new();
    let toc = index.toc();
    for ordinal in 0..toc.len() {
        let size = toc.size(ordinal);
        if toc.kind(ordinal) != Some(EntryKind::File) || size == 0 {
            continue;
        }
        let (mut at, mut bytes) = (0, 0);
        while at < size {
            let plan = index.plan_read(ordinal, at..size)?;
            if plan.range.end <= at {
                bail!("the plan for entry {ordinal} from {at} gives nothing");
            }
            bytes += plan.in_range.end - plan.in_range.start;
            at = plan.range.end;
        }
        let path = toc.path(ordinal).unwrap_or_default();
        plans.push((path.strip_prefix(b"./").unwrap_or(&path).to_vec(), bytes));
    }
    Ok(plans)
}
