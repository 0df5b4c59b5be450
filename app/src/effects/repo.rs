//! Tags, or a registry's repositories, page by page.

use std::rc::Rc;

use layerscope_core::registry::RegistryError;
use layerscope_core::registry::client::Page;

use leptos::prelude::WithUntracked;

use super::{Effects, Inner, Key};

/// Pages fetched without being asked for: some thousand names. More at a click.
const AUTO_PAGES: usize = 4;

/// Docker Hub's namespace of the official images.
const OFFICIAL: &str = "library";

pub(super) fn load(inner: &Rc<Inner>) {
    inner.state.repo.clear();
    pages(inner, None, AUTO_PAGES);
}

impl Effects {
    /// Fetches the next page, or the one that did not come.
    pub fn more_names(self) {
        self.with(|inner| {
            let (busy, next) = inner
                .state
                .repo
                .names()
                .with_untracked(|n| (n.busy, n.next.clone()));
            if !busy {
                pages(inner, next, AUTO_PAGES);
            }
        });
    }
}

fn pages(inner: &Rc<Inner>, mut cursor: Option<String>, limit: usize) {
    let state = inner.state.repo;
    let itself = inner.clone();
    state.begin_page();
    inner.spawn(async move {
        for page in 1..=limit {
            let place = itself.state.shell.place();
            let registry = place.with_untracked(|p| p.route.registry().cloned());
            let answer = match (registry, &cursor) {
                (Some(registry), None) => {
                    let ask = async || one_page(&itself, None).await;
                    itself.by_either_way(&registry, ask).await
                }
                (_, cursor) => one_page(&itself, cursor.as_deref()).await,
            };
            match answer {
                Ok(came) => {
                    cursor.clone_from(&came.next);
                    let last = came.next.is_none() || page == limit;
                    state.add_page(came);
                    if last {
                        return;
                    }
                    state.begin_page();
                }
                Err(error) => return state.fail_page((&error).into()),
            }
        }
    });
}

async fn one_page(inner: &Inner, cursor: Option<&str>) -> Result<Page<String>, RegistryError> {
    let key = inner.key.borrow().clone();
    match key {
        Key::Repo(_, Some(repository)) => inner.client.tags(&repository, cursor).await,
        Key::Repo(registry, None) if registry.is_docker_hub() => {
            // Its catalog is nobody's.
            let client = &inner.client;
            client.namespace(&registry, OFFICIAL, cursor).await
        }
        Key::Repo(registry, None) => inner.client.catalog(&registry, cursor).await,
        Key::Namespace(registry, name) => inner.client.namespace(&registry, &name, cursor).await,
        _ => Ok(Page::default()), // left already; nobody looks
    }
}
