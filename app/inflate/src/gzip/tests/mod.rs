//! The suite, with each engine.

// Without "." the folders of these modules would have to be there.
#[path = "."]
mod miniz {
    use crate::MinizEngine as Tested;

    #[path = "suite.rs"]
    mod suite;
}

#[path = "."]
mod fast {
    use crate::FastEngine as Tested;

    #[path = "suite.rs"]
    #[expect(clippy::duplicate_mod, reason = "the same tests, for another engine")]
    mod suite;
}
