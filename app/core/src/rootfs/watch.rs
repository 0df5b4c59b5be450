//! When to ask about a root file system whose layers come in one by one.
//!
//! Each answer takes the worker a pass over all entries, and the worker has layers to unpack. So the
//! next question waits for the answer to the one before, however many layers have come in
//! meanwhile; and what is wasted, for which every layer is looked at, is asked once, at the end.

use crate::job::{Phase, Progress};
use crate::path::EntryPath;

use super::ask::{RootAnswer, RootAsk};

/// How far the layers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    layers: u32,
    /// No more will come.
    over: bool,
}

/// Who looks at the sizes of a root file system.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// The directory that is looked at; none if nobody looks.
    at: Option<EntryPath>,
    /// None while there is nothing to ask about.
    now: Option<State>,
    /// Layers of which the sizes were asked.
    sizes: Option<u32>,
    /// The sizes that were asked for last are to come.
    waits: bool,
    /// Layers of which it was asked what they did.
    facts: Option<u32>,
    /// Layers of which the waste was asked.
    waste: Option<u32>,
}

impl Watch {
    /// A directory is looked at. Returns what to ask.
    pub fn look_at(&mut self, at: EntryPath) -> Vec<RootAsk> {
        self.at = Some(at);
        (self.sizes, self.waits) = (None, false);
        self.next()
    }

    /// How the layers stand. Returns what to ask.
    pub fn follow(&mut self, progress: &Progress) -> Vec<RootAsk> {
        let over = is_over(progress.phase);
        self.now = progress.layers.and_then(|(layers, of)| {
            // All of an image without layers is known at once.
            (layers > 0 || of == 0).then_some(State { layers, over })
        });
        if self.now.is_none() {
            // Another job begins: what the one before was asked is answered by nobody.
            *self = Watch {
                at: self.at.take(),
                ..Watch::default()
            };
        }
        self.next()
    }

    /// An answer came. Returns what to ask.
    pub fn answered(&mut self, answer: &RootAnswer) -> Vec<RootAsk> {
        match answer {
            RootAnswer::Sizes(sizes) if Some(&sizes.asked) == self.at.as_ref() => {
                self.waits = false;
                self.next()
            }
            _ => Vec::new(),
        }
    }

    fn next(&mut self) -> Vec<RootAsk> {
        let (Some(at), Some(now)) = (&self.at, self.now) else {
            return Vec::new();
        };
        if self.waits {
            return Vec::new();
        }
        let of = Some(now.layers);
        let mut asks = Vec::new();
        if self.sizes != of {
            (self.sizes, self.waits) = (of, true);
            asks.push(RootAsk::Sizes { at: at.clone() });
        }
        if self.facts != of {
            self.facts = of;
            asks.push(RootAsk::Layers);
        }
        if now.over && self.waste != of {
            self.waste = of;
            asks.push(RootAsk::Waste);
        }
        asks
    }
}

fn is_over(phase: Phase) -> bool {
    matches!(phase, Phase::Done | Phase::Failed | Phase::Cancelled)
}

/// It was stopped before a layer was in: there is nothing to ask about, and nothing will come.
pub fn is_in_vain(progress: &Progress) -> bool {
    is_over(progress.phase)
        && progress
            .layers
            .is_none_or(|(layers, of)| layers == 0 && of > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::ask::SizesAnswer;

    fn progress(layers: u32, of: u32, phase: Phase) -> Progress {
        Progress {
            layers: Some((layers, of)),
            phase,
            ..Progress::default()
        }
    }

    fn sizes(at: &str) -> RootAnswer {
        RootAnswer::Sizes(SizesAnswer {
            asked: EntryPath::new(at),
            ..SizesAnswer::default()
        })
    }

    fn told(asks: &[RootAsk]) -> String {
        let word = |ask: &RootAsk| match ask {
            RootAsk::Sizes { at } => format!("/{}", at.display()),
            RootAsk::Layers => "layers".to_owned(),
            RootAsk::Waste => "waste".to_owned(),
            RootAsk::Packages => "packages".to_owned(),
            RootAsk::Compare(_) => "compare".to_owned(),
        };
        asks.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_question_at_a_time_and_waste_at_the_end() {
        let mut watch = Watch::default();
        assert_eq!(told(&watch.look_at(EntryPath::ROOT)), "");
        let follow = |watch: &mut Watch, layers| {
            let phase = if layers < 4 {
                Phase::Streaming
            } else {
                Phase::Done
            };
            watch.follow(&progress(layers, 4, phase))
        };
        assert_eq!(told(&follow(&mut watch, 0)), "");
        assert_eq!(told(&follow(&mut watch, 1)), "/ layers");
        assert_eq!(told(&follow(&mut watch, 1)), "");
        // They come faster than they are answered.
        assert_eq!(told(&follow(&mut watch, 2)), "");
        assert_eq!(told(&follow(&mut watch, 3)), "");
        assert_eq!(told(&watch.answered(&sizes(""))), "/ layers");
        assert_eq!(told(&watch.answered(&RootAnswer::Layers(Vec::new()))), "");
        assert_eq!(told(&watch.follow(&progress(4, 4, Phase::Done))), "");
        assert_eq!(told(&watch.answered(&sizes(""))), "/ layers waste");
        assert_eq!(told(&watch.answered(&sizes(""))), "");
        // Another directory is asked about at once, and nothing else again.
        assert_eq!(told(&watch.look_at(EntryPath::new("usr"))), "/usr");
        assert_eq!(told(&watch.answered(&sizes(""))), "", "it is late");
        assert_eq!(told(&watch.look_at(EntryPath::new("etc"))), "/etc");
        assert_eq!(told(&watch.answered(&sizes("etc"))), "");
    }

    #[test]
    fn what_a_job_that_is_gone_was_asked_is_not_waited_for() {
        let mut watch = Watch::default();
        watch.look_at(EntryPath::ROOT);
        let streams = |n| progress(n, 2, Phase::Streaming);
        assert_eq!(told(&watch.follow(&streams(1))), "/ layers");
        assert_eq!(told(&watch.follow(&streams(0))), "");
        assert_eq!(told(&watch.follow(&streams(1))), "/ layers");
    }

    #[test]
    fn the_last_layer_and_the_end_may_be_told_apart() {
        let mut watch = Watch::default();
        watch.look_at(EntryPath::ROOT);
        assert_eq!(
            told(&watch.follow(&progress(1, 1, Phase::Streaming))),
            "/ layers"
        );
        assert_eq!(told(&watch.answered(&sizes(""))), "");
        assert_eq!(told(&watch.follow(&progress(1, 1, Phase::Done))), "waste");
    }

    #[test]
    fn an_image_without_layers_is_answered_each_time_it_is_looked_at() {
        let mut watch = Watch::default();
        watch.look_at(EntryPath::ROOT);
        let done = progress(0, 0, Phase::Done);
        assert_eq!(told(&watch.follow(&done)), "/ layers waste");
        assert_eq!(told(&watch.answered(&sizes(""))), "");
        // Away, and back to the same job.
        assert_eq!(told(&watch.look_at(EntryPath::ROOT)), "/");
        assert!(!is_in_vain(&done));
    }

    #[test]
    fn what_was_stopped_before_a_layer_was_in_is_in_vain() {
        for phase in [Phase::Cancelled, Phase::Failed] {
            let mut watch = Watch::default();
            watch.look_at(EntryPath::ROOT);
            assert_eq!(told(&watch.follow(&progress(0, 3, phase))), "");
            assert!(is_in_vain(&progress(0, 3, phase)));
            assert!(!is_in_vain(&progress(1, 3, phase)));
            // With some of them in, those are told of.
            assert_eq!(
                told(&watch.follow(&progress(1, 3, phase))),
                "/ layers waste"
            );
        }
        let at_once = Progress {
            phase: Phase::Cancelled,
            ..Progress::default()
        };
        assert!(is_in_vain(&at_once));
        assert!(!is_in_vain(&Progress::default()));
    }
}
