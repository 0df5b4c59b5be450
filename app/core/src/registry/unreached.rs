//! Why a page got no answer from another origin, from what a browser can know: it tells a script
//! nothing of the cause, but further questions can be asked whose outcomes differ.

/// What the questions came to. A question that was not asked is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The browser says that it has no connection at all.
    pub offline: bool,
    /// The page's own content security policy refused a request to that origin.
    pub policy: bool,
    /// A page loaded by https asked by http.
    pub mixed: bool,
    /// The user or the browser forbids this page the local network.
    pub local_denied: bool,
    /// The request had headers of which the browser asks first (a preflight).
    pub preflighted: bool,
    /// An answer that the page may not read (`no-cors`) came.
    pub opaque: Option<bool>,
    /// An answer that the page may read, to a request without such headers, came.
    pub readable: Option<bool>,
    /// The same with such headers.
    pub readable_preflighted: Option<bool>,
    /// An answer came by the other of http and https at the same host and port.
    pub other_scheme: Option<bool>,
    /// The request was by https.
    pub https: bool,
}

/// What kept the answer away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    /// No connection at all.
    Offline,
    /// The page's own policy.
    Policy,
    /// An https page may not ask by http.
    Mixed,
    /// The browser keeps pages from the local network.
    Local,
    /// The registry answers, and does not let pages of other origins read it.
    Cors,
    /// It lets them, but not with the headers that a registry needs.
    Preflight,
    /// It lets them, but what it redirects to does not, or the transfer broke off.
    Beyond,
    /// It answers by http but not by https that this browser accepts.
    Tls,
    /// It answers by https and was asked by http.
    WantsHttps,
    /// Nothing answers: the name, the port, or the certificate.
    Nowhere,
}

impl Evidence {
    /// The cause that the evidence speaks for.
    pub fn cause(&self) -> Unreached {
        match self {
            Evidence { offline: true, .. } => Unreached::Offline,
            Evidence { policy: true, .. } => Unreached::Policy,
            Evidence { mixed: true, .. } => Unreached::Mixed,
            Evidence {
                opaque: Some(true), ..
            } => match (self.readable, self.readable_preflighted) {
                (Some(true), Some(false)) if self.preflighted => Unreached::Preflight,
                (Some(true), _) => Unreached::Beyond,
                _ => Unreached::Cors,
            },
            Evidence {
                other_scheme: Some(true),
                https,
                ..
            } => match https {
                true => Unreached::Tls,
                false => Unreached::WantsHttps,
            },
            // Only now: a browser that has been told no may still reach what it knows already.
            Evidence {
                local_denied: true, ..
            } => Unreached::Local,
            _ => Unreached::Nowhere,
        }
    }
}

impl Unreached {
    /// Whether the same request may be answered later without anybody's doing.
    pub fn is_temporary(self) -> bool {
        matches!(
            self,
            Unreached::Offline | Unreached::Beyond | Unreached::Nowhere
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(evidence: Evidence, expect: Unreached) {
        assert_eq!(evidence.cause(), expect, "{evidence:?}");
    }

    #[test]
    fn causes() {
        let none = Evidence {
            https: true,
            ..Evidence::default()
        };
        check(none, Unreached::Nowhere);
        check(
            Evidence {
                offline: true,
                ..none
            },
            Unreached::Offline,
        );
        check(
            Evidence {
                policy: true,
                ..none
            },
            Unreached::Policy,
        );
        check(
            Evidence {
                mixed: true,
                ..none
            },
            Unreached::Mixed,
        );
        check(
            Evidence {
                local_denied: true,
                ..none
            },
            Unreached::Local,
        );
        let there = Evidence {
            opaque: Some(true),
            preflighted: true,
            ..none
        };
        check(there, Unreached::Cors);
        check(
            Evidence {
                readable: Some(false),
                ..there
            },
            Unreached::Cors,
        );
        let readable = Evidence {
            readable: Some(true),
            readable_preflighted: Some(false),
            ..there
        };
        check(readable, Unreached::Preflight);
        check(
            Evidence {
                preflighted: false,
                ..readable
            },
            Unreached::Beyond,
        );
        check(
            Evidence {
                readable_preflighted: Some(true),
                ..readable
            },
            Unreached::Beyond,
        );
        let away = Evidence {
            opaque: Some(false),
            ..none
        };
        check(away, Unreached::Nowhere);
        let other = Evidence {
            other_scheme: Some(true),
            ..away
        };
        check(other, Unreached::Tls);
        check(
            Evidence {
                https: false,
                ..other
            },
            Unreached::WantsHttps,
        );
        // An answer is an answer, whatever the browser thinks of the network.
        check(
            Evidence {
                local_denied: true,
                ..there
            },
            Unreached::Cors,
        );
        assert!(Unreached::Nowhere.is_temporary() && !Unreached::Cors.is_temporary());
    }
}
