//! Running other programs, and saying so.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Announces an action, runs it, and says how long it took.
pub fn timed<T>(what: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("xtask: {what} ...");
    let start = Instant::now();
    let value = action()?;
    eprintln!("xtask: {what}: done in {}", human_duration(start.elapsed()));
    Ok(value)
}

/// Runs a command with its output passed through; an exit code other than 0 is an error that
/// repeats the command.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .status()
        .with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command, passes its standard output through line by line and lets `on_line` see each;
/// returns whether it succeeded.
pub fn run_watched(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<bool> {
    let shown = show(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` could not be started"))?;
    let stdout = child
        .stdout
        .take()
        .context("the child's output was not piped")?;
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    let mut ours = std::io::stdout().lock();
    loop {
        line.clear();
        if reader
            .read_until(b'\n', &mut line)
            .with_context(|| format!("reading from `{shown}`"))?
            == 0
        {
            break;
        }
        // A closed pipe on our side must not end the tests.
        let _ = ours.write_all(&line).and_then(|()| ours.flush());
        on_line(String::from_utf8_lossy(&line).trim_end());
    }
    let status = child
        .wait()
        .with_context(|| format!("waiting for `{shown}`"))?;
    Ok(status.success())
}

/// Runs a command to its end and returns its standard output; its errors are passed through.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let shown = show(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{shown}` could not be started"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})", output.status);
    }
    Ok(output.stdout)
}

/// Runs a command in silence and returns its standard output, or `None` if it is missing or
/// fails.
pub fn probe(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The program of this name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// PATH with `dirs` before everything else.
pub fn path_with(dirs: &[&Path]) -> Result<std::ffi::OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = dirs
        .iter()
        .map(|dir| dir.to_path_buf())
        .chain(std::env::split_paths(&old));
    std::env::join_paths(all).context("a folder's name cannot stand in PATH")
}

/// A command as one would type it (for messages only; quotes are not escaped).
pub fn show(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// `850 ms`, `12.3 s`, `4 min 05 s`.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(milliseconds: u64, expect: &str) {
        assert_eq!(human_duration(Duration::from_millis(milliseconds)), expect);
    }

    #[test]
    fn durations_are_readable() {
        check(0, "0 ms");
        check(850, "850 ms");
        check(12_340, "12.3 s");
        check(60_000, "1 min 00 s");
        check(245_000, "4 min 05 s");
    }

    #[test]
    fn output_is_seen_line_by_line_and_failure_is_told() {
        let mut lines = Vec::new();
        let ok = run_watched(
            Command::new("sh").args(["-c", "echo one; echo two; exit 3"]),
            |line| {
                lines.push(line.to_owned());
            },
        );
        assert!(!ok.unwrap());
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("layerscope-no-such-program")).unwrap_err();
        assert!(
            error.to_string().contains("layerscope-no-such-program"),
            "{error}"
        );
    }
}
