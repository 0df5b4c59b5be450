//! Which rows of a long list are in view: only these are on the page.

use std::ops::Range;

use layerscope_core::view::human;

/// Height of a listing's row in CSS pixels; styles/main.css has the same.
pub const ROW_PX: f64 = 28.0;
/// Height of a row of the hex view.
pub const HEX_ROW_PX: f64 = 20.0;
/// Browsers stop at some 17 to 33 million pixels. Beyond this a longer list is scaled.
const MAX_PX: f64 = 8_000_000.0;
/// Rows made beyond both edges, so that scrolling shows no gap.
const MARGIN: u64 = 8;

/// A length in CSS, to a hundredth of a pixel.
pub fn px(length: f64) -> String {
    format!("{}px", human::decimal(length, 2))
}

/// A list of rows of equal height, and how it is scrolled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scrolled {
    /// How many rows.
    pub rows: u64,
    /// A row's height in CSS pixels.
    pub row_px: f64,
    /// How far it is scrolled, in CSS pixels of the page.
    pub top: f64,
    /// The height of what is seen, in CSS pixels.
    pub seen: f64,
    /// Rows are made for this height: at least what is seen.
    pub cover: f64,
}

impl Scrolled {
    fn full(&self) -> f64 {
        self.rows as f64 * self.row_px
    }

    /// The height that the page gives to all rows.
    pub fn height(&self) -> f64 {
        self.full().min(MAX_PX)
    }

    /// Pixels of the list for each pixel scrolled.
    fn scale(&self) -> f64 {
        let room = self.height() - self.seen;
        match self.full() > MAX_PX && room > 0.0 {
            true => (self.full() - self.seen) / room,
            false => 1.0,
        }
    }

    /// The rows to make.
    pub fn range(&self) -> Range<u64> {
        let top = (self.top.max(0.0) * self.scale() / self.row_px) as u64;
        let count = (self.cover.max(self.seen) / self.row_px) as u64 + 2;
        let end = top.saturating_add(count + MARGIN).min(self.rows);
        top.saturating_sub(MARGIN).min(end)..end
    }

    /// Where the first of them stands, in CSS pixels of the page.
    pub fn start(&self) -> f64 {
        let first = self.range().start as f64 * self.row_px;
        let top = self.top.max(0.0);
        first - top * self.scale() + top
    }

    /// How far to scroll so that a row is in view; none if it is.
    pub fn reveal(&self, row: u64) -> Option<f64> {
        let at = row as f64 * self.row_px;
        let top = self.top * self.scale();
        let wanted = if at < top {
            at
        } else if at + self.row_px > top + self.seen {
            // Not at the edge if it was far: some context stands around it.
            let far = at > top + 2.0 * self.seen;
            at + self.row_px - self.seen * if far { 0.5 } else { 1.0 }
        } else {
            return None;
        };
        Some((wanted / self.scale()).clamp(0.0, (self.height() - self.seen).max(0.0)))
    }
}
