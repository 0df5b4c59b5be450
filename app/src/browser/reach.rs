//! The network for a page that may ask registries itself: where a request to another origin fails,
//! further questions are asked that tell the likely cause. (The core draws the conclusion.)

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Function, Object, Promise, Reflect};
use layerscope_core::explore::cancel::{Either, race};
use layerscope_core::port::{Http, HttpError, HttpRequest, HttpResponse};
use layerscope_core::registry::unreached::{Evidence, Unreached};
use layerscope_core::view::problem::unreached;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, RequestCredentials, RequestInit};

use super::fetch::{FetchBody, FetchHttp};
use super::page::window;
use super::timer;

/// How long one further question may take; what takes longer is not there.
const QUESTION_LIMIT: Duration = Duration::from_secs(8);
/// How long the browser may take to say that its policy refused a request.
const POLICY_LIMIT: Duration = Duration::from_millis(50);
/// The longest value that a header may have without a preflight (whatwg/fetch).
const SAFELISTED_LEN: usize = 128;

/// [`FetchHttp`] that finds out why there is no answer.
#[derive(Debug, Clone, Default)]
pub struct PageHttp;

impl Http for PageHttp {
    type Body = FetchBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<FetchBody>, HttpError> {
        let failed = match FetchHttp.send(request.clone()).await {
            Err(HttpError::Network { url_host, detail }) => (url_host, detail),
            other => return other,
        };
        let (url_host, detail) = failed;
        match cause_of(&request).await {
            Some(why) => Err(unreached::error(url_host, why)),
            None => Err(HttpError::Network { url_host, detail }),
        }
    }
}

/// Why a request gets no answer; none for one to the page's own origin, and for an API of our
/// proxy, of which more is known.
pub async fn cause_of(request: &HttpRequest) -> Option<Unreached> {
    let (scheme, rest) = request.url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let base = format!("{scheme}://{host}");
    let location = window().location();
    if location.origin().ok()? == base || request.url.contains("/api/v1/") {
        return None;
    }
    let https = scheme == "https";
    let bare = host.trim_start_matches('[');
    let loopback =
        bare.starts_with("localhost") || bare.starts_with("127.") || bare.starts_with("::1");
    let secure_page = location.protocol().ok()? == "https:";
    let safelisted = |(name, value): &(String, String)| {
        name == "range" || (name == "accept" && value.len() <= SAFELISTED_LEN)
    };
    let mut evidence = Evidence {
        offline: !window().navigator().on_line(),
        // Loopback names are trusted, also by http.
        mixed: secure_page && !https && !loopback,
        preflighted: !request.headers.iter().all(safelisted),
        https,
        ..Evidence::default()
    };
    if evidence.offline || evidence.mixed {
        return Some(evidence.cause());
    }
    let root = format!("{base}/v2/");
    let watch = PolicyWatch::start(&base);
    evidence.opaque = Some(answers(&root, "no-cors").await);
    if evidence.opaque == Some(false) {
        // The browser tells of a refusal in an event of its own, a little later.
        timer::sleep(POLICY_LIMIT).await;
        evidence.policy = watch.is_some_and(|w| w.refused.get());
        let other = match https {
            true => root.replacen("https", "http", 1),
            false => root.replacen("http", "https", 1),
        };
        // An https page cannot ask by http, and learns nothing.
        if !evidence.policy && (!secure_page || loopback || !https) {
            evidence.other_scheme = Some(answers(&other, "no-cors").await);
        }
        evidence.local_denied = local_network_denied().await;
        return Some(evidence.cause());
    }
    evidence.readable = Some(answers(&root, "cors").await);
    if evidence.readable == Some(true) && evidence.preflighted {
        let mut same = HttpRequest::get(root);
        same.headers.clone_from(&request.headers);
        // A token is for the address that failed; its name alone matters here.
        for (name, value) in &mut same.headers {
            if name == "authorization" {
                *value = "Bearer none".to_owned();
            }
        }
        evidence.readable_preflighted = Some(FetchHttp.send(same).await.is_ok());
    }
    Some(evidence.cause())
}

/// Whether a plain GET is answered in this mode.
async fn answers(url: &str, mode: &str) -> bool {
    let init = RequestInit::new();
    init.set_credentials(RequestCredentials::Omit);
    // Fails only for what is no object.
    drop(Reflect::set(&init, &"mode".into(), &mode.into()));
    drop(Reflect::set(&init, &"cache".into(), &"no-store".into()));
    let asked = JsFuture::from(window().fetch_with_str_and_init(url, &init));
    match race(asked, timer::sleep(QUESTION_LIMIT)).await {
        Either::Left(answer) => answer.is_ok(),
        Either::Right(()) => false,
    }
}

/// Hears of requests that the page's own policy refuses.
struct PolicyWatch {
    refused: Rc<Cell<bool>>,
    listener: Closure<dyn Fn(Event)>,
}

impl PolicyWatch {
    const EVENT: &str = "securitypolicyviolation";

    fn start(base: &str) -> Option<PolicyWatch> {
        let refused = Rc::new(Cell::new(false));
        let (told, base) = (refused.clone(), base.to_owned());
        let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
            let blocked = Reflect::get(&event, &"blockedURI".into()).ok();
            let blocked = blocked.and_then(|uri| uri.as_string()).unwrap_or_default();
            if blocked.starts_with(&base) {
                told.set(true);
            }
        });
        let function = listener.as_ref().unchecked_ref();
        let document = window().document()?;
        document
            .add_event_listener_with_callback(Self::EVENT, function)
            .ok()?;
        Some(PolicyWatch { refused, listener })
    }
}

impl Drop for PolicyWatch {
    fn drop(&mut self) {
        let function = self.listener.as_ref().unchecked_ref();
        if let Some(document) = window().document() {
            drop(document.remove_event_listener_with_callback(Self::EVENT, function));
        }
    }
}

/// The user or the browser has said no to local network access. Browsers that have no such
/// permission know nothing of its name.
async fn local_network_denied() -> bool {
    let ask = || {
        let permissions = Reflect::get(&window().navigator(), &"permissions".into())?;
        let query: Function = Reflect::get(&permissions, &"query".into())?.dyn_into()?;
        let what = Object::new();
        Reflect::set(&what, &"name".into(), &"local-network-access".into())?;
        query.call1(&permissions, &what)?.dyn_into::<Promise>()
    };
    let Ok(promise) = ask() else {
        return false;
    };
    let status = JsFuture::from(promise).await.unwrap_or(JsValue::NULL);
    let state = Reflect::get(&status, &"state".into());
    state.is_ok_and(|s| s.as_string().as_deref() == Some("denied"))
}
