//! Files of models: GGUF and safetensors. What is said of the model, and which tensors it has; the
//! numbers themselves are not read.

use serde_json::Value;

use super::ViewError;
use crate::model::{Block, Cell, MAX_ROWS, Section, Table, View};
use crate::source::{NotHere, Source};

/// Longest header of safetensors that is read, in bytes; the format's own limit is 100 MB.
const MAX_HEADER: u64 = 24 << 20;
/// Most keys of GGUF's list that are read: models have some forty.
const MAX_KEYS: u64 = 100_000;
/// Longest name or text of GGUF that is shown; a tokenizer's template has some kilobytes.
const MAX_TEXT: u64 = 1 << 20;
/// Most items of one of GGUF's lists: the largest vocabularies have a quarter of a million.
const MAX_ITEMS: u64 = 16 << 20;
/// Dimensions of a tensor; GGML has four.
const MAX_DIMENSIONS: u32 = 16;
/// Lists in lists, which the format allows and nobody writes.
const MAX_NESTED: usize = 4;
/// Items of a list that are shown.
const SHOWN: usize = 16;

/// Whether it begins with a length and a JSON object of that length, as safetensors does.
pub(super) fn is_safetensors(head: &[u8], total: u64) -> bool {
    let Some((len, rest)) = head.split_first_chunk::<8>() else {
        return false;
    };
    let len = u64::from_le_bytes(*len);
    rest.starts_with(b"{\"") && (2..=total.saturating_sub(8)).contains(&len)
}

/// Safetensors: a length, then JSON.
pub(super) fn safetensors(source: &Source) -> Result<View, ViewError> {
    let len = source.get(0..8)?.try_into().map_or(0, u64::from_le_bytes);
    if len > MAX_HEADER {
        return Err(ViewError::TooLarge);
    }
    let header = source.get(8..8 + len)?;
    let header: Value = serde_json::from_slice(header).map_err(ViewError::says)?;
    let header = header.as_object().ok_or(ViewError::Other)?;
    let mut table = Table::new("tensors", &["Tensor", "Type", "Shape", "#Numbers", "#Size"]);
    let mut facts = Vec::new();
    let mut numbers = 0_u64;
    for (name, value) in header {
        if name == "__metadata__" {
            for (name, value) in value.as_object().into_iter().flatten().take(MAX_ROWS) {
                let told = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                facts.push((Cell::text(name).text, Cell::text(told)));
            }
            continue;
        }
        let shape = value.get("shape").and_then(Value::as_array);
        let shape: Vec<u64> = shape
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
            .collect();
        let count = shape.iter().fold(1_u64, |a, b| a.saturating_mul(*b));
        numbers = numbers.saturating_add(count);
        let at = |n: usize| value.get("data_offsets").and_then(|o| o.get(n)?.as_u64());
        let size = at(1)
            .zip(at(0))
            .and_then(|(end, start)| end.checked_sub(start));
        let kind = value
            .get("dtype")
            .and_then(Value::as_str)
            .unwrap_or_default();
        table.push(vec![
            Cell::mono(name),
            Cell::mono(kind),
            Cell::mono(shape_words(&shape)),
            Cell::number(count),
            size.map_or_else(Cell::default, Cell::size),
        ]);
    }
    facts.insert(0, ("Numbers".into(), Cell::number(numbers)));
    let mut sections = vec![Section::new("Model", vec![Block::Facts(facts)])];
    sections.extend(Section::table("Tensors", table));
    Ok(View::new("Safetensors", sections))
}

fn shape_words(shape: &[u64]) -> String {
    let all: Vec<String> = shape.iter().map(u64::to_string).collect();
    all.join(" × ")
}

/// Reads one thing after the other.
struct Reader<'a> {
    source: &'a Source,
    at: u64,
    /// GGUF version 1 had lengths of 32 bits.
    short: bool,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: u64) -> Result<&'a [u8], NotHere> {
        let end = self.at.checked_add(len).ok_or(NotHere)?;
        let bytes = self.source.get(self.at..end)?;
        self.at = end;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, NotHere> {
        Ok(self.bytes(4)?.try_into().map_or(0, u32::from_le_bytes))
    }

    fn u64(&mut self) -> Result<u64, NotHere> {
        Ok(self.bytes(8)?.try_into().map_or(0, u64::from_le_bytes))
    }

    fn len(&mut self) -> Result<u64, NotHere> {
        match self.short {
            true => self.u32().map(u64::from),
            false => self.u64(),
        }
    }

    fn text(&mut self) -> Result<String, ViewError> {
        let len = self.len()?;
        if len > MAX_TEXT {
            return Err(ViewError::Malformed("a text in it is too long".into()));
        }
        Ok(String::from_utf8_lossy(self.bytes(len)?).into_owned())
    }

    /// A value of one of GGUF's types.
    fn value(&mut self, kind: u32, depth: usize) -> Result<String, ViewError> {
        let number = |bytes: &[u8]| {
            let mut wide = [0_u8; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(wide)
        };
        Ok(match kind {
            0 => number(self.bytes(1)?).to_string(),
            1 => (number(self.bytes(1)?) as u8 as i8).to_string(),
            2 => number(self.bytes(2)?).to_string(),
            3 => (number(self.bytes(2)?) as u16 as i16).to_string(),
            4 => self.u32()?.to_string(),
            5 => (self.u32()? as i32).to_string(),
            6 => f32::from_bits(self.u32()?).to_string(),
            7 => (self.bytes(1)? != [0]).to_string(),
            8 => self.text()?,
            9 => self.list(depth)?,
            10 => self.u64()?.to_string(),
            11 => (self.u64()? as i64).to_string(),
            12 => f64::from_bits(self.u64()?).to_string(),
            other => {
                return Err(ViewError::Malformed(format!(
                    "it has a value of type {other}"
                )));
            }
        })
    }

    fn list(&mut self, depth: usize) -> Result<String, ViewError> {
        let kind = self.u32()?;
        let count = self.len()?;
        if count > MAX_ITEMS || depth >= MAX_NESTED {
            return Err(ViewError::Malformed("a list in it is too long".into()));
        }
        let width = match kind {
            0 | 1 | 7 => Some(1),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        };
        let mut shown = Vec::new();
        for n in 0..count {
            if shown.len() == SHOWN {
                if let Some(width) = width {
                    self.bytes((count - n).saturating_mul(width))?;
                    break;
                }
                if kind == 8 {
                    let len = self.len()?;
                    self.bytes(len)?;
                    continue;
                }
            }
            let value = self.value(kind, depth + 1)?;
            if shown.len() < SHOWN {
                shown.push(value);
            }
        }
        let more = if count > SHOWN as u64 { ", …" } else { "" };
        Ok(format!("{count} items: {}{more}", shown.join(", ")))
    }
}

/// GGUF: keys and values, then the tensors.
pub(super) fn gguf(source: &Source) -> Result<View, ViewError> {
    let mut reader = Reader {
        source,
        at: 4,
        short: false,
    };
    let version = reader.u32()?;
    if version == 0 || version > 0xffff {
        return Err(ViewError::Malformed("it is written big-endian".into()));
    }
    reader.short = version == 1;
    let tensors = reader.len()?;
    let keys = reader.len()?;
    if keys > MAX_KEYS {
        return Err(ViewError::Malformed("it says to have too many keys".into()));
    }
    let mut facts = vec![
        ("Version".to_owned(), Cell::number(u64::from(version))),
        ("Tensors".to_owned(), Cell::number(tensors)),
    ];
    let mut about = Table::new("keys", &["Key", "Value"]);
    for _ in 0..keys {
        let key = reader.text()?;
        let kind = reader.u32()?;
        let value = reader.value(kind, 0)?;
        let name = match key.as_str() {
            "general.name" => Some("Name"),
            "general.architecture" => Some("Architecture"),
            "general.license" => Some("Licence"),
            _ => None,
        };
        if let Some(name) = name {
            facts.push((name.to_owned(), Cell::text(&value)));
        }
        about.push(vec![Cell::mono(key), Cell::address(&value)]);
    }
    let mut table = Table::new("tensors", &["Tensor", "Type", "Shape", "#Numbers"]);
    let mut numbers = 0_u64;
    for _ in 0..tensors {
        let name = reader.text()?;
        let dimensions = reader.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(ViewError::Malformed(
                "a tensor has too many dimensions".into(),
            ));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(reader.len()?);
        }
        let kind = reader.u32()?;
        reader.u64()?;
        let count = shape.iter().fold(1_u64, |a, b| a.saturating_mul(*b));
        numbers = numbers.saturating_add(count);
        let row = vec![
            Cell::mono(name),
            Cell::mono(ggml_type(kind)),
            Cell::mono(shape_words(&shape)),
            Cell::number(count),
        ];
        if !table.push(row) {
            break;
        }
    }
    facts.push(("Numbers".into(), Cell::number(numbers)));
    let mut sections = vec![Section::new("Model", vec![Block::Facts(facts)])];
    sections.extend(Section::table("Keys", about));
    sections.extend(Section::table("Tensors", table));
    Ok(View::new("GGUF", sections))
}

/// How numbers are packed, as ggml names it.
fn ggml_type(kind: u32) -> String {
    const NAMES: [&str; 31] = [
        "F32", "F16", "Q4_0", "Q4_1", "4", "5", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K",
        "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
        "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16",
    ];
    match NAMES.get(kind as usize) {
        Some(name) => (*name).to_owned(),
        None => kind.to_string(),
    }
}
