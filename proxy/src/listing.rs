//! Listings that are no part of the distribution API: the repositories of a namespace of Docker
//! Hub, which its registry does not list but its site does.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use crate::Proxy;
use crate::error::ProxyError;
use crate::forward::{answer, encoded};
use crate::headers::Freshness;
use crate::limits::{ClientKey, MAX_LISTING_BYTES};
use crate::params::Params;
use crate::target::{HUB_NAME, Registry, Repository, shown};

/// Docker Hub's site, whose API is documented at docs.docker.com/reference/api/hub.
const HUB_SITE: &str = "hub.docker.com";
/// Entries of a page where none are asked for; its own default is 10.
const PAGE_LEN: u32 = 100;
/// The most of a page that are asked for: its own limit.
const MAX_PAGE_LEN: u32 = 1000;
/// The last page that is asked for; the largest namespaces have some thousand repositories.
const MAX_PAGE: u32 = 10_000;

/// GET of `/api/v1/listing`.
///
/// # Errors
/// The registry is not Docker Hub or not served, a parameter makes no sense, or the site fails.
pub async fn listing(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    RawQuery(query): RawQuery,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let registry: Registry = params.parsed("registry")?;
    let hub: Registry = HUB_NAME.parse()?;
    if registry != hub {
        return Err(ProxyError::TargetInvalid(format!(
            "{registry} has no namespaces that can be listed; Docker Hub alone has."
        )));
    }
    let namespace = namespace(&params)?;
    let len = params.page_len()?.unwrap_or(PAGE_LEN).min(MAX_PAGE_LEN);
    let page = match params.get("page")?.unwrap_or("1").parse() {
        Ok(page @ 1..=MAX_PAGE) => page,
        _ => {
            return Err(ProxyError::TargetInvalid(format!(
                "page= is not a number from 1 to {MAX_PAGE}."
            )));
        }
    };
    // Whoever may read the registry may read its list; the site is asked on its behalf.
    proxy.check_served(&registry)?;
    let site: Registry = HUB_SITE.parse()?;
    let path = format!("/v2/namespaces/{namespace}/repositories?page_size={len}&page={page}");
    // Nothing of the client's goes up: a token of the registry is none of the site.
    let mut small = proxy
        .small_from(
            &Method::GET,
            &site,
            &path,
            &HeaderMap::new(),
            (MAX_LISTING_BYTES, client),
        )
        .await?;
    if small.status == StatusCode::UNAUTHORIZED {
        // What it challenges for is not what the registry's sign-in gives.
        small.status = StatusCode::FORBIDDEN;
    }
    Ok(answer(&Method::GET, small, Freshness::Changing, false))
}

/// One part of a repository's name.
fn namespace(params: &Params) -> Result<String, ProxyError> {
    let text = params.get("namespace")?.unwrap_or_default();
    let whole: Result<Repository, _> = format!("{text}/x").parse();
    if whole.is_err() || text.contains('/') {
        return Err(ProxyError::TargetInvalid(format!(
            "namespace={} is no name of a namespace.",
            shown(text)
        )));
    }
    Ok(encoded(text))
}
