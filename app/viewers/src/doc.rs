//! One file: from its pieces to what is drawn.

use layerscope_core::view::draw::{Act, Patch};
use layerscope_core::view::problem::Problem;

use crate::draw::Drawing;
use crate::formats::{self, ViewError};
use crate::source::{MAX_HELD, Source};

/// Most times that a file is asked for more: each format reads its tables in far fewer steps.
const MAX_ROUNDS: usize = 48;

/// A file that is shown.
#[derive(Debug)]
pub struct Doc {
    name: Vec<u8>,
    source: Source,
    now_s: i64,
    plain: bool,
    rounds: usize,
    drawing: Option<Drawing>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes are needed: where they begin, and how many.
    Need(u64, u64),
    /// It is this, and can be drawn.
    Found(String),
    /// It has no view of its own.
    Nothing,
    /// It cannot be read as what it seems to be.
    Failed(Problem),
}

impl Doc {
    /// A file of this name and size in bytes, of which nothing is here; the present in seconds
    /// since 1970-01-01 UTC.
    pub fn new(name: Vec<u8>, total: u64, now_s: i64) -> Doc {
        Doc {
            name,
            source: Source::new(total),
            now_s,
            plain: true,
            rounds: 0,
            drawing: None,
        }
    }

    /// Without a view of JSON that is of no known kind.
    #[must_use]
    pub fn of_known_kind(self) -> Doc {
        Doc {
            plain: false,
            ..self
        }
    }

    /// A piece of it came.
    pub fn add(&mut self, start: u64, bytes: Vec<u8>) {
        self.source.add(start, bytes);
    }

    /// Goes on, as far as what is here reaches.
    pub fn step(&mut self) -> Step {
        let Some(format) = formats::detect(&self.source, &self.name) else {
            return Step::Nothing;
        };
        let outcome = format.view(&self.source, self.now_s);
        let missing = self.source.take_missing();
        if let Some((start, len)) = missing
            && self.rounds < MAX_ROUNDS
        {
            self.rounds += 1;
            return Step::Need(start, len);
        }
        match outcome {
            Ok(view) if !self.plain && view.kind == formats::json::PLAIN => Step::Nothing,
            Ok(view) => {
                let kind = view.kind.clone();
                self.drawing = Some(Drawing::new(view));
                Step::Found(kind)
            }
            Err(ViewError::Other) => Step::Nothing,
            Err(error) => Step::Failed(problem(format.name(), &error)),
        }
    }

    /// The user did something with what is drawn.
    pub fn act(&mut self, act: Act, value: &str) -> Vec<Patch> {
        match &mut self.drawing {
            Some(drawing) => drawing.act(act, value),
            None => Vec::new(),
        }
    }

    /// What is drawn.
    pub fn drawing(&self) -> Option<&Drawing> {
        self.drawing.as_ref()
    }
}

fn problem(name: &str, error: &ViewError) -> Problem {
    let cause = match error {
        ViewError::TooLarge => format!(
            "To be shown as {name}, more than {} of it would have to be held.",
            layerscope_core::view::human::size_round(MAX_HELD)
        ),
        error => format!("It begins like {name}, but {error}"),
    };
    Problem::new(
        "VIEW_FAILED",
        "The file cannot be shown as what it seems to be",
        cause,
        "Look at it as text or in hex, or download it.",
    )
}
