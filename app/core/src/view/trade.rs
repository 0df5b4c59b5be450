//! The trade of an index in words.

use crate::layer_index::TradeChoice;

/// What a choice is called.
pub fn title(choice: TradeChoice) -> &'static str {
    match choice {
        TradeChoice::Small => "Smaller index",
        TradeChoice::Balanced => "Balanced",
        TradeChoice::Fine => "Fewer bytes for each file",
    }
}

/// What a choice costs: measured on Debian's layers by `cargo xtask bench --curve`.
pub fn cost(choice: TradeChoice) -> &'static str {
    match choice {
        TradeChoice::Small => {
            "Some 0.2 % of a layer is kept beside its list of files, and opening a file fetches about 130 to 190 KB."
        }
        TradeChoice::Balanced => {
            "Under 0.5 % of a layer is kept, and opening a file fetches about 60 to 90 KB."
        }
        TradeChoice::Fine => {
            "Some 1.5 % of a layer is kept, and opening a file fetches about 35 to 50 KB."
        }
    }
}

/// What is to be said of an index that was made by one choice, where the setting is another or
/// the same.
pub fn made_by(made: TradeChoice, setting: TradeChoice) -> String {
    let made_title = title(made);
    if made == setting {
        return format!("It was made by the setting “{made_title}”.");
    }
    format!(
        "It was made by the setting “{made_title}”, and is used as it is; the setting is “{}” now.",
        title(setting)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_setting_is_told() {
        let told = made_by(TradeChoice::Balanced, TradeChoice::Fine);
        assert!(told.contains("“Balanced”, and is used"), "{told}");
        assert!(told.contains("“Fewer bytes for each file” now"), "{told}");
        let same = made_by(TradeChoice::Small, TradeChoice::Small);
        assert_eq!(same, "It was made by the setting “Smaller index”.");
    }
}
