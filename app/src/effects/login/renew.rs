//! Renewing a sign-in: before it runs out, or when it was refused; once for all who wait, here and
//! in other tabs.

use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use layerscope_core::explore::cancel::Bell;
use layerscope_core::job::{Access, JobId};
use layerscope_core::reference::Registry;
use layerscope_core::registry::RegistryError;
use layerscope_core::registry::client::{Credentials, Renew};
use layerscope_core::registry::login::{self, Renewal};
use layerscope_core::view::login::failed;
use layerscope_core::view::problem::Problem;
use leptos::task::spawn_local;

use super::{Held, access, base, catch_up, keep, note};
use crate::browser::lock::Lock;
use crate::browser::timer;
use crate::effects::Inner;

/// A sign-in is renewed when this share of its time is over, if it is refused no earlier.
const RENEW_AT: f64 = 0.8;
/// And not more often than this: what is good for less is renewed when it is refused.
const RENEW_MIN: Duration = Duration::from_secs(30);
/// Nor is waited for longer: timers count to 24 days, and nobody promises more.
const RENEW_MAX: Duration = Duration::from_secs(24 * 3600);
/// The lock under which tabs renew one after the other, before proxy and registry.
const LOCK: &str = "layerscope:renew:";

/// A worker's sign-in has run out.
pub(in crate::effects) fn renew_for(inner: &Rc<Inner>, job: JobId, refused: Credentials) {
    let Some(registry) = inner.pool.registry(job) else {
        return;
    };
    let inner = inner.clone();
    spawn_local(async move {
        renewed(&inner, &registry, &refused).await;
        // Also if there is nothing new: it waits.
        let access = Access {
            renewed: true,
            ..access(&inner, &registry)
        };
        inner.pool.set_access(&registry, &access);
    });
}

/// Renews the page's own.
pub(super) struct PageRenews(pub(super) Weak<Inner>);

impl Renew for PageRenews {
    fn renew<'a>(
        &'a self,
        registry: &'a Registry,
        refused: &'a Credentials,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            if let Some(inner) = self.0.upgrade() {
                renewed(&inner, registry, refused).await;
            }
        })
    }
}

/// Ends when these credentials were renewed, or cannot be.
async fn renewed(inner: &Rc<Inner>, registry: &Registry, refused: &Credentials) {
    if inner.client.credentials(registry).as_ref() != Some(refused) {
        return; // somebody else has seen to it
    }
    let under_way = {
        let all = inner.logins.renewing.borrow();
        let found = all.iter().find(|(of, _)| of == registry);
        found.map(|(_, bell)| bell.next())
    };
    if let Some(done) = under_way {
        return done.await;
    }
    let bell = Bell::default();
    let done = bell.next();
    {
        let mut all = inner.logins.renewing.borrow_mut();
        all.push((registry.clone(), bell.clone()));
    }
    // On its own: who asked may leave, and others wait.
    let (itself, of) = (inner.clone(), registry.clone());
    spawn_local(async move {
        if let Err(problem) = renew(&itself, &of).await {
            itself.state.shell.notify(problem);
        }
        let mut all = itself.logins.renewing.borrow_mut();
        all.retain(|(other, _)| *other != of);
        drop(all);
        bell.ring();
    });
    done.await;
}

async fn renew(inner: &Rc<Inner>, registry: &Registry) -> Result<(), Problem> {
    let Some(held) = inner.logins.get(registry) else {
        return Ok(());
    };
    // Refused for what renewing does not give, such as the right to a repository.
    let age_s = (timer::wall_clock_ms() - held.tried_ms) / 1000.0;
    if login::is_young(age_s, held.expires_s) {
        return Ok(());
    }
    // A refresh token may be good for one use alone, and all tabs have the same.
    let lock = match held.remembered {
        true => Lock::request(&format!("{LOCK}{} {registry}", base(inner)), true).await,
        false => None,
    };
    let told = match held.remembered && catch_up(inner, registry) {
        true => Ok(()), // another tab was first, or has signed out
        false => renew_here(inner, registry).await,
    };
    drop(lock);
    told
}

async fn renew_here(inner: &Rc<Inner>, registry: &Registry) -> Result<(), Problem> {
    let Some(held) = inner.logins.get(registry) else {
        return Ok(());
    };
    let Some(renewal) = held.renewal.clone() else {
        return Ok(());
    };
    let Some(request) = renewal.request(&base(inner)) else {
        return Ok(());
    };
    let before = inner.client.credentials(registry);
    let name = renewal.name.clone();
    let answer = inner.client.login(registry, &name, request).await;
    if inner.client.credentials(registry) != before {
        return Ok(()); // signed out, or in anew, meanwhile
    }
    let tried = Held {
        tried_ms: timer::wall_clock_ms(),
        ..held
    };
    let bytes = match answer {
        Ok(bytes) => bytes,
        Err(error) => {
            inner.logins.put(registry, tried.clone());
            // Without locks another tab may have used it up just now.
            if tried.remembered && catch_up(inner, registry) {
                return Ok(());
            }
            if let RegistryError::Unauthorized { .. } = error {
                // It is good for nothing any more, and asking again would only say so again.
                give_up(inner, registry, tried, renewal);
            }
            return Err(failed(&name, &error));
        }
    };
    let tokens = login::parse_tokens(&bytes).map_err(|error| Problem::from(&error))?;
    let held = Held {
        renewal: Some(Renewal {
            refresh_token: tokens.refresh_token.or(renewal.refresh_token),
            ..renewal
        }),
        expires_s: tokens.expires_s,
        ..tried
    };
    let held = keep(inner, registry, &tokens.credentials, held);
    note(inner, registry, tokens.credentials, held, true);
    renew_later(inner, registry, tokens.expires_s);
    Ok(())
}

/// The refresh token is forgotten, here and in what is kept.
fn give_up(inner: &Inner, registry: &Registry, held: Held, renewal: Renewal) {
    let held = Held {
        renewal: Some(Renewal {
            refresh_token: None,
            ..renewal
        }),
        ..held
    };
    if let Some(credentials) = inner.client.credentials(registry) {
        let held = keep(inner, registry, &credentials, held);
        inner.logins.put(registry, held);
    }
}

/// Renews before it is refused, so that nobody waits.
pub(super) fn renew_later(inner: &Rc<Inner>, registry: &Registry, expires_s: Option<u64>) {
    let renewal = inner.logins.get(registry).and_then(|held| held.renewal);
    let possible = renewal.is_some_and(|renewal| renewal.refresh_token.is_some());
    let Some(seconds) = expires_s.filter(|_| possible) else {
        return;
    };
    let wait = Duration::from_secs(seconds).mul_f64(RENEW_AT);
    if wait < RENEW_MIN {
        return;
    }
    let (weak, registry) = (Rc::downgrade(inner), registry.clone());
    let credentials = inner.client.credentials(&registry);
    spawn_local(async move {
        timer::sleep(wait.min(RENEW_MAX)).await;
        if let Some((inner, credentials)) = weak.upgrade().zip(credentials) {
            renewed(&inner, &registry, &credentials).await;
        }
    });
}
