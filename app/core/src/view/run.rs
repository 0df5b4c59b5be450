//! How an image is run, in facts; what names a place in its file system leads there.

use crate::config::{Healthcheck, ImageConfig};
use crate::path::{EntryPath, visible};
use crate::view::{command, human};

/// Nanoseconds in a second.
const NS: u64 = 1_000_000_000;

/// A place in the root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory, or a file.
    Path(EntryPath),
    /// What is found by this search: a filter by the directories of a list such as `PATH`.
    Search(String),
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Where it leads.
    pub to: Option<Place>,
}

impl Fact {
    fn new(name: &str, value: impl Into<String>) -> Fact {
        Fact {
            name: name.to_owned(),
            value: value.into(),
            to: None,
        }
    }
}

/// The facts of a configuration, those that say nothing left out.
pub fn facts(image: &ImageConfig) -> Vec<Fact> {
    let run = &image.run;
    let words = |list: &[String]| {
        let quoted: Vec<String> = list.iter().map(|w| command::quote(w.as_bytes())).collect();
        quoted.join(" ")
    };
    let shown = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        visible(text.as_bytes())
    };
    let created = image
        .created
        .as_deref()
        .map(|t| match human::parse_time(t) {
            Some(seconds) => human::time_exact(seconds),
            None => visible(t.as_bytes()),
        });
    let platform = image.platform.as_ref().map(ToString::to_string);
    let mut facts = vec![
        Fact::new("Platform", visible(platform.unwrap_or_default().as_bytes())),
        Fact::new("Created", created.unwrap_or_default()),
        Fact::new("Author", shown(&image.author)),
        Fact::new("Entrypoint", words(&run.entrypoint)),
        Fact::new("Command", words(&run.cmd)),
        Fact::new("Shell", words(&run.shell)),
        Fact::new("User", shown(&run.user)),
        Fact {
            to: directory(image, run.working_dir.as_deref().unwrap_or_default()),
            ..Fact::new("Directory", shown(&run.working_dir))
        },
        Fact::new("Ports", words(&run.exposed_ports)),
        Fact::new("Stop signal", shown(&run.stop_signal)),
        Fact::new(
            "Health check",
            run.healthcheck
                .as_ref()
                .map(healthcheck)
                .unwrap_or_default(),
        ),
    ];
    facts.extend(run.volumes.iter().map(|path| Fact {
        to: directory(image, path),
        ..Fact::new("Volume", visible(path.as_bytes()))
    }));
    let on_build = run.on_build.iter();
    facts.extend(on_build.map(|line| Fact::new("On build", visible(line.as_bytes()))));
    facts.retain(|fact| !fact.value.is_empty());
    facts
}

/// The environment: a variable's name and value, and where it leads.
pub fn environment(image: &ImageConfig) -> Vec<Fact> {
    let variable = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Fact {
            to: variable_place(image, name, value),
            ..Fact::new(&visible(name.as_bytes()), visible(value.as_bytes()))
        }
    };
    image.run.env.iter().map(variable).collect()
}

/// The labels.
pub fn labels(image: &ImageConfig) -> Vec<Fact> {
    let label = |(name, value): &(String, String)| {
        Fact::new(&visible(name.as_bytes()), visible(value.as_bytes()))
    };
    image.run.labels.iter().map(label).collect()
}

/// Paths of Windows are not those of its layers, where all is below `Files`.
fn is_windows(image: &ImageConfig) -> bool {
    image.platform.as_ref().is_some_and(|p| p.os == "windows")
}

/// An absolute path below the root.
fn directory(image: &ImageConfig, path: &str) -> Option<Place> {
    let below = path.strip_prefix('/').filter(|_| !is_windows(image))?;
    let below = below.trim_matches('/');
    (!below.is_empty()).then(|| Place::Path(EntryPath::new(below)))
}

/// A variable that is an absolute path leads there; one that is a list of such, as `PATH` is, to
/// what is in all of them.
fn variable_place(image: &ImageConfig, name: &str, value: &str) -> Option<Place> {
    let parts: Vec<&str> = value.split(':').filter(|part| !part.is_empty()).collect();
    let absolute = |part: &&str| part.starts_with('/') && !part.starts_with("//");
    if is_windows(image) || parts.is_empty() || !parts.iter().all(absolute) {
        return None;
    }
    if parts.len() == 1 && !name.ends_with("PATH") {
        return directory(image, value);
    }
    // A word of a search ends with a blank.
    let dirs: Vec<&str> = parts.into_iter().filter(|p| !p.contains(' ')).collect();
    (!dirs.is_empty()).then(|| Place::Search(format!("path:{}", dirs.join(":"))))
}

/// As the options of a Dockerfile's instruction.
fn healthcheck(check: &Healthcheck) -> String {
    let (kind, rest) = check
        .test
        .split_first()
        .map_or(("", &[][..]), |(k, r)| (k.as_str(), r));
    let test = match kind {
        "NONE" => return "none, that of the base image included".to_owned(),
        "CMD-SHELL" => visible(rest.join(" ").as_bytes()),
        "CMD" => {
            let words: Vec<String> = rest.iter().map(|w| command::quote(w.as_bytes())).collect();
            words.join(" ")
        }
        _ => visible(check.test.join(" ").as_bytes()),
    };
    let time = |words: &str, ns: u64| {
        let long = match ns.is_multiple_of(NS) {
            true => human::duration_s(ns / NS),
            false => human::duration_ms(ns as f64 / 1e6),
        };
        (ns > 0).then(|| format!("{words} {long}"))
    };
    let retries = (check.retries > 0).then(|| human::plural(check.retries, "retry", "retries"));
    let times = [
        time("every", check.interval_ns),
        time("within", check.timeout_ns),
        time("after", check.start_period_ns),
        retries,
    ];
    let times: Vec<String> = times.into_iter().flatten().collect();
    match times.is_empty() {
        true => test,
        false => format!("{test} ({})", times.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(config: &str) -> ImageConfig {
        ImageConfig::parse(
            format!(r#"{{"os":"linux","architecture":"amd64",{config}}}"#).as_bytes(),
        )
        .unwrap()
    }

    fn told(facts: &[Fact]) -> Vec<(&str, &str)> {
        facts
            .iter()
            .map(|f| (f.name.as_str(), f.value.as_str()))
            .collect()
    }

    #[test]
    fn what_there_is_to_say() {
        let image = image(
            r#""created":"2024-01-02T03:04:05Z","author":"somebody","config":{
            "User":"postgres","Entrypoint":["docker-entrypoint.sh"],"Cmd":["postgres","-c","a b"],
            "ExposedPorts":{"5432/tcp":{}},"Volumes":{"/var/lib/postgresql/data":{}},
            "WorkingDir":"/srv/","StopSignal":"SIGINT","OnBuild":["COPY . /app"],
            "Shell":["/bin/bash","-c"],
            "Healthcheck":{"Test":["CMD-SHELL","pg_isready || exit 1"],"Interval":30000000000,"Retries":3}}"#,
        );
        let facts = facts(&image);
        assert_eq!(
            told(&facts),
            [
                ("Platform", "linux/amd64"),
                ("Created", "2024-01-02T03:04:05Z"),
                ("Author", "somebody"),
                ("Entrypoint", "docker-entrypoint.sh"),
                ("Command", "postgres -c 'a b'"),
                ("Shell", "/bin/bash -c"),
                ("User", "postgres"),
                ("Directory", "/srv/"),
                ("Ports", "5432/tcp"),
                ("Stop signal", "SIGINT"),
                (
                    "Health check",
                    "pg_isready || exit 1 (every 30 s, 3 retries)"
                ),
                ("Volume", "/var/lib/postgresql/data"),
                ("On build", "COPY . /app"),
            ]
        );
        let to = |name: &str| {
            facts
                .iter()
                .find(|f| f.name == name)
                .and_then(|f| f.to.clone())
        };
        let path = |path: &str| Some(Place::Path(EntryPath::new(path)));
        assert_eq!(to("Directory"), path("srv"));
        assert_eq!(to("Volume"), path("var/lib/postgresql/data"));
        assert_eq!(told(&super::facts(&ImageConfig::default())), []);
    }

    #[test]
    fn health_checks() {
        let check = |test: &[&str]| {
            healthcheck(&Healthcheck {
                test: test.iter().map(|s| (*s).to_owned()).collect(),
                ..Healthcheck::default()
            })
        };
        assert_eq!(check(&["NONE"]), "none, that of the base image included");
        assert_eq!(check(&["CMD", "/check", "a b"]), "/check 'a b'");
        assert_eq!(check(&["odd", "x"]), "odd x");
    }

    #[track_caller]
    fn check(variable: &str, expect: Option<Place>) {
        let json = serde_json::Value::from(vec![variable]);
        let image = image(&format!(r#""config":{{"Env":{json}}}"#));
        let list = environment(&image);
        assert_eq!(list[0].to, expect, "{variable}");
    }

    #[test]
    fn variables_lead_to_places() {
        let path = |path: &str| Some(Place::Path(EntryPath::new(path)));
        let search = |text: &str| Some(Place::Search(text.to_owned()));
        check(
            "PATH=/usr/local/bin:/usr/bin:/bin",
            search("path:/usr/local/bin:/usr/bin:/bin"),
        );
        check("PATH=/bin", search("path:/bin"));
        check("PATH=/a b:/bin:", search("path:/bin"));
        check("MANPATH=:/usr/share/man", search("path:/usr/share/man"));
        check(
            "LD_LIBRARY_PATH=/opt/lib:/lib",
            search("path:/opt/lib:/lib"),
        );
        check(
            "XDG_DATA_DIRS=/usr/share:/usr/local/share",
            search("path:/usr/share:/usr/local/share"),
        );
        check("JAVA_HOME=/opt/java/openjdk", path("opt/java/openjdk"));
        check("HOME=/", None);
        check("LANG=C.UTF-8", None);
        check("PATH=bin:/bin", None);
        check("URL=http://example.com:80/x", None);
        check("EMPTY=", None);
        check("noequals", None);
        let windows = ImageConfig::parse(
            br#"{"os":"windows","architecture":"amd64","config":{"Env":["PATH=/a"],"WorkingDir":"/x"}}"#,
        );
        let windows = windows.unwrap();
        assert_eq!(environment(&windows)[0].to, None);
        assert!(facts(&windows).iter().all(|f| f.to.is_none()));
    }
}
