//! Sign-ins in words: what came of them, and what went wrong.

use super::human;
use super::problem::Problem;
use crate::registry::RegistryError;
use crate::registry::docker_config::SignIns;
use crate::registry::login::LoginError;

const AGAIN: &str = "Try the sign-in again. Nothing was kept of this one.";

impl From<&LoginError> for Problem {
    fn from(error: &LoginError) -> Problem {
        let cause = error.to_string();
        match error {
            LoginError::Refused { .. } => Problem::new(
                "LOGIN_REFUSED",
                "You are not signed in",
                cause,
                "If that was not what you wanted, sign in again and allow it.",
            ),
            LoginError::Stranger(name) => Problem::new(
                "LOGIN_STRANGER",
                "The sign-in was not finished",
                format!(
                    "Somebody answered, but not {name}: the answer names another issuer, or none"
                ),
                "Nothing was sent to anybody. Try again; if it stays so, tell those who run this proxy.",
            ),
            LoginError::OtherProxy(_) => Problem::new(
                "LOGIN_STRANGER",
                "The sign-in was not finished",
                cause,
                "Nothing was sent to anybody. Sign in again on the page that you want to use.",
            ),
            LoginError::IdToken { .. } | LoginError::BadAnswer(_) | LoginError::TooOld => {
                Problem::new("LOGIN_FAILED", "The sign-in was not finished", cause, AGAIN)
            }
        }
    }
}

/// The proxy or the provider did not do their part of a sign-in.
pub fn failed(name: &str, error: &RegistryError) -> Problem {
    let title = format!("The sign-in at {name} did not work");
    let cause = match error {
        RegistryError::Proxy { message, .. } if !message.is_empty() => message.clone(),
        RegistryError::Unauthorized {
            message: Some(words),
            ..
        } => words.clone(),
        _ => Problem::from(error).cause,
    };
    let remedy = match error {
        RegistryError::Unauthorized { .. } => AGAIN,
        _ => "Try again in a while; if it stays so, tell those who run this proxy.",
    };
    Problem::new("LOGIN_FAILED", &title, cause, remedy)
}

/// The browser does not let one begin.
pub fn not_started(name: &str, why: &str) -> Problem {
    Problem::new(
        "LOGIN_FAILED",
        &format!("The sign-in at {name} could not begin"),
        why,
        "A sign-in needs this site to be allowed to store data while the tab is open.",
    )
}

/// The browser keeps nothing.
pub fn not_remembered() -> Problem {
    Problem::new(
        "NOT_REMEMBERED",
        "The sign-in is not remembered",
        "This browser stores nothing for this page, so it is kept until the tab is closed or loaded anew",
        "Allow this site to store data if you want it remembered.",
    )
}

/// One is signed out here, but the provider goes on.
pub fn not_revoked(name: &str, error: &RegistryError) -> Problem {
    Problem::new(
        "NOT_REVOKED",
        &format!("{name} was not told that you signed out"),
        failed(name, error).cause,
        "Nothing of the sign-in is left here. To end it there as well, look for applications with access in your account.",
    )
}

/// What was taken out of docker's file.
pub fn imported(file: &SignIns) -> String {
    let taken = human::plural(file.found.len() as u64, "registry", "registries");
    let mut text = match file.left_out as u64 {
        0 => format!("Signed in to {taken}."),
        n => format!(
            "Signed in to {taken}; {} without a password in the file left out.",
            human::plural(n, "entry", "entries")
        ),
    };
    if !file.helpers.is_empty() {
        text.push_str(&format!(
            " Passwords that docker keeps by a program of this machine ({}) are not in the file, and a page cannot ask for them.",
            file.helpers.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::client::Credentials;
    use crate::registry::error::{Attempt, Wanted};

    fn attempt() -> Attempt {
        Attempt {
            registry: "r.io".into(),
            what: "a sign-in".into(),
            wanted: Wanted::Content,
            direct: false,
        }
    }

    #[test]
    fn the_cause_is_the_proxy_s_word() {
        let down = RegistryError::Proxy {
            attempt: attempt(),
            code: "CONNECT_FAILED".into(),
            message: "Nobody is there.".into(),
            retry_after: None,
        };
        let problem = failed("The House", &down);
        assert_eq!(problem.code, "LOGIN_FAILED");
        assert_eq!(problem.title, "The sign-in at The House did not work");
        assert_eq!(problem.cause, "Nobody is there.");
        let used = RegistryError::Unauthorized {
            attempt: attempt(),
            schemes: Vec::new(),
            with_credentials: false,
            message: Some("It was used before.".into()),
        };
        let problem = failed("The House", &used);
        assert_eq!(
            (&*problem.cause, &*problem.remedy),
            ("It was used before.", AGAIN)
        );
    }

    #[test]
    fn every_end_has_words() {
        let refused = LoginError::Refused {
            name: "The House".into(),
            error: "access_denied".into(),
            words: String::new(),
        };
        let cases = [
            (
                refused,
                "LOGIN_REFUSED",
                "The House refused (access_denied).",
            ),
            (
                LoginError::OtherProxy("The House".into()),
                "LOGIN_STRANGER",
                "The sign-in at The House began by way of another proxy.",
            ),
            (
                LoginError::TooOld,
                "LOGIN_FAILED",
                "The sign-in was begun more than an hour ago.",
            ),
            (
                LoginError::Stranger("A".into()),
                "LOGIN_STRANGER",
                "Somebody answered, but not A: the answer names another issuer, or none.",
            ),
        ];
        for (error, code, cause) in cases {
            let problem = Problem::from(&error);
            assert_eq!((&*problem.code, &*problem.cause), (code, cause));
            assert!(!problem.remedy.is_empty());
        }
    }

    #[test]
    fn what_was_imported() {
        let registry = crate::reference::Registry::parse("r.io").unwrap();
        let mut file = SignIns {
            found: vec![(registry, Credentials::default())],
            ..SignIns::default()
        };
        assert_eq!(imported(&file), "Signed in to 1 registry.");
        file.left_out = 2;
        file.helpers = vec!["desktop".into(), "gcloud".into()];
        assert_eq!(
            imported(&file),
            "Signed in to 1 registry; 2 entries without a password in the file left out. Passwords that docker keeps by a program of this machine (desktop, gcloud) are not in the file, and a page cannot ask for them."
        );
    }
}
