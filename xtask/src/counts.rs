//! What the test runners counted themselves, read from their closing lines.

/// Sums over runners.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Counts {
    /// Adds what a line says, if it is a runner's closing line: that of Rust's own test harness
    /// or that of wasm-bindgen-test-runner, which have the same form.
    pub fn add_line(&mut self, line: &str) {
        let plain = without_colours(line);
        let Some((_, rest)) = plain.trim_start().split_once("test result: ") else {
            return;
        };
        if !plain.trim_start().starts_with("test result: ") {
            return;
        }
        let (Some(passed), Some(failed)) = (
            number_before(rest, " passed"),
            number_before(rest, " failed"),
        ) else {
            return;
        };
        self.passed += passed;
        self.failed += failed;
    }

    /// Adds another sum.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn number_before(text: &str, word: &str) -> Option<u64> {
    let (before, _) = text.split_once(word)?;
    let start = before
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |i| i + 1);
    before.get(start..)?.parse().ok()
}

/// Removes terminal escapes of the form ESC [ … letter.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, passed: u64, failed: u64) {
        let mut counts = Counts::default();
        counts.add_line(line);
        assert_eq!(counts, Counts { passed, failed });
    }

    #[test]
    fn closing_lines_are_counted() {
        check(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s",
            12,
            0,
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 1 filtered out",
            3,
            2,
        );
        check(
            "test result: ok. 7 passed; 0 failed; 0 ignored; 0 filtered out; finished in 1.42s",
            7,
            0,
        );
        check(
            "test result: \u{1b}[32mok\u{1b}[m. 5 passed; 1 failed; 0 ignored",
            5,
            1,
        );
    }

    #[test]
    fn other_lines_are_not() {
        check("test counts::tests::other ... ok", 0, 0);
        check("running 4 tests", 0, 0);
        check(
            "note: a line with test result: ok. 9 passed; 9 failed",
            0,
            0,
        );
        check("test result: unknown", 0, 0);
        check("", 0, 0);
    }
}
