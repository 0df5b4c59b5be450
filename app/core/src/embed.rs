//! What a page and its frame say to each other when Layerscope is embedded by an iframe: messages,
//! the handshake, and who may speak.
//!
//! Every message is an object with `version` and `type`. A host begins with `hello`; from the parent
//! window and from an origin that is allowed it is answered `welcome`, and that origin, exactly, is
//! who is heard and told from then on. Any other origin gets [`DENIED`], once for each `hello`, and
//! nothing else. docs/embedding.md describes it for hosts.

use serde::Serialize;

use crate::reference::Registry;
use crate::reference::typed::Typed;
use crate::route::Route;
use crate::view::problem::Problem;

#[cfg(test)]
mod tests;

/// The version spoken here. A host that says another one is told this one.
pub const VERSION: u32 = 1;
/// Bytes of any text in a message; the longest route has half of it.
pub const MAX_TEXT: usize = 64 << 10;
/// What an origin that is not allowed is told.
pub const DENIED: &str = r#"{"version":1,"denied":true}"#;
/// Texts of a message that are looked at.
pub const FIELDS: [&str; 9] = [
    "type",
    "id",
    "reference",
    "route",
    "name",
    "registry",
    "username",
    "password",
    "token",
];

/// A message's texts, by their names in [`FIELDS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// Takes a text; false if it is longer than [`MAX_TEXT`] or nobody asked for one of that name.
    pub fn put(&mut self, name: &str, value: String) -> bool {
        let known = FIELDS.iter().find(|known| **known == name);
        match known {
            Some(name) if value.len() <= MAX_TEXT => {
                self.0.push((*name, value));
                true
            }
            _ => false,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A message as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// `event.origin`.
    pub origin: String,
    /// It came from the window that this one is framed by.
    pub from_parent: bool,
    /// `version`, if it is a number.
    pub version: Option<u32>,
    /// Its texts; none if one was too long.
    pub fields: Option<Fields>,
    /// Bytes or a file were with it.
    pub has_content: bool,
}

/// What a host wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Go there.
    Open(Box<Route>),
    /// Look into the content that came with the message, under this name.
    Content {
        /// A file's name.
        name: String,
    },
    /// Use this at a registry for as long as the page lives, and keep it nowhere.
    Credential {
        /// Where.
        registry: Registry,
        /// As whom; none for an identity token.
        username: Option<String>,
        /// The password or token.
        secret: String,
    },
}

/// What is to be done about a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing: it is none of ours.
    Ignore,
    /// Say [`DENIED`] to this origin.
    Deny(String),
    /// The handshake is made: say so.
    Welcome,
    /// Do it, and answer under its id.
    Do(Option<String>, Wish),
    /// It makes no sense: answer so under its id.
    Refuse(Option<String>, Problem),
}

/// One page's dealings with its host.
#[derive(Debug, Default)]
pub struct Embed {
    allowed: Vec<String>,
    host: Option<String>,
}

impl Embed {
    /// With these origins allowed, exactly as browsers write them: the app's own, and those of the
    /// configuration.
    pub fn new(allowed: Vec<String>) -> Embed {
        Embed {
            allowed,
            host: None,
        }
    }

    /// The origin that is told what happens, once the handshake is made.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Takes a message.
    pub fn hear(&mut self, heard: Heard) -> Reaction {
        if !heard.from_parent || heard.version.is_none() {
            return Reaction::Ignore;
        }
        let kind = heard.fields.as_ref().and_then(|f| f.get("type"));
        let hello = kind == Some("hello");
        // An opaque origin is everybody's.
        let allowed = heard.origin != "null" && self.allowed.contains(&heard.origin);
        match (hello, allowed) {
            (true, true) => {
                self.host = Some(heard.origin);
                return Reaction::Welcome;
            }
            (true, false) => return Reaction::Deny(heard.origin),
            _ => {}
        }
        if self.host.as_ref() != Some(&heard.origin) {
            return Reaction::Ignore;
        }
        let Some(fields) = heard.fields else {
            let cause = format!("a text in it is longer than {MAX_TEXT} bytes");
            return Reaction::Refuse(None, refused(&cause));
        };
        let id = fields.get("id").map(str::to_owned);
        match wish(&fields, heard.has_content) {
            Ok(wish) => Reaction::Do(id, wish),
            Err(cause) => Reaction::Refuse(id, refused(&cause)),
        }
    }
}

fn refused(cause: &str) -> Problem {
    Problem::new(
        "EMBED_MESSAGE",
        "The page around this one sent a message that makes no sense",
        cause,
        "docs/embedding.md says what can be sent.",
    )
}

fn wish(fields: &Fields, has_content: bool) -> Result<Wish, String> {
    match fields.get("type").unwrap_or_default() {
        "open" => match (fields.get("reference"), fields.get("route")) {
            (Some(reference), _) => match Typed::parse(reference) {
                Ok(Typed::Image(reference)) => Ok(Wish::Open(Box::new(Route::image(reference)))),
                Ok(Typed::Registry(registry)) => Ok(Wish::Open(Box::new(Route::Repo {
                    registry,
                    repository: None,
                }))),
                Err(error) => Err(error.to_string()),
            },
            (None, Some(route)) => match Route::parse(route) {
                Route::Invalid { why, .. } => Err(why),
                // There is nothing to enter there in a frame.
                Route::Settings => Err("the settings are not shown in a frame".to_owned()),
                route => Ok(Wish::Open(Box::new(route))),
            },
            (None, None) => Err("it has neither reference nor route".to_owned()),
        },
        "content" if has_content => Ok(Wish::Content {
            name: fields.get("name").unwrap_or("file").to_owned(),
        }),
        "content" => Err("it has neither bytes nor a file".to_owned()),
        "credential" => {
            let registry = fields.get("registry").unwrap_or_default();
            let registry = Registry::parse(registry).map_err(|e| e.to_string())?;
            let username = fields.get("username").map(str::to_owned);
            let (secret, username) = match (fields.get("token"), username) {
                (Some(token), _) => (Some(token), None),
                (None, Some(username)) => (fields.get("password"), Some(username)),
                (None, None) => (None, None),
            };
            let secret = secret.ok_or("it has neither username and password nor a token")?;
            Ok(Wish::Credential {
                registry,
                username,
                secret: secret.to_owned(),
            })
        }
        other => Err(format!(
            "there is no message of type {:?}",
            crate::path::visible(other.as_bytes())
        )),
    }
}

/// What a host is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Told {
    /// The handshake is made.
    Welcome {
        /// This program's build.
        build: String,
    },
    /// Another place is shown, and its content is there.
    Navigated {
        /// The fragment, with `#`.
        route: String,
        /// The page's title.
        title: String,
    },
    /// What is looked at: an image, or a place in a layer. A host can tag it.
    Selected(Selection),
    /// A file is open.
    File(Selection),
    /// Something went wrong.
    Error {
        /// Where.
        route: String,
        /// What.
        problem: Problem,
    },
    /// The height that the page would like to have, in CSS pixels.
    Height {
        /// That.
        px: u32,
    },
    /// A message was acted on.
    Done {
        /// Its id.
        id: String,
    },
    /// A message was not acted on.
    Failed {
        /// Its id, if it had one.
        id: Option<String>,
        /// Why.
        problem: Problem,
    },
}

/// Something that can be pointed at from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// `image`, `directory`, `file`, `link` or `blob`.
    pub kind: String,
    /// The whole name of its repository, with the registry.
    pub repository: String,
    /// The digest of the manifest, layer or blob.
    pub digest: String,
    /// The path in the layer, percent-encoded as in routes; empty for the others.
    pub path: String,
    /// The file's size in bytes, where that is known.
    pub size: Option<u64>,
    /// The fragment that leads there, with `#`.
    pub route: String,
}

impl Told {
    /// The message, as JSON.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Message<'a> {
            version: u32,
            #[serde(flatten)]
            told: &'a Told,
        }
        let message = Message {
            version: VERSION,
            told: self,
        };
        // Fails for maps with keys that are no texts alone, and there are none.
        serde_json::to_string(&message).unwrap_or_default()
    }
}

/// What the real query says of a frame: `?embed=1&theme=dark&density=compact`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Without header and footer.
    pub embed: bool,
    /// `theme=light`, `dark` or `system`.
    pub theme: Option<String>,
    /// `density=compact`.
    pub compact: bool,
}

impl Look {
    /// Reads a query without its `?`; what makes no sense is passed over.
    pub fn parse(query: &str) -> Look {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|p| p.split_once('='));
            pairs.find(|(n, _)| *n == name).map(|(_, v)| v)
        };
        let theme = value("theme").filter(|t| ["light", "dark", "system"].contains(t));
        Look {
            embed: value("embed") == Some("1"),
            theme: theme.map(str::to_owned),
            compact: value("density") == Some("compact"),
        }
    }
}
