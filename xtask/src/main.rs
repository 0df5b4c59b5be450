//! Layerscope's tools, run as `cargo xtask <command>`.
//!
//! What a command needs and does not find, it installs at a pinned version into one folder
//! outside the repository (see [`tools`]), and says so. Nothing here is part of the product.

mod bench;
mod counts;
mod dist;
mod fuzz;
mod index;
mod operators;
mod serve;
mod shell;
mod stage;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Layerscope's tools",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the app and the proxy, and run them on http://127.0.0.1:8080
    Serve {
        /// Flags for the proxy, after `--`; `-- --help` lists them
        #[arg(last = true)]
        proxy_flags: Vec<String>,
    },
    /// Run every check and test there is, end to end ones included
    Test {
        /// Run only this step (repeatable); `--only list` prints their names
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
    },
    /// Measure, print a table and write target/bench/summary.json
    Bench {
        /// A gzip-compressed layer to measure the layer part on
        #[arg(long, value_name = "FILE.tar.gz")]
        layer: Option<PathBuf>,
        /// How often each measurement in Chromium is repeated; the middle one counts
        #[arg(long, default_value_t = bench::DEFAULT_ROUNDS)]
        rounds: usize,
        /// Instead, measure what an index takes against what a file takes, and draw docs/trade.svg
        #[arg(long, conflicts_with_all = ["layer", "scale"])]
        curve: bool,
        /// Instead, measure a layer of 2 GB and one of a million entries
        #[arg(long, conflicts_with = "layer")]
        scale: bool,
    },
    /// Make index files of an image's layers, or of a layer in a file, for an index source
    #[command(disable_help_flag = true)]
    Index {
        /// What `cargo xtask index --help` lists
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the fuzz targets of tests/fuzz
    Fuzz {
        /// Seconds for each target
        #[arg(long, default_value_t = fuzz::DEFAULT_SECONDS)]
        seconds: u64,
        /// Only these targets; all by default
        targets: Vec<String>,
    },
    /// Use proxy and page for a while, and see that neither grows
    Soak {
        /// For how long
        #[arg(long, default_value_t = 30)]
        minutes: u64,
        /// Instead, so many slow downloads at once through the proxy
        #[arg(long)]
        slow_clients: Option<u64>,
    },
    /// Take pictures of every page into target/screenshots/: light, dark, wide, narrow
    Screenshots,
    /// Build the app for release into dist/: hashed names, precompressed, checked against the CSP
    Dist {
        /// Where the folder will be served; relative by default, so that any place works
        #[arg(long, default_value = dist::RELATIVE_URL, value_name = "URL")]
        public_url: String,
        /// Go on without wasm-opt when it can be neither found nor installed
        #[arg(long)]
        allow_unoptimised: bool,
    },
    /// Build the proxy as one static program with the app inside, for a container
    StaticProxy,
    /// Check by reading the tree what ARCHITECTURE.md promises
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let workspace = Workspace::find();
    let result = match arguments.command {
        Command::Serve { proxy_flags } => serve::run(&workspace, &proxy_flags),
        Command::Test { only } => test::run(&workspace, &only),
        Command::Bench { curve: true, .. } => bench::curve(&workspace),
        Command::Bench { scale: true, .. } => bench::scale(&workspace),
        Command::Bench { layer, rounds, .. } => bench::run(
            &workspace,
            bench::Options {
                layer: layer
                    .as_deref()
                    .map_or(bench::Layer::Large, bench::Layer::File),
                rounds: rounds.max(1),
            },
        ),
        Command::Index { arguments } => index::run(&workspace, &arguments),
        Command::Fuzz { seconds, targets } => fuzz::run(&workspace, seconds, &targets, None),
        Command::Soak {
            minutes,
            slow_clients,
        } => {
            let seconds = (minutes * 60).to_string();
            match slow_clients {
                None => stage::run(&workspace, "soak", &[&seconds]),
                Some(n) => stage::run(&workspace, "slow_soak", &[&n.to_string(), &seconds]),
            }
        }
        Command::Screenshots => stage::run(&workspace, "screenshots", &[]),
        Command::Dist {
            public_url,
            allow_unoptimised,
        } => dist::run(
            &workspace,
            &dist::Options {
                public_url,
                allow_unoptimised,
            },
        )
        .map(|_| ()),
        Command::StaticProxy => dist::run_if_stale(&workspace, &dist::Options::release())
            .and_then(|()| operators::static_proxy(&workspace)),
        Command::Tidy => tidy::run(&workspace),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
