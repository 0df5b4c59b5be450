//! `cargo xtask test`: every check and test, in the order in which they are cheapest to fail.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::counts::Counts;
use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{bench, dist, fuzz, operators, serve, shell, stage, tidy};

/// The packages that are compiled for wasm32.
const WASM_PACKAGES: [&str; 8] = [
    "-p",
    "layerscope-app",
    "-p",
    "layerscope-core",
    "-p",
    "layerscope-inflate",
    "-p",
    "layerscope-viewers",
];
const WASM_TARGET: [&str; 2] = ["--target", "wasm32-unknown-unknown"];
/// Seconds that a wasm-bindgen test run may take: wasm-bindgen's own 20 is short on a busy machine.
const BROWSER_TEST_SECONDS: &str = "180";

/// Seconds for each fuzz target at the most.
const FUZZ_SECONDS: u64 = 10;
/// The same inputs in every run: surprises are for `cargo xtask fuzz`.
const FUZZ: fuzz::Repeatable = fuzz::Repeatable {
    seed: 1,
    inputs: 100_000,
};
/// Seconds of use.
const SOAK_SECONDS: &str = "60";
/// Slow clients of the proxy, and for how many seconds.
const SLOW_SOAK: [&str; 2] = ["100", "20"];

struct Step {
    name: &'static str,
    about: &'static str,
    /// Steps without whose success this one means nothing.
    after: &'static [&'static str],
    action: fn(&mut Runner<'_>) -> Result<()>,
}

const STEPS: [Step; 13] = [
    Step {
        name: "tidy",
        about: "the tree keeps ARCHITECTURE.md's invariants",
        after: &[],
        action: |runner| tidy::run(runner.workspace),
    },
    Step {
        name: "fmt",
        about: "rustfmt has nothing to change",
        after: &[],
        action: fmt,
    },
    Step {
        name: "clippy",
        about: "no warning in the native build",
        after: &[],
        action: clippy,
    },
    Step {
        name: "clippy-wasm",
        about: "no warning in the build for wasm32",
        after: &[],
        action: clippy_wasm,
    },
    Step {
        name: "native",
        about: "unit and property tests, the proxy's tests",
        after: &[],
        action: native,
    },
    Step {
        name: "browser",
        about: "wasm-bindgen tests in headless Chromium",
        after: &[],
        action: browser,
    },
    Step {
        name: "dist",
        about: "the release build of the app",
        after: &[],
        action: build_dist,
    },
    Step {
        name: "proxy",
        about: "the release build of the proxy, app inside",
        after: &["dist"],
        action: |runner| serve::build_proxy(runner.workspace),
    },
    Step {
        name: "e2e",
        about: "registries, proxy and browser end to end",
        after: &["dist", "proxy"],
        action: end_to_end,
    },
    Step {
        name: "operators",
        about: "the API is as it is described, the deployment as Kubernetes takes it",
        after: &["dist", "proxy"],
        action: |runner| operators::run(runner.workspace),
    },
    Step {
        name: "fuzz",
        about: "the fuzz targets, a short while each",
        after: &[],
        action: |runner| fuzz::run(runner.workspace, FUZZ_SECONDS, &[], Some(&FUZZ)),
    },
    Step {
        name: "soak",
        about: "proxy and page used for a minute, then many slow clients",
        after: &["dist", "proxy"],
        action: |runner| {
            stage::run(runner.workspace, "soak", &[SOAK_SECONDS])?;
            stage::run(runner.workspace, "slow_soak", &SLOW_SOAK)
        },
    },
    Step {
        name: "bench",
        about: "the figures of a small layer can be taken",
        after: &["dist", "proxy"],
        action: |runner| bench::run(runner.workspace, bench::Options::small()),
    },
];

struct Runner<'a> {
    workspace: &'a Workspace,
    counts: Counts,
    skipped: Vec<String>,
}

/// Runs the steps, or those named; prints one closing line with the runners' own counts.
pub fn run(workspace: &Workspace, only: &[String]) -> Result<()> {
    if only.iter().any(|name| name == "list") {
        for step in &STEPS {
            println!("{:12} {}", step.name, step.about);
        }
        return Ok(());
    }
    if let Some(unknown) = only
        .iter()
        .find(|name| !STEPS.iter().any(|step| step.name == *name))
    {
        bail!("there is no step {unknown:?}; `cargo xtask test --only list` names them");
    }

    let start = Instant::now();
    let mut runner = Runner {
        workspace,
        counts: Counts::default(),
        skipped: Vec::new(),
    };
    let mut outcomes: Vec<(&str, Outcome, Duration)> = Vec::new();
    for step in &STEPS {
        if !only.is_empty() && !only.iter().any(|name| name == step.name) {
            continue;
        }
        let missing = step.after.iter().find(|needed| {
            outcomes
                .iter()
                .any(|(name, outcome, _)| name == *needed && !matches!(outcome, Outcome::Passed))
        });
        println!("\n== {}: {} ==", step.name, step.about);
        let began = Instant::now();
        let outcome = match missing {
            Some(needed) => {
                println!("not run: {needed} failed");
                Outcome::NotRun
            }
            None => match (step.action)(&mut runner) {
                Ok(()) => Outcome::Passed,
                Err(error) => {
                    println!("{}: {error:#}", step.name);
                    Outcome::Failed
                }
            },
        };
        println!(
            "== {}: {} in {} ==",
            step.name,
            outcome.word(),
            shell::human_duration(began.elapsed())
        );
        outcomes.push((step.name, outcome, began.elapsed()));
    }

    println!();
    for (name, outcome, duration) in &outcomes {
        println!(
            "{name:12} {:8} {}",
            outcome.word(),
            shell::human_duration(*duration)
        );
    }
    for line in &runner.skipped {
        println!("{line}");
    }
    println!("took {}", shell::human_duration(start.elapsed()));
    println!(
        "{} passed, {} failed",
        runner.counts.passed, runner.counts.failed
    );
    let bad: Vec<&str> = outcomes
        .iter()
        .filter(|(_, outcome, _)| !matches!(outcome, Outcome::Passed))
        .map(|(name, ..)| *name)
        .collect();
    if !bad.is_empty() || runner.counts.failed > 0 {
        bail!("not all is well: {}", bad.join(", "));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Outcome {
    Passed,
    Failed,
    NotRun,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotRun => "not run",
        }
    }
}

impl Runner<'_> {
    /// Runs a command of test runners, adding up what they count.
    fn tests(&mut self, command: &mut Command) -> Result<()> {
        let mut counts = Counts::default();
        let skipped = &mut self.skipped;
        let ok = shell::run_watched(command, |line| {
            counts.add_line(line);
            if line.starts_with("SKIPPED:") {
                skipped.push(line.to_owned());
            }
        })?;
        self.counts.add(counts);
        if !ok {
            bail!("`{}` failed", shell::show(command));
        }
        Ok(())
    }
}

fn fmt(runner: &mut Runner<'_>) -> Result<()> {
    shell::run(&mut runner.workspace.cargo(&["fmt", "--all", "--check"]))
}

fn clippy(runner: &mut Runner<'_>) -> Result<()> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "xtask/bench,xtask/index",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    shell::run(&mut runner.workspace.cargo(&arguments))
}

fn clippy_wasm(runner: &mut Runner<'_>) -> Result<()> {
    Tools::find()?.wasm_target()?;
    // Not --all-targets: the pure crates' tests are native and use native crates.
    let mut command = runner.workspace.cargo(&["clippy", "--locked", "--quiet"]);
    command
        .args(WASM_TARGET)
        .args(WASM_PACKAGES)
        .args(["--", "-D", "warnings"]);
    shell::run(&mut command)?;
    let mut command = runner
        .workspace
        .cargo(&["clippy", "--locked", "--quiet", "--all-targets"]);
    command
        .args(WASM_TARGET)
        .args(["-p", "layerscope-app", "--", "-D", "warnings"]);
    shell::run(&mut command)?;
    // As `dist` and `bench` build it.
    let mut command = runner.workspace.cargo(&["clippy", "--locked", "--quiet"]);
    command.args(WASM_TARGET).args([
        "-p",
        "layerscope-app",
        "--features",
        "split,bench,viewers",
        "--",
        "-D",
        "warnings",
    ]);
    shell::run(&mut command)
}

fn native(runner: &mut Runner<'_>) -> Result<()> {
    let workspace = runner.workspace;
    let arguments = [
        "test",
        "--workspace",
        "--exclude",
        stage::PACKAGE,
        "--locked",
        "--no-fail-fast",
    ];
    runner.tests(&mut workspace.cargo(&arguments))
}

fn browser(runner: &mut Runner<'_>) -> Result<()> {
    let workspace = runner.workspace;
    let tools = Tools::find()?;
    tools.wasm_target()?;
    let test_runner = tools.wasm_bindgen()?.join("wasm-bindgen-test-runner");
    let browser = tools.browser()?;
    // The runner is started in app/ and reads Chromium's flags from the webdriver.json there.
    let mut command = workspace.cargo(&["test", "--locked", "--no-fail-fast"]);
    command
        .args(WASM_TARGET)
        .args(["-p", "layerscope-app"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", test_runner)
        .env("CHROMEDRIVER", browser.chromedriver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TEST_SECONDS);
    runner.tests(&mut command)
}

fn build_dist(runner: &mut Runner<'_>) -> Result<()> {
    dist::run_if_stale(runner.workspace, &dist::Options::release())
}

fn end_to_end(runner: &mut Runner<'_>) -> Result<()> {
    let mut command = stage::command(runner.workspace, &["test", "--no-fail-fast"])?;
    runner.tests(&mut command)
}
