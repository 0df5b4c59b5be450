//! The first question to a registry that wants a token: through our proxy, and by the reference
//! system's preamble of ping, token and request, to the same registry.

use std::time::Instant;

use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::{Figures, median};
use crate::{
    corpus::{Corpus, push::Error},
    net::{client, wait},
    proxy::Proxy,
};

const REPOSITORY: &str = "made/tree";

/// What a start took.
struct Start {
    ms: f64,
    /// Requests that came to the registry and its token server.
    upstream: usize,
}

/// Counts and times what a start does.
fn timed(corpus: &Corpus, start: impl Future<Output = Result<(), Error>>) -> Result<Start, Error> {
    let count = || corpus.bearer.log().mark() + corpus.tokens.requests().len();
    let (before, began) = (count(), Instant::now());
    wait(start)?;
    Ok(Start {
        ms: began.elapsed().as_secs_f64() * 1000.0,
        upstream: count() - before,
    })
}

fn expect(what: &str, got: u16, wanted: u16) -> Result<(), Error> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{what}: {got} instead of {wanted}").into())
}

/// A page's manifest by tag, as the page asks for it: at first without a token.
async fn through(proxy: &Proxy, registry: &str, token: &mut Option<String>) -> Result<(), Error> {
    let client = client();
    let manifest = |token: &Option<String>| {
        let mut asked = client
            .get(format!("{}/api/v1/manifest", proxy.base()))
            .query(&[("registry", registry), ("repository", REPOSITORY)])
            .query(&[("reference", "latest")]);
        if let Some(token) = token {
            asked = asked.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        asked.send()
    };
    if token.is_none() {
        expect(
            "without a token",
            manifest(token).await?.status().as_u16(),
            401,
        )?;
        let scope = format!("repository:{REPOSITORY}:pull");
        let ask = json!({"registry": registry, "repository": REPOSITORY, "scope": [scope]});
        let answer = client
            .post(format!("{}/api/v1/token", proxy.base()))
            .json(&ask)
            .send();
        let answer: Value = answer.await?.json().await?;
        *token = answer["token"].as_str().map(str::to_owned);
    }
    let answer = manifest(token).await?;
    expect("with a token", answer.status().as_u16(), 200)?;
    answer.bytes().await?;
    Ok(())
}

/// The reference system's preamble, as it documents it.
async fn preamble(registry: &str, realm: &str) -> Result<(), Error> {
    let client = client();
    let ping = client.get(format!("http://{registry}/v2/")).send();
    expect("the ping", ping.await?.status().as_u16(), 401)?;
    let scope = format!("repository:{REPOSITORY}:pull");
    let token = client
        .get(realm)
        .query(&[
            ("scope", &*scope),
            ("service", crate::token_server::SERVICE),
        ])
        .send();
    let token: Value = token.await?.json().await?;
    let manifest = client
        .get(format!(
            "http://{registry}/v2/{REPOSITORY}/manifests/latest"
        ))
        .header("accept", crate::corpus::push::media::MANIFEST)
        .bearer_auth(token["token"].as_str().unwrap_or_default())
        .send()
        .await?;
    expect("the request", manifest.status().as_u16(), 200)?;
    manifest.bytes().await?;
    Ok(())
}

/// Adds what a cold start takes, a warm one, and the reference system's preamble, in turn; each
/// cold start has a proxy that has seen nothing.
///
/// # Errors
/// The registries cannot be had, or say something else than they should.
pub fn measure(rounds: usize, figures: &mut Figures) -> Result<(), Error> {
    let corpus = Corpus::own().ok_or("no registries")?;
    let (host, tokens) = (corpus.bearer.host(), corpus.tokens.host());
    let (mut cold, mut warm, mut theirs) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        let proxy = Proxy::for_hosts(&[&host, &tokens])?;
        let mut token = None;
        cold.push(timed(&corpus, through(&proxy, &host, &mut token))?);
        warm.push(timed(&corpus, through(&proxy, &host, &mut token))?);
        theirs.push(timed(&corpus, preamble(&host, &corpus.tokens.realm()))?);
    }
    for (name, starts) in [
        ("cold_start", cold),
        ("warm_start", warm),
        ("reference_start", theirs),
    ] {
        let ms: Vec<f64> = starts.iter().map(|start| start.ms).collect();
        figures.insert(format!("{name}_ms"), median(&ms));
        let upstream: Vec<f64> = starts.iter().map(|start| start.upstream as f64).collect();
        figures.insert(format!("{name}_upstream_requests"), median(&upstream));
    }
    Ok(())
}
