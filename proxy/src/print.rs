//! `--print-config`: what the flags, the environment and the file come to, as a file that would
//! say the same.

use toml::{Table, Value};

use crate::config::{Assets, Config};
use crate::provider::Provider;

impl Config {
    /// The configuration as TOML, without client secrets: a remark stands where one was given.
    pub fn to_toml(&self) -> String {
        let mut table = Table::new();
        let mut put = |name: &str, value: Value| {
            table.insert(name.to_owned(), value);
        };
        fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> Value {
            let texts = items
                .into_iter()
                .map(|item| Value::String(item.to_string()));
            Value::Array(texts.collect())
        }
        let policy = &self.policy;
        put("listen", Value::String(self.listen.to_string()));
        if let Some(at) = self.metrics_listen {
            put("metrics-listen", Value::String(at.to_string()));
        }
        put("registry", list(&policy.registries));
        put("any-registry", Value::Boolean(policy.any));
        put("allow-private", list(&policy.allow_private));
        put("plain-http", list(&policy.plain_http));
        let realms = policy.realms.iter();
        put("realm", list(realms.map(|(of, at)| format!("{of}={at}"))));
        put("origin", list(&self.origins));
        put("embed-origin", list(&self.embed_origins));
        put("forwarder", list(&self.forwarders.0));
        if let Some(path) = &self.ca_file {
            put("ca-file", Value::String(path.display().to_string()));
        }
        if let Some(source) = &self.index_source {
            put("index-source", Value::String(source.url.clone()));
        }
        if let Some(most) = self.max_blob_bytes {
            put(
                "max-blob-bytes",
                Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)),
            );
        }
        if let Assets::Dir(dir) = &self.assets {
            put("assets", Value::String(dir.display().to_string()));
        }
        put("no-assets", Value::Boolean(self.assets == Assets::None));
        put("no-sample", Value::Boolean(!self.sample));
        // Numbers alone: always a table.
        if let Ok(limits) = Value::try_from(&self.limits) {
            put("limits", limits);
        }
        if !self.providers.is_empty() {
            let all = self.providers.iter().map(Provider::to_toml);
            table.insert("provider".into(), Value::Array(all.collect()));
        }
        let mut text = table.to_string();
        for provider in &self.providers {
            if provider.client_secret.is_some() && provider.client_secret_file.is_none() {
                let id = &provider.id;
                text.push_str(&format!("# The client secret of {id} is not printed.\n"));
            }
        }
        text
    }
}
