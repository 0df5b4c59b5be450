//! Which way a client asks each registry.

use super::{Client, Purpose, bad_answer};
use crate::media_type;
use crate::port::Http;
use crate::reference::Registry;
use crate::registry::endpoint::Endpoint;
use crate::registry::error::RegistryError;

impl<H: Http> Client<H> {
    /// How a registry is reached.
    pub fn endpoint(&self, registry: &Registry) -> Endpoint {
        let own = self.state.borrow().endpoints.get(registry).cloned();
        own.unwrap_or_else(|| self.endpoint.borrow().clone())
    }

    /// How registries are reached that have no way of their own.
    pub fn set_default_endpoint(&self, endpoint: Endpoint) {
        self.endpoint.replace(endpoint);
    }

    /// How a registry is reached from now on.
    pub fn set_endpoint(&self, registry: &Registry, endpoint: Endpoint) {
        if self.endpoint(registry) != endpoint {
            let mut state = self.state.borrow_mut();
            // The proxy's challenge may have been read for us, and not be one to meet ourselves; and
            // what could not be read directly, the proxy reads.
            state.challenged.remove(registry);
            state.basic.remove(registry);
            state.tokens.forget(registry);
            state.endpoints.insert(registry.clone(), endpoint);
        }
    }

    /// Whether a registry answers this page directly, with the headers that reading needs, and as a
    /// registry does: a page for every address that allows others to read it is none.
    ///
    /// # Errors
    /// It does not, and why.
    pub async fn answers_directly(
        &self,
        registry: &Registry,
        plain_http: bool,
    ) -> Result<(), RegistryError> {
        let mut purpose = Purpose {
            registry,
            repository: None,
            attempt: self.attempt(registry, "its API".into()),
        };
        purpose.attempt.direct = true;
        let request = Endpoint::Direct { plain_http }.ping(registry);
        let answer = self.dispatch(&purpose, &request, None).await?;
        let said = |name: &str| answer.headers.get(name).unwrap_or_default();
        let is_registry = match answer.status {
            // The header of its version is often hidden from pages; a type never is.
            200 => {
                said("docker-distribution-api-version") == "registry/2.0"
                    || media_type::is_json(said("content-type"))
            }
            status => status == 401,
        };
        match is_registry {
            true => Ok(()),
            false => Err(bad_answer(&purpose, "not as a registry does")),
        }
    }
}
