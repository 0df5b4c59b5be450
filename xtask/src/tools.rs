//! The programs that the commands need, at pinned versions: found, or installed and said so.
//!
//! They live in `${LAYERSCOPE_TOOLS:-~/.cache/layerscope/tools}/<tool>-<version>/`, outside the
//! repository and keyed by version, so that only the first run pays. An installation is made in
//! a folder beside its place and renamed when it is whole: an interrupted one is never taken for
//! a good one.

mod peers;

pub use peers::Peers;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::shell;
use crate::workspace::Workspace;

/// Bundles the app.
const TRUNK_VERSION: &str = "0.21.14";
/// Must be the version of `wasm-bindgen` in Cargo.lock; `tidy` compares them.
pub const WASM_BINDGEN_VERSION: &str = "0.2.129";
/// The npm package that carries wasm-opt; it calls itself by this number too.
const BINARYEN_VERSION: &str = "132";
/// Takes the page's module apart in two.
const WASM_SPLIT_VERSION: &str = "0.2.4";
/// Runs the fuzz targets.
const CARGO_FUZZ_VERSION: &str = "0.13.2";
const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Settings under which these tools are installed. Their own release profiles optimise for a
/// speed that a build of this size does not need, and cost over nine more CPU minutes.
const FAST_INSTALL: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// The folder of installed tools.
pub struct Tools {
    root: PathBuf,
}

/// A browser and the program that drives it.
pub struct Browser {
    /// The browser itself.
    pub chromium: PathBuf,
    /// The WebDriver server.
    pub chromedriver: PathBuf,
}

impl Tools {
    /// The folder named by LAYERSCOPE_TOOLS, or the usual one in the user's cache.
    pub fn find() -> Result<Self> {
        if let Some(root) = std::env::var_os("LAYERSCOPE_TOOLS") {
            return Ok(Self { root: root.into() });
        }
        let cache = match std::env::var_os("XDG_CACHE_HOME") {
            Some(cache) if !cache.is_empty() => PathBuf::from(cache),
            _ => std::env::home_dir()
                .context("no home directory: name a folder for tools in LAYERSCOPE_TOOLS")?
                .join(".cache"),
        };
        Ok(Self {
            root: cache.join("layerscope").join("tools"),
        })
    }

    /// The standard library for wasm32.
    pub fn wasm_target(&self) -> Result<()> {
        self.target(WASM_TARGET)
    }

    /// Python with what `xtask/python-tools.txt` pins.
    pub fn python(&self, workspace: &Workspace) -> Result<PathBuf> {
        let list = workspace.root.join("xtask/python-tools.txt");
        let text = std::fs::read(&list).with_context(|| format!("reading {}", list.display()))?;
        let digest = Sha256::digest(&text);
        let version: String = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
        let place = self.root.join(format!("python-{version}"));
        let program = place.join("bin").join("python");
        if program.is_file() {
            return Ok(program);
        }
        let Some(python) = shell::on_path("python3") else {
            bail!("Python is missing; on Debian, as root: apt-get install -y python3-venv");
        };
        let by_hand = format!(
            "python3 -m venv {0} && {0}/bin/python -m pip install -r {1}",
            place.display(),
            list.display()
        );
        self.install(
            &place,
            "schemathesis and others for Python",
            &by_hand,
            |partial| {
                shell::run(Command::new(&python).args(["-m", "venv"]).arg(partial))?;
                // By the interpreter: a moved environment's scripts name the place it was made at.
                shell::run(
                    Command::new(partial.join("bin").join("python"))
                        .args([
                            "-m",
                            "pip",
                            "install",
                            "--quiet",
                            "--disable-pip-version-check",
                        ])
                        .args(["--only-binary", ":all:", "-r"])
                        .arg(&list),
                )
            },
        )?;
        Ok(program)
    }

    /// The standard library for a target.
    pub fn target(&self, target: &str) -> Result<()> {
        let arguments = ["--print", "target-libdir", "--target", target];
        let installed =
            || shell::probe("rustc", &arguments).is_some_and(|dir| Path::new(dir.trim()).is_dir());
        if installed() {
            return Ok(());
        }
        let by_hand = format!("rustup target add {target}");
        if shell::on_path("rustup").is_none() {
            bail!(
                "Rust's {target} target is missing and rustup is not there to add it; with rustup: {by_hand}"
            );
        }
        shell::timed(&format!("adding Rust's {target} target"), || {
            shell::run(Command::new("rustup").args(["target", "add", target]))
        })
        .with_context(|| format!("run by hand: {by_hand}"))?;
        if !installed() {
            bail!("Rust's {target} target is still missing after `{by_hand}`");
        }
        Ok(())
    }

    /// The folder with `trunk`.
    pub fn trunk(&self) -> Result<PathBuf> {
        self.cargo_tool("trunk", TRUNK_VERSION, "trunk", &[], "about 5 minutes")
    }

    /// The folder with `wasm-bindgen` and `wasm-bindgen-test-runner`.
    pub fn wasm_bindgen(&self) -> Result<PathBuf> {
        self.cargo_tool(
            "wasm-bindgen-cli",
            WASM_BINDGEN_VERSION,
            "wasm-bindgen",
            &[],
            "about 3 minutes",
        )
    }

    /// The program `wasm-split-cli`.
    pub fn wasm_split(&self) -> Result<PathBuf> {
        let program = "wasm-split-cli";
        let bin = self.cargo_tool(
            "wasm_split_cli_support",
            WASM_SPLIT_VERSION,
            program,
            &["--features", "build-binary"],
            "about a minute",
        )?;
        Ok(bin.join(program))
    }

    /// The folder with `cargo-fuzz`.
    pub fn cargo_fuzz(&self) -> Result<PathBuf> {
        self.cargo_tool(
            "cargo-fuzz",
            CARGO_FUZZ_VERSION,
            "cargo-fuzz",
            &[],
            "about a minute",
        )
    }

    /// The program `wasm-opt`.
    pub fn wasm_opt(&self) -> Result<PathBuf> {
        let place = self.root.join(format!("binaryen-{BINARYEN_VERSION}"));
        let program = place.join("node_modules").join(".bin").join("wasm-opt");
        if program.is_file() {
            return Ok(program);
        }
        if let Some(found) = shell::on_path("wasm-opt")
            && says_version(&found, BINARYEN_VERSION)
        {
            return Ok(found);
        }
        let package = format!("binaryen@{BINARYEN_VERSION}");
        let by_hand = format!(
            "npm install --no-save --prefix {} {package}",
            place.display()
        );
        let Some(npm) = shell::on_path("npm") else {
            bail!(
                "wasm-opt {BINARYEN_VERSION} is missing and npm is not there to install it; with npm: {by_hand}"
            );
        };
        self.install(
            &place,
            &format!("wasm-opt {BINARYEN_VERSION} (about 10 seconds)"),
            &by_hand,
            |partial| npm_install(&npm, partial, &[&package]),
        )?;
        if !says_version(&program, BINARYEN_VERSION) {
            bail!(
                "{} does not say that it is version {BINARYEN_VERSION}; remove {} and try again",
                program.display(),
                place.display()
            );
        }
        Ok(program)
    }

    /// Chromium and its driver: named by CHROMIUM and CHROMEDRIVER, else on PATH, else installed
    /// where that is possible without asking (root on Debian).
    pub fn browser(&self) -> Result<Browser> {
        if let Some(browser) = find_browser() {
            return Ok(browser);
        }
        let by_hand = "apt-get install -y chromium chromium-driver";
        let debian =
            Path::new("/etc/debian_version").exists() && shell::on_path("apt-get").is_some();
        let root = shell::probe("id", &["-u"]).is_some_and(|id| id.trim() == "0");
        if !(debian && root) {
            bail!(
                "the tests in a browser need Chromium and chromedriver of the same version; \
                 install them (on Debian, as root: {by_hand}), or name them in CHROMIUM and CHROMEDRIVER"
            );
        }
        shell::timed(
            "installing Chromium and its driver (about 30 seconds)",
            || {
                // Lists that are there may be good enough, and a second attempt follows if not.
                let install = || {
                    shell::run(
                        Command::new("apt-get")
                            .args([
                                "install",
                                "-y",
                                "-q",
                                "--no-install-recommends",
                                "chromium",
                                "chromium-driver",
                            ])
                            .env("DEBIAN_FRONTEND", "noninteractive"),
                    )
                };
                install().or_else(|_| {
                    shell::run(Command::new("apt-get").args(["update", "-q"]))?;
                    install()
                })
            },
        )
        .with_context(|| format!("run by hand: {by_hand}"))?;
        find_browser()
            .context("Chromium was installed, but chromium and chromedriver are not on PATH")
    }

    /// A tool from crates.io; returns the folder of its programs.
    fn cargo_tool(
        &self,
        package: &str,
        version: &str,
        program: &str,
        features: &[&str],
        cost: &str,
    ) -> Result<PathBuf> {
        let place = self.root.join(format!("{package}-{version}"));
        let bin = place.join("bin");
        let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        if bin.join(&program).is_file() {
            return Ok(bin);
        }
        if let Some(found) = shell::on_path(&program)
            && says_version(&found, version)
            && let Some(dir) = found.parent()
        {
            return Ok(dir.to_path_buf());
        }
        let settings: String = FAST_INSTALL
            .iter()
            .map(|(name, value)| format!("{name}={value} "))
            .collect();
        let by_hand = format!(
            "{settings}cargo install --locked {package}@{version} {} --root {}",
            features.join(" "),
            place.display()
        );
        self.install(
            &place,
            &format!("{package} {version} ({cost}, once)"),
            &by_hand,
            |partial| {
                let mut command = Command::new("cargo");
                command
                    .args([
                        "install",
                        "--locked",
                        "--quiet",
                        &format!("{package}@{version}"),
                    ])
                    .args(features)
                    .arg("--root")
                    .arg(partial)
                    .envs(FAST_INSTALL)
                    // Our own target folder is no place for another project's build.
                    .env_remove("CARGO_TARGET_DIR");
                shell::run(&mut command)
            },
        )?;
        if !bin.join(&program).is_file() {
            bail!(
                "{} is not in {} after the installation",
                program,
                bin.display()
            );
        }
        Ok(bin)
    }

    fn install(
        &self,
        place: &Path,
        what: &str,
        by_hand: &str,
        action: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        std::fs::create_dir_all(&self.root)
            .with_context(|| format!("creating the tools folder {}", self.root.display()))?;
        let mut partial = place.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        shell::timed(
            &format!("installing {what} into {}", self.root.display()),
            || {
                // What an interrupted run left.
                if partial.exists() {
                    std::fs::remove_dir_all(&partial)?;
                }
                action(&partial)?;
                if place.exists() {
                    std::fs::remove_dir_all(place)?;
                }
                std::fs::rename(&partial, place)?;
                Ok(())
            },
        )
        .with_context(|| format!("{what} could not be installed; run by hand: {by_hand}"))
    }
}

fn find_browser() -> Option<Browser> {
    let named = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|file| file.is_file())
    };
    let chromium = named("CHROMIUM").or_else(|| {
        ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .find_map(|name| shell::on_path(name))
    })?;
    let chromedriver = named("CHROMEDRIVER").or_else(|| shell::on_path("chromedriver"))?;
    Some(Browser {
        chromium,
        chromedriver,
    })
}

/// Installs packages of npm's below a folder, and nothing else.
fn npm_install(npm: &Path, place: &Path, packages: &[&str]) -> Result<()> {
    std::fs::create_dir_all(place)?;
    shell::run(
        Command::new(npm)
            .args([
                "install",
                "--no-save",
                "--no-package-lock",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .arg("--prefix")
            .arg(place)
            .args(packages),
    )
}

/// Whether `program --version` names exactly this version.
fn says_version(program: &Path, version: &str) -> bool {
    shell::probe(program, &["--version"]).is_some_and(|text| names_version(&text, version))
}

fn names_version(text: &str, version: &str) -> bool {
    text.split_whitespace().any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, version: &str, expect: bool) {
        assert_eq!(names_version(text, version), expect);
    }

    #[test]
    fn a_version_is_a_whole_word() {
        check("trunk 0.21.14\n", "0.21.14", true);
        check("trunk 0.21.141\n", "0.21.14", false);
        check("wasm-opt version 132 (version_132)", "132", true);
        check("wasm-opt version 108", "132", false);
        check("", "1", false);
    }

    #[test]
    fn an_interrupted_installation_is_not_taken_for_a_good_one() {
        let root = std::env::temp_dir().join(format!("layerscope-tools-{}", std::process::id()));
        let tools = Tools { root: root.clone() };
        let place = root.join("thing-1");
        let failed = tools.install(&place, "thing", "make thing", |partial| {
            std::fs::create_dir_all(partial)?;
            std::fs::write(partial.join("half"), "")?;
            bail!("no")
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("make thing"));
        assert!(!place.exists());
        tools
            .install(&place, "thing", "make thing", |partial| {
                std::fs::create_dir_all(partial)?;
                Ok(std::fs::write(partial.join("whole"), "")?)
            })
            .unwrap();
        assert!(place.join("whole").exists() && !place.join("half").exists());
        std::fs::remove_dir_all(root).unwrap();
    }
}
