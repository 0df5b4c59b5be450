//! How an image was made: its history as a Dockerfile, step by step, each with the layer it made.

mod instruction;
mod shell;

use crate::config::{HistoryEntry, ImageConfig};

pub use instruction::{Instruction, MAX_STEP_BYTES, Reader};

/// What BuildKit puts into the comment of each of its steps.
const BUILDKIT: &str = "buildkit.";

/// A step of the history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// What it did.
    pub instruction: Instruction,
    /// The same as it stands, if it stands in another way.
    pub raw: Option<String>,
    /// The layer that it made, from 0, where that can be said.
    pub layer: Option<usize>,
    /// Compressed bytes of that layer.
    pub size: Option<u64>,
    /// Its part of all layers, from 0 to 1.
    pub share: Option<f64>,
    /// It made no layer, or (in schema 1) one with nothing in it.
    pub empty: bool,
    /// When, RFC 3339 as it stands.
    pub created: Option<String>,
    /// What is remarked on it.
    pub note: Option<String>,
    /// Who made it, where it is no instruction.
    pub by: Option<String>,
}

/// The steps of an image, the oldest first; `sizes` has those of its layers, base first.
pub fn steps(image: &ImageConfig, sizes: &[Option<u64>]) -> Vec<Step> {
    let total = sizes
        .iter()
        .flatten()
        .fold(0_u64, |sum, size| sum.saturating_add(*size));
    let mut reader = Reader::default();
    image
        .history_with_layers(sizes.len())
        .into_iter()
        .map(|(entry, layer)| {
            let size = layer.and_then(|n| sizes.get(n).copied().flatten());
            let share = size.filter(|_| total > 0).map(|n| n as f64 / total as f64);
            Step {
                layer,
                size,
                share,
                ..step(&mut reader, entry)
            }
        })
        .collect()
}

fn step(reader: &mut Reader, entry: &HistoryEntry) -> Step {
    let stated = entry.created_by.as_deref().map(str::trim);
    let stated = stated.filter(|text| !text.is_empty());
    let remark = entry.comment.as_deref().map(str::trim);
    let remark = remark.filter(|text| !text.is_empty() && !text.starts_with(BUILDKIT));
    let instruction = match (stated, remark) {
        (Some(text), _) => reader.read(text),
        (None, Some(text)) => Instruction {
            text: text.to_owned(),
            ..Instruction::default()
        },
        (None, None) => Instruction {
            text: "nothing is said of this step".to_owned(),
            ..Instruction::default()
        },
    };
    let line = instruction.line();
    Step {
        raw: stated.filter(|text| **text != line).map(str::to_owned),
        empty: entry.empty_layer,
        created: entry.created.clone(),
        note: remark.filter(|_| stated.is_some()).map(str::to_owned),
        by: entry
            .author
            .clone()
            .filter(|_| instruction.keyword.is_none()),
        instruction,
        ..Step::default()
    }
}

/// The steps as the text of a Dockerfile. It builds nothing: what was copied is known by its digest
/// alone.
pub fn dockerfile(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        for (name, value) in &step.instruction.args {
            out.push_str(&format!("# with {name}={value}\n"));
        }
        out.push_str(&step.instruction.line());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;
