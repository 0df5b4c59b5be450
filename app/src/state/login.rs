//! Where one is signed in, and where one can sign in.

use layerscope_core::reference::Registry;
use layerscope_core::registry::login::Offer;
use layerscope_core::registry::login::kept::Trust;
use leptos::prelude::*;

use super::later::{Later, ReadLater};

/// A registry that the user is signed in to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedIn {
    /// The registry.
    pub registry: Registry,
    /// As whom, or at whom.
    pub how: String,
    /// Kept in this browser.
    pub remembered: bool,
}

/// What is known of sign-ins; no secret is in it.
#[derive(Clone, Copy)]
pub struct LoginState {
    list: Later<Vec<SignedIn>>,
    offers: Later<Option<(Registry, Vec<Offer>)>>,
    leaving: RwSignal<bool>,
    trust: RwSignal<Trust>,
    accepted: RwSignal<Vec<String>>,
}

impl LoginState {
    pub(super) fn new() -> Self {
        LoginState {
            list: Later::new(),
            offers: Later::new(),
            leaving: RwSignal::new(false),
            trust: RwSignal::default(),
            accepted: RwSignal::default(),
        }
    }

    /// Where one is signed in.
    pub fn list(self) -> ReadLater<Vec<SignedIn>> {
        self.list.read_only()
    }

    /// Notes a sign-in.
    pub fn add(self, one: SignedIn) {
        self.list.update(|list| {
            list.retain(|other| other.registry != one.registry);
            list.push(one);
        });
    }

    /// Notes the end of one.
    pub fn remove(self, registry: &Registry) {
        self.list
            .update(|list| list.retain(|one| one.registry != *registry));
    }

    /// The providers of the registry that was asked about last.
    pub fn offers(self) -> ReadLater<Option<(Registry, Vec<Offer>)>> {
        self.offers.read_only()
    }

    /// Whether a registry's providers are known; a question about it is not to be asked twice.
    pub fn knows(self, registry: &Registry) -> bool {
        self.offers
            .with_untracked(|known| known.as_ref().is_some_and(|(of, _)| of == registry))
    }

    /// Says who can be signed in at.
    pub fn set_offers(self, registry: Registry, offers: Vec<Offer>) {
        self.offers.set(Some((registry, offers)));
    }

    /// A question about providers came to nothing; it may be asked again.
    pub fn forget_offers(self, registry: &Registry) {
        if self.knows(registry) {
            self.offers.set(None);
        }
    }

    /// Whether the page's proxy may have sign-ins.
    pub fn trust(self) -> ReadSignal<Trust> {
        self.trust.read_only()
    }

    /// Proxies that the user lets have sign-ins, although only a link has named them.
    pub fn accepted(self) -> ReadSignal<Vec<String>> {
        self.accepted.read_only()
    }

    /// Says whether the page's proxy may have sign-ins, and which others may.
    pub fn set_trust(self, trust: Trust, accepted: Vec<String>) {
        self.trust.set(trust);
        self.accepted.set(accepted);
    }

    /// The page is about to go to a provider.
    pub fn leaving(self) -> ReadSignal<bool> {
        self.leaving.read_only()
    }

    /// The page goes to a provider, or does not after all.
    pub fn set_leaving(self, is: bool) {
        self.leaving.set(is);
    }
}
