//! Query parameters: each by name, at most once, bounded.

use std::str::FromStr;

use url::form_urlencoded;

use crate::error::ProxyError;
use crate::limits::MAX_QUERY_BYTES;
use crate::target::shown;

/// Entries of a page that may be asked for.
const MAX_PAGE: u32 = 10_000;

/// The decoded query of one request.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Decodes a raw query.
    ///
    /// # Errors
    /// It is too long.
    pub fn from_query(query: Option<&str>) -> Result<Self, ProxyError> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            return Err(ProxyError::TargetInvalid(format!(
                "The query is longer than {MAX_QUERY_BYTES} bytes."
            )));
        }
        Ok(Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        ))
    }

    /// A parameter that may be absent.
    ///
    /// # Errors
    /// It is there twice: which of them another reader takes is anybody's guess.
    pub fn get(&self, name: &str) -> Result<Option<&str>, ProxyError> {
        let mut all = self.0.iter().filter(|(key, _)| key == name);
        let value = all.next().map(|(_, value)| value.as_str());
        match all.next() {
            None => Ok(value),
            Some(_) => Err(ProxyError::TargetInvalid(format!(
                "{name}= is there more than once."
            ))),
        }
    }

    /// A parameter that must be there, in its own grammar.
    ///
    /// # Errors
    /// It is missing, there twice, or does not parse.
    pub fn parsed<T: FromStr<Err = ProxyError>>(&self, name: &str) -> Result<T, ProxyError> {
        let value = self.get(name)?;
        value
            .ok_or_else(|| ProxyError::TargetInvalid(format!("{name}= is missing.")))?
            .parse()
    }

    /// The page length `n`, if given.
    ///
    /// # Errors
    /// It is no number from 1 to 10,000.
    pub fn page_len(&self) -> Result<Option<u32>, ProxyError> {
        let Some(text) = self.get("n")? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(n @ 1..=MAX_PAGE) => Ok(Some(n)),
            _ => Err(ProxyError::TargetInvalid(format!(
                "n={} is not a number from 1 to {MAX_PAGE}.",
                shown(text)
            ))),
        }
    }
}
