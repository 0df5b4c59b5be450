//! What a step of an image's history says, as an instruction of a Dockerfile.
//!
//! No two builders write `created_by` alike. docker's first builder (and buildah, kaniko after it)
//! has the command with its shell, `#(nop)` before what runs nothing, `|2 A=1 B=2` before what ran
//! with build arguments, and Go's notation for lists; BuildKit has the instruction's name and
//! `# buildkit` behind it (moby: builder/dockerfile/dispatchers.go; buildkit:
//! frontend/dockerfile/dockerfile2llb/convert.go). What is no instruction is told as a comment.

use super::shell;

/// Bytes of a step that are read; longer ones are cut. A script of a heredoc is in it whole.
pub const MAX_STEP_BYTES: usize = 64 << 10;
/// Build arguments of one step that are told apart.
const MAX_ARGS: usize = 200;

/// Instructions of a Dockerfile.
const KEYWORDS: [&str; 18] = [
    "RUN",
    "CMD",
    "LABEL",
    "MAINTAINER",
    "EXPOSE",
    "ENV",
    "ADD",
    "COPY",
    "ENTRYPOINT",
    "VOLUME",
    "USER",
    "WORKDIR",
    "ARG",
    "ONBUILD",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "SHELL",
    "FROM",
];

/// An instruction, or a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instruction {
    /// Its name in capitals; none of a comment.
    pub keyword: Option<&'static str>,
    /// What follows, in lines.
    pub text: String,
    /// Build arguments that it ran with.
    pub args: Vec<(String, String)>,
    /// `text` with these put in, where that makes a difference.
    pub ran: Option<String>,
}

impl Instruction {
    /// As it stands in a Dockerfile.
    pub fn line(&self) -> String {
        match self.keyword {
            None => format!("# {}", self.text.replace('\n', "\n# ")),
            Some(word) if self.text.is_empty() => word.to_owned(),
            Some(word) => format!("{word} {}", self.text),
        }
    }
}

/// Reads the steps of one image, the oldest first: what one says changes how the next is read.
#[derive(Debug, Default)]
pub struct Reader {
    /// What `SHELL` has set.
    shell: Option<String>,
    /// Names that `ARG` has declared.
    declared: Vec<String>,
}

impl Reader {
    /// Reads a step.
    pub fn read(&mut self, created_by: &str) -> Instruction {
        let text = cut(created_by).trim();
        let text = text.strip_suffix("# buildkit").map_or(text, str::trim_end);
        if let Some((before, after)) = text.split_once("#(nop)")
            && (before.trim().is_empty() || self.after_shell(before).is_some_and(str::is_empty))
        {
            return self
                .instruction(after.trim())
                .unwrap_or_else(|| comment(text));
        }
        if text.starts_with('|') || self.after_shell(text).is_some() {
            return self.run(text);
        }
        self.instruction(text).unwrap_or_else(|| comment(text))
    }

    /// What begins with an instruction's name.
    fn instruction(&mut self, text: &str) -> Option<Instruction> {
        let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let keyword = KEYWORDS.into_iter().find(|k| *k == word)?;
        let rest = rest.trim();
        let text = match keyword {
            "RUN" => return Some(self.run(rest)),
            "ADD" | "COPY" => without_in(rest),
            "CMD" | "ENTRYPOINT" => quoted_list(rest).unwrap_or_else(|| rest.to_owned()),
            "EXPOSE" => set(rest).map_or_else(|| rest.to_owned(), |ports| ports.join(" ")),
            "VOLUME" => set(rest).map_or_else(|| rest.to_owned(), |paths| json(&paths)),
            "HEALTHCHECK" => healthcheck(rest).unwrap_or_else(|| rest.to_owned()),
            "SHELL" => self.set_shell(rest),
            "ARG" => {
                let name = rest.split('=').next().unwrap_or(rest).trim();
                self.declared.push(name.to_owned());
                rest.to_owned()
            }
            _ => rest.to_owned(),
        };
        Some(Instruction {
            keyword: Some(keyword),
            text,
            ..Instruction::default()
        })
    }

    fn set_shell(&mut self, rest: &str) -> String {
        let words: Option<Vec<String>> = strings(rest);
        let inner = rest.strip_prefix('[').and_then(|r| r.strip_suffix(']'));
        self.shell = match &words {
            Some(words) => Some(words.join(" ")),
            None => inner.map(str::to_owned),
        };
        match (words, inner) {
            (Some(words), _) => json(&words),
            // Go prints a list without quotes: words that have blanks cannot be told apart.
            (None, Some(inner)) if !inner.contains(['\'', '"', '$']) => {
                json(&inner.split_whitespace().collect::<Vec<_>>())
            }
            _ => rest.to_owned(),
        }
    }

    /// What follows the shell that a command is given to; none if there is none.
    fn after_shell<'t>(&self, text: &'t str) -> Option<&'t str> {
        let set = self.shell.as_deref().and_then(|shell| {
            let rest = text.strip_prefix(shell)?;
            (rest.is_empty() || rest.starts_with([' ', '\t', '\n'])).then(|| rest.trim_start())
        });
        set.or_else(|| shell::after(text))
    }

    /// A command, with the arguments and the shell that it ran with.
    fn run(&self, text: &str) -> Instruction {
        let (args, command) = self.arguments(text).unwrap_or((Vec::new(), text));
        let command = self.after_shell(command).unwrap_or(command);
        let ran = shell::substituted(command, &args);
        Instruction {
            keyword: Some("RUN"),
            text: shell::in_lines(command),
            ran: (ran != command).then(|| shell::in_lines(&ran)),
            args,
        }
    }

    /// `|2 A=1 B=2 …`: the arguments, and what is behind them. Values have no quotes, so one with
    /// blanks ends where the shell begins, or another argument.
    fn arguments<'t>(&self, text: &'t str) -> Option<(Vec<(String, String)>, &'t str)> {
        let (count, rest) = text.strip_prefix('|')?.split_once(' ')?;
        let count = count.parse::<usize>().ok().filter(|n| *n <= MAX_ARGS)?;
        let starts: Vec<usize> = std::iter::once(0)
            .chain(rest.match_indices(' ').map(|(at, _)| at + 1))
            .collect();
        let mut named: Vec<usize> = Vec::new();
        let mut end = None;
        for at in starts {
            let word = rest.get(at..)?;
            if named.len() >= count && self.after_shell(word).is_some() {
                end = Some(at);
                break;
            }
            if name(word).is_some() {
                named.push(at);
            }
        }
        if named.len() < count {
            return None;
        }
        let end = end.or_else(|| {
            // Without a shell, each value is a word.
            named.truncate(count);
            let last = named.last().copied().unwrap_or(0);
            let blank = rest.get(last..)?.find(' ');
            blank.map(|n| last + n + 1).filter(|_| count > 0)
        })?;
        if named.len() > count {
            let declared = |at: &usize| {
                let name = rest.get(*at..).and_then(name);
                name.is_some_and(|n| self.declared.iter().any(|d| d == n))
            };
            let known: Vec<usize> = named.iter().copied().filter(declared).collect();
            match known.len() == count {
                true => named = known,
                false => named.truncate(count),
            }
        }
        let ends = named.iter().copied().skip(1).chain([end]);
        let pair = |(from, to): (&usize, usize)| {
            let (name, value) = rest.get(*from..to)?.split_once('=')?;
            Some((name.to_owned(), value.trim_end().to_owned()))
        };
        let args = named.iter().zip(ends).filter_map(pair).collect();
        Some((args, rest.get(end..)?))
    }
}

fn cut(text: &str) -> &str {
    match text.len() > MAX_STEP_BYTES {
        true => &text[..text.floor_char_boundary(MAX_STEP_BYTES)],
        false => text,
    }
}

fn comment(text: &str) -> Instruction {
    Instruction {
        text: text.strip_prefix("# ").unwrap_or(text).to_owned(),
        ..Instruction::default()
    }
}

/// The name of `NAME=value`.
fn name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    (first && name.bytes().all(good)).then_some(name)
}

/// `file:<digest> in <to>`: the digest is that of what was copied, whose name is not told.
fn without_in(text: &str) -> String {
    let digest = text.split_once(" in ").and_then(|(from, to)| {
        let (flags, source) = from.rsplit_once(' ').unwrap_or(("", from));
        let (kind, hex) = source.split_once(':')?;
        let known = ["file", "dir", "multi"].contains(&kind);
        let is_hex = hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let line = || format!("{flags} {kind}:{} {}", &hex[..12], to.trim());
        (known && is_hex).then(|| line().trim_start().to_owned())
    });
    digest.unwrap_or_else(|| text.to_owned())
}

/// Go's `%q` of a list, `["a" "b"]` or in `&{}`, or JSON; as JSON.
fn quoted_list(text: &str) -> Option<String> {
    let inner = text.strip_prefix("&{").and_then(|t| t.strip_suffix('}'));
    strings(inner.unwrap_or(text)).map(|list| json(&list))
}

/// The strings of a list in either form.
fn strings(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?.trim();
    let mut out = Vec::new();
    while !rest.is_empty() {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        out.push(stream.next()?.ok()?);
        let at = stream.byte_offset();
        rest = rest.get(at..)?.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(out)
}

fn json<S: AsRef<str>>(list: &[S]) -> String {
    let quote = |s: &S| serde_json::Value::from(s.as_ref()).to_string();
    format!(
        "[{}]",
        list.iter().map(quote).collect::<Vec<_>>().join(", ")
    )
}

/// The members of Go's `map[80/tcp:{} 443/tcp:{}]` or `[/data /logs]`.
fn set(text: &str) -> Option<Vec<String>> {
    if let Some(list) = strings(text) {
        return Some(list);
    }
    let inner = text.strip_prefix("map").unwrap_or(text);
    let inner = inner.strip_prefix('[')?.strip_suffix(']')?;
    let member = |word: &str| word.strip_suffix(":{}").unwrap_or(word).to_owned();
    Some(inner.split_whitespace().map(member).collect())
}

/// Go's `&{["CMD-SHELL" "curl …"] "30s" "3s" "0s" '\x03'}` (first builder) or
/// `&{[CMD-SHELL curl …] 30s 3s 0s 0s 3}` (BuildKit): test, interval, timeout, start period, start
/// interval (not in older ones), retries.
fn healthcheck(text: &str) -> Option<String> {
    let inner = text.strip_prefix("&{")?.strip_suffix('}')?.trim();
    let close = inner.rfind(']')?;
    let (list, times) = (inner.get(..=close)?, inner.get(close + 1..)?);
    let (kind, test) = match strings(list) {
        Some(mut words) if !words.is_empty() => {
            let kind = words.remove(0);
            let test = match kind.as_str() {
                "CMD-SHELL" => words.join(" "),
                _ => json(&words),
            };
            (kind, test)
        }
        _ => {
            let inner = list.strip_prefix('[')?.strip_suffix(']')?;
            let (kind, test) = inner.split_once(' ').unwrap_or((inner, ""));
            (kind.to_owned(), test.to_owned())
        }
    };
    if kind == "NONE" {
        return Some(kind);
    }
    let times: Vec<&str> = times
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    let names: &[&str] = match times.len() {
        4 => &["interval", "timeout", "start-period", "retries"],
        5 => &[
            "interval",
            "timeout",
            "start-period",
            "start-interval",
            "retries",
        ],
        _ => return None,
    };
    let mut out = Vec::new();
    for (name, value) in names.iter().zip(times) {
        let value = match value.starts_with('\\') {
            true => number(value)?,
            false => value.to_owned(),
        };
        if !matches!(value.as_str(), "0" | "0s") {
            out.push(format!("--{name}={value}"));
        }
    }
    out.push(format!("CMD {test}"));
    Some(out.join(" "))
}

/// A number that the first builder may have written as a character, as Go quotes one.
fn number(value: &str) -> Option<String> {
    let code = match value.strip_prefix('\\')? {
        "a" => 7,
        "b" => 8,
        "t" => 9,
        "n" => 10,
        "v" => 11,
        "f" => 12,
        "r" => 13,
        hex => u8::from_str_radix(hex.strip_prefix('x')?, 16).ok()?,
    };
    Some(code.to_string())
}
