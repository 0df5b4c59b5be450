//! Commands of a build: the shell that they are given to, their lines, and what build arguments
//! make of them.

/// What follows `/bin/sh -c`, `bash -eo pipefail -c`, `cmd /S /C`, `powershell -Command` and their
/// like; none if the text begins with none.
pub(super) fn after(text: &str) -> Option<&str> {
    let (program, rest) = word(text)?;
    let base = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let base = base.to_ascii_lowercase();
    match base.strip_suffix(".exe").unwrap_or(&base) {
        "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" => after_posix(rest),
        "cmd" => after_option(rest, &["/c"]),
        "powershell" | "pwsh" => {
            let command = after_option(rest, &["-command", "-c"])?;
            Some(without_preferences(command))
        }
        _ => None,
    }
}

/// The first word, and what is behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find([' ', '\t', '\n']).unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

/// Options up to the one with a `c` at its end.
fn after_posix(mut rest: &str) -> Option<&str> {
    loop {
        let (option, after) = word(rest)?;
        let letters = option.strip_prefix('-')?;
        rest = after;
        if letters.ends_with('c') {
            return Some(rest);
        }
        if letters.ends_with('o') {
            rest = word(rest)?.1; // such as pipefail
        }
    }
}

/// Options up to one of these.
fn after_option<'t>(mut rest: &'t str, last: &[&str]) -> Option<&'t str> {
    loop {
        let (option, after) = word(rest)?;
        if !option.starts_with(['/', '-']) {
            return None;
        }
        rest = after;
        if last.contains(&option.to_ascii_lowercase().as_str()) {
            return Some(rest);
        }
    }
}

/// Without the `$ErrorActionPreference = 'Stop';` that Windows images have in their `SHELL`.
fn without_preferences(mut text: &str) -> &str {
    loop {
        let rest = text.strip_prefix('$').and_then(|rest| {
            let (name, value) = rest.split_once('=')?;
            let known = name.trim_end().ends_with("Preference");
            let (value, after) = value.split_once(';')?;
            let simple = value.trim().trim_matches(['\'', '"']);
            let is_word = simple.bytes().all(|b| b.is_ascii_alphanumeric());
            (known && is_word).then(|| after.trim_start())
        });
        match rest {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

/// A command as it stood in its Dockerfile, as far as that can be known. Lines that were continued
/// were joined, and what is left of their beginnings is a run of blanks; a script of several lines
/// was a heredoc.
pub(super) fn in_lines(command: &str) -> String {
    let command = command.trim();
    if command.starts_with("<<") {
        return command.to_owned();
    }
    let continued = command.contains("\\\n");
    if command.contains('\n') && !continued {
        return format!("<<EOF\n{command}\nEOF");
    }
    let mut out = String::with_capacity(command.len() + 64);
    let mut quote = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ' | '\t', None) => {
                let mut blanks = String::from(c);
                while let Some(blank) = chars.next_if(|c| matches!(c, ' ' | '\t')) {
                    blanks.push(blank);
                }
                match blanks.chars().count() > 1 || blanks.contains('\t') {
                    true => out.push_str(" \\\n    "),
                    false => out.push(' '),
                }
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// A command with the values of variables in place of `$NAME` and `${NAME}`, as a shell does it;
/// what stands in single quotes or behind a backslash stays.
pub(super) fn substituted(command: &str, args: &[(String, String)]) -> String {
    let mut out = String::with_capacity(command.len());
    let (mut single, mut double) = (false, false);
    let mut rest = command;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' if !single => {
                let next = after.chars().next();
                out.push(c);
                out.extend(next);
                rest = &after[next.map_or(0, char::len_utf8)..];
                continue;
            }
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '$' if !single => {
                if let Some((name, behind)) = variable(after)
                    && let Some((_, value)) = args.iter().find(|(n, _)| n == name)
                {
                    out.push_str(value);
                    rest = behind;
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
        rest = after;
    }
    out
}

/// The name that stands behind a `$`, and what is behind it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let part = |text: &str| {
        let other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        text.find(other).unwrap_or(text.len())
    };
    if let Some(inner) = text.strip_prefix('{') {
        let end = part(inner);
        let behind = inner.get(end..)?.strip_prefix('}')?;
        return Some((inner.get(..end)?, behind));
    }
    let end = part(text);
    (end > 0).then(|| (&text[..end], &text[end..]))
}
