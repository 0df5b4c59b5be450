//! Tables: two small things in, how they differ out.

mod documents;
mod files;
mod texts;
