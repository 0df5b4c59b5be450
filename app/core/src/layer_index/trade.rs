//! What an index keeps against what it saves: the trades that a user can choose from.

use layerscope_inflate::Trade;
use serde::{Deserialize, Serialize};

/// One of the trades offered. It matters for gzip alone; other compressions can be entered only
/// where their frames start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TradeChoice {
    /// A smaller index, and more bytes for each file.
    Small,
    /// The best compromise.
    #[default]
    Balanced,
    /// A larger index, and fewer bytes for each file.
    Fine,
}

impl TradeChoice {
    /// All of them, from the smallest index to the largest.
    pub const ALL: [TradeChoice; 3] =
        [TradeChoice::Small, TradeChoice::Balanced, TradeChoice::Fine];

    /// The name under which a choice is kept.
    pub fn name(self) -> &'static str {
        match self {
            TradeChoice::Small => "small",
            TradeChoice::Balanced => "balanced",
            TradeChoice::Fine => "fine",
        }
    }

    /// The choice of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }

    /// What it comes to.
    pub fn trade(self) -> Trade {
        match self {
            TradeChoice::Small => Trade::SMALL,
            TradeChoice::Balanced => Trade::BALANCED,
            TradeChoice::Fine => Trade::FINE,
        }
    }

    /// The choice by which an index was made.
    pub(super) fn of(trade: Trade) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.trade() == trade)
    }

    /// As it is stored; 0 stands for any other trade, and where there is none.
    pub(super) fn byte(choice: Option<Self>) -> u8 {
        let at = choice.and_then(|choice| Self::ALL.into_iter().position(|c| c == choice));
        at.map_or(0, |at| at as u8 + 1) // of three
    }

    /// Reads [`TradeChoice::byte`].
    pub(super) fn from_byte(byte: u8) -> Option<Option<Self>> {
        match byte.checked_sub(1) {
            None => Some(None),
            Some(at) => Self::ALL.get(usize::from(at)).copied().map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_lead_back() {
        for choice in TradeChoice::ALL {
            assert_eq!(TradeChoice::from_name(choice.name()), Some(choice));
            assert_eq!(TradeChoice::of(choice.trade()), Some(choice));
            let byte = TradeChoice::byte(Some(choice));
            assert_eq!(TradeChoice::from_byte(byte), Some(Some(choice)));
        }
        assert_eq!(TradeChoice::from_name("huge"), None);
        assert_eq!(TradeChoice::of(Trade::ALL), None);
        assert_eq!(TradeChoice::from_byte(TradeChoice::byte(None)), Some(None));
        assert_eq!(TradeChoice::from_byte(4), None);
    }
}
