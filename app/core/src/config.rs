//! Image configurations (OCI image specification, config.md; Docker's are the same).

use serde_json::Value;

use crate::digest::Digest;
use crate::manifest::{Platform, Schema1};

/// Largest configuration read, in bytes: far above real ones, which rarely pass 100 KB.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// An image's configuration, as far as it is used; the page shows all of it as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// What it runs on.
    pub platform: Option<Platform>,
    /// `created`, RFC 3339 as it stands.
    pub created: Option<String>,
    /// `author`.
    pub author: Option<String>,
    /// `config`.
    pub run: RunConfig,
    /// `rootfs.diff_ids`: digests of the uncompressed layers, base first. One that cannot be
    /// read is none, so that the others keep their places.
    pub diff_ids: Vec<Option<Digest>>,
    /// `history`, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Each step has a layer, those that made none have an empty one: as in schema 1.
    pub one_each: bool,
}

/// `config`: how the image is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunConfig {
    /// `Env`, `NAME=value`.
    pub env: Vec<String>,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `WorkingDir`.
    pub working_dir: Option<String>,
    /// `User`.
    pub user: Option<String>,
    /// `Labels`.
    pub labels: Vec<(String, String)>,
    /// `ExposedPorts`, such as `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// `Volumes`.
    pub volumes: Vec<String>,
    /// `StopSignal`.
    pub stop_signal: Option<String>,
    /// `Healthcheck`.
    pub healthcheck: Option<Healthcheck>,
    /// `Shell`.
    pub shell: Vec<String>,
    /// `OnBuild`.
    pub on_build: Vec<String>,
}

/// `config.Healthcheck`, as docker has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `Test`: `NONE`, `CMD` and words, or `CMD-SHELL` and a command.
    pub test: Vec<String>,
    /// `Interval`, in nanoseconds.
    pub interval_ns: u64,
    /// `Timeout`, in nanoseconds.
    pub timeout_ns: u64,
    /// `StartPeriod`, in nanoseconds.
    pub start_period_ns: u64,
    /// `Retries`.
    pub retries: u64,
}

/// A step that made the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryEntry {
    /// `created`, RFC 3339 as it stands.
    pub created: Option<String>,
    /// `created_by`: the command.
    pub created_by: Option<String>,
    /// `comment`.
    pub comment: Option<String>,
    /// `author`.
    pub author: Option<String>,
    /// `empty_layer`: the step made no layer.
    pub empty_layer: bool,
}

/// Why bytes are no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More bytes than a configuration may have.
    #[error("a configuration has at most {MAX_CONFIG_BYTES} bytes, and this has {actual}")]
    TooLarge {
        /// Bytes there are.
        actual: u64,
    },
    /// Not a JSON object, or nested deeper than serde_json's bound of 128.
    #[error("not a JSON object: {detail}")]
    NotJson {
        /// What the parser says.
        detail: String,
    },
}

impl ImageConfig {
    /// Reads a configuration; what is missing or of a wrong type is left empty.
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig, ConfigError> {
        if bytes.len() as u64 > MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLarge {
                actual: bytes.len() as u64,
            });
        }
        let not_json = |detail: String| ConfigError::NotJson { detail };
        let value: Value = serde_json::from_slice(bytes).map_err(|e| not_json(e.to_string()))?;
        if !value.is_object() {
            return Err(not_json("it is another kind of value".into()));
        }
        let list = |v: &Value, key: &str| v.get(key).and_then(Value::as_array).cloned();
        let diff_ids = value.get("rootfs").and_then(|r| list(r, "diff_ids"));
        let diff_ids = diff_ids.unwrap_or_default();
        let history = list(&value, "history").unwrap_or_default();
        Ok(ImageConfig {
            platform: Platform::from_json(&value),
            created: text(&value, "created"),
            author: text(&value, "author"),
            run: value.get("config").map(run_config).unwrap_or_default(),
            diff_ids: diff_ids
                .iter()
                .map(|d| d.as_str().and_then(|d| d.parse().ok()))
                .collect(),
            history: history.iter().map(history_entry).collect(),
            one_each: false,
        })
    }

    /// The configuration that a schema 1 manifest has in pieces, a step in each; the last says how
    /// the image is run. What is no JSON is an empty step.
    pub fn from_schema1(manifest: &Schema1) -> ImageConfig {
        let steps = manifest.history.iter();
        let steps: Vec<Value> = steps
            .map(|text| serde_json::from_str(text).unwrap_or_default())
            .collect();
        let last = steps.last().unwrap_or(&Value::Null);
        ImageConfig {
            platform: Platform::from_json(last),
            created: text(last, "created"),
            author: text(last, "author"),
            run: last.get("config").map(run_config).unwrap_or_default(),
            diff_ids: Vec::new(),
            history: steps.iter().map(v1_entry).collect(),
            one_each: true,
        }
    }

    /// The value of an environment variable; the last one set counts.
    pub fn env(&self, name: &str) -> Option<&str> {
        let mut pairs = self.run.env.iter().rev().filter_map(|e| e.split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The history with, for each step that made one, the index of its layer (base is 0). When
    /// the steps that made layers are not as many as `layers`, nothing is matched: a guess would
    /// show the wrong command beside a layer.
    pub fn history_with_layers(&self, layers: usize) -> Vec<(&HistoryEntry, Option<usize>)> {
        let has_layer = |h: &&HistoryEntry| self.one_each || !h.empty_layer;
        let made = self.history.iter().filter(has_layer).count();
        let mut next = 0;
        self.history
            .iter()
            .map(|h| {
                if !has_layer(&h) || made != layers {
                    return (h, None);
                }
                next += 1;
                (h, Some(next - 1))
            })
            .collect()
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key).and_then(Value::as_str)?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    match value.get(key) {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Object(set)) => set.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn run_config(value: &Value) -> RunConfig {
    let labels = value.get("Labels").and_then(Value::as_object);
    RunConfig {
        env: texts(value, "Env"),
        entrypoint: texts(value, "Entrypoint"),
        cmd: texts(value, "Cmd"),
        working_dir: text(value, "WorkingDir"),
        user: text(value, "User"),
        labels: labels
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
            .collect(),
        exposed_ports: texts(value, "ExposedPorts"),
        volumes: texts(value, "Volumes"),
        stop_signal: text(value, "StopSignal"),
        healthcheck: value.get("Healthcheck").and_then(healthcheck),
        shell: texts(value, "Shell"),
        on_build: texts(value, "OnBuild"),
    }
}

fn healthcheck(value: &Value) -> Option<Healthcheck> {
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    let test = texts(value, "Test");
    (!test.is_empty()).then(|| Healthcheck {
        test,
        interval_ns: number("Interval"),
        timeout_ns: number("Timeout"),
        start_period_ns: number("StartPeriod"),
        retries: number("Retries"),
    })
}

/// A `v1Compatibility`: the command is that of the container in which the step ran.
fn v1_entry(value: &Value) -> HistoryEntry {
    let container = value.get("container_config");
    let command = container.map_or(Vec::new(), |c| texts(c, "Cmd"));
    HistoryEntry {
        created: text(value, "created"),
        created_by: Some(command.join(" ")).filter(|c| !c.is_empty()),
        comment: text(value, "comment"),
        author: text(value, "author"),
        empty_layer: value.get("throwaway") == Some(&Value::Bool(true)),
    }
}

fn history_entry(value: &Value) -> HistoryEntry {
    HistoryEntry {
        created: text(value, "created"),
        created_by: text(value, "created_by"),
        comment: text(value, "comment"),
        author: text(value, "author"),
        empty_layer: value.get("empty_layer") == Some(&Value::Bool(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn sample() -> ImageConfig {
        let json = format!(
            r#"{{"os":"linux","architecture":"amd64","created":"2024-01-02T03:04:05Z",
            "config":{{"Env":["PATH=/bin","A=1","A=2","noequals"],"Cmd":["sh"],"Entrypoint":null,
              "Labels":{{"z":"1","a":"2","bad":3}},"ExposedPorts":{{"80/tcp":{{}}}},"WorkingDir":""}},
            "rootfs":{{"type":"layers","diff_ids":["{DIFF}","sha256:bad"]}},
            "history":[{{"created_by":"ADD"}},{{"created_by":"ENV","empty_layer":true}},{{"created_by":"RUN"}}]}}"#
        );
        ImageConfig::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn reads_what_is_there() {
        let c = sample();
        assert_eq!(c.platform.as_ref().unwrap().to_string(), "linux/amd64");
        assert_eq!(
            (c.env("A"), c.env("PATH"), c.env("B")),
            (Some("2"), Some("/bin"), None)
        );
        assert_eq!(c.diff_ids, [Some(DIFF.parse().unwrap()), None]);
        assert_eq!(c.run.exposed_ports, ["80/tcp"]);
        assert_eq!(c.run.working_dir, None);
        assert_eq!(c.run.labels.len(), 2);
    }

    #[test]
    fn ties_history_to_layers() {
        let c = sample();
        let places: Vec<_> = c.history_with_layers(2).iter().map(|(_, l)| *l).collect();
        assert_eq!(places, [Some(0), None, Some(1)]);
        assert!(c.history_with_layers(3).iter().all(|(_, l)| l.is_none()));
    }

    #[test]
    fn bad_bytes() {
        assert!(ImageConfig::parse(b"<html>").is_err());
        assert!(ImageConfig::parse(b"[1]").is_err());
        assert!(ImageConfig::parse("[".repeat(9999).as_bytes()).is_err());
        assert!(ImageConfig::parse(&vec![b' '; MAX_CONFIG_BYTES as usize + 1]).is_err());
        assert_eq!(ImageConfig::parse(b"{}").unwrap(), ImageConfig::default());
        let odd = br#"{"config":3,"history":{},"rootfs":[],"os":4}"#;
        assert_eq!(ImageConfig::parse(odd).unwrap(), ImageConfig::default());
    }
}
