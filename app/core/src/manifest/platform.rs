//! Platforms: what an image runs on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// An operating system and a processor, as an image index names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `os`, such as `linux`.
    pub os: String,
    /// `architecture`, such as `arm64`.
    pub architecture: String,
    /// `variant`, such as `v8`.
    pub variant: Option<String>,
    /// `os.version`; Windows images have one.
    pub os_version: Option<String>,
}

impl Platform {
    /// A platform without variant and version.
    pub fn new(os: &str, architecture: &str) -> Platform {
        Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: None,
            os_version: None,
        }
    }

    /// Reads a `platform` object; none if it names neither system nor processor.
    pub fn from_json(value: &Value) -> Option<Platform> {
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str)?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let (os, architecture) = (text("os"), text("architecture"));
        (os.is_some() || architecture.is_some()).then(|| Platform {
            os: os.unwrap_or_else(|| "unknown".into()),
            architecture: architecture.unwrap_or_else(|| "unknown".into()),
            variant: text("variant"),
            os_version: text("os.version"),
        })
    }

    /// Whether this is what was wanted: what the wish leaves open may be anything, and `arm64`
    /// is `arm64/v8`.
    pub fn satisfies(&self, wanted: &Platform) -> bool {
        let variant = |p: &Platform| match (&*p.architecture, &p.variant) {
            ("arm64", None) => Some("v8".to_owned()),
            (_, v) => v.clone(),
        };
        let version = wanted.os_version.is_none() || self.os_version == wanted.os_version;
        let same = wanted.variant.is_none() || variant(self) == variant(wanted);
        self.os == wanted.os && self.architecture == wanted.architecture && same && version
    }
}

/// `linux/arm64/v8`, `windows/amd64:10.0.20348.2461`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, ":{version}")?;
        }
        Ok(())
    }
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a platform is written os/architecture[/variant], such as linux/arm64/v8")]
pub struct PlatformError;

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Platform, PlatformError> {
        let (name, version) = match text.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let parts: Vec<&str> = name.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(*variant)),
            _ => return Err(PlatformError),
        };
        let all = [*os, *architecture]
            .into_iter()
            .chain(variant)
            .chain(version);
        if all
            .into_iter()
            .any(|p| p.is_empty() || p.len() > MAX_PART_LEN)
        {
            return Err(PlatformError);
        }
        Ok(Platform {
            variant: variant.map(str::to_owned),
            os_version: version.map(str::to_owned),
            ..Platform::new(os, architecture)
        })
    }
}

/// Longest part of a platform in bytes: real ones have under 20.
const MAX_PART_LEN: usize = 64;

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Platform, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ok: bool) {
        match text.parse::<Platform>() {
            Ok(p) => assert!(ok && p.to_string() == text, "{text}: {p:?}"),
            Err(_) => assert!(!ok, "{text}"),
        }
    }

    #[test]
    fn parses() {
        check("linux/amd64", true);
        check("linux/arm/v7", true);
        check("windows/amd64:10.0.20348.2461", true);
        check("", false);
        check("linux", false);
        check("linux/", false);
        check("linux/arm/", false);
        check("linux/arm/v7/x", false);
        check("windows/amd64:", false);
        check(&format!("linux/{}", "a".repeat(65)), false);
    }

    #[track_caller]
    fn check_fits(have: &str, want: &str, fits: bool) {
        let parse = |t: &str| t.parse::<Platform>().unwrap();
        assert_eq!(
            parse(have).satisfies(&parse(want)),
            fits,
            "{have} for {want}"
        );
    }

    #[test]
    fn fits() {
        check_fits("linux/arm64/v8", "linux/arm64", true);
        check_fits("linux/arm64", "linux/arm64/v8", true);
        check_fits("linux/arm/v6", "linux/arm/v7", false);
        check_fits("linux/arm/v7", "linux/arm", true);
        check_fits("linux/amd64", "linux/amd64/v3", false);
        check_fits("windows/amd64:1", "windows/amd64", true);
        check_fits("windows/amd64:1", "windows/amd64:2", false);
        check_fits("linux/amd64", "windows/amd64", false);
    }
}
