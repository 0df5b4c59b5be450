# Puts switches at every special handling: MUTANT=name takes that one out. Temporary, for one build.
import os
os.chdir('/work/wt/registries')
def sub(p, pairs):
    s=open(p).read()
    for a,b in pairs:
        assert a in s,(p,a[:90])
        s=s.replace(a,b,1)
    open(p,'w').write(s)
core='app/core/src/'
reg=core+'registry/'
M='''
/// Temporary.
pub fn mutated(name: &str) -> bool {
    std::env::var("MUTANT").is_ok_and(|m| m == name)
}
'''
for p in [core+'lib.rs','proxy/src/lib.rs']:
    open(p,'a').write(M)
m=lambda n: f'crate::mutated("{n}")'
sub(core+'reference.rs',[
 ("if !registry.is_docker_hub() || path.contains('/') {", f"if {m('library')} || !registry.is_docker_hub() || path.contains('/') {{"),
])
sub(reg+'read.rs',[
 ('    let remaining = headers.get("ratelimit-remaining")?;', f'    if {m("rate-limit-shown")} {{\n        return None;\n    }}\n    let remaining = headers.get("ratelimit-remaining")?;'),
 ('    headers.get("retry-after")?.trim().parse().ok()', f'    if {m("retry-after")} {{\n        return None;\n    }}\n    headers.get("retry-after")?.trim().parse().ok()'),
])
sub(reg+'client.rs',[
 ('let known = self.state.borrow().manifests.get(repository, by).cloned();', f'let known = self.state.borrow().manifests.get(repository, by).cloned().filter(|_| !{m("head-again")});'),
 ('''    match expected {
        Some(expected) if expected != actual''', f'''    if expected.is_none() && {m("digest-header-missing")} {{
        return Err(bad_answer(purpose, "no digest"));
    }}
    match expected {{
        Some(expected) if expected != actual'''),
])
sub(reg+'listing.rs',[
 ('let response = self.dispatch(&purpose, &request, None).await?;', f'let response = match {m("site-gets-no-token")} {{ true => self.send(&purpose, request.clone()).await?, false => self.dispatch(&purpose, &request, None).await? }};'),
 ('        google(&value, &mut page);', f'        if !{m("google-listing")} {{\n            google(&value, &mut page);\n        }}'),
 ('            Some(Value::Null) => Vec::new(),', f'            Some(Value::Null) if !{m("null-tags")} => Vec::new(),'),
 ('text.or_else(|| value.as_u64())', f'text.or_else(|| value.as_u64().filter(|_| !{m("numbers-as-numbers")}))'),
 ('let text = value.as_str().and_then(|text| text.parse().ok());', f'let text = value.as_str().filter(|_| !{m("numbers-as-text")}).and_then(|text| text.parse().ok());'),
])
sub(reg+'sign_in.rs',[
 ('if first.status != 401 || own ', f'if first.status != 401 || {m("challenge-answered")} || own '),
 ('let wanted = match wanted.is_empty() {', f'let wanted = match wanted.is_empty() || {m("challenged-scope")} {{'),
 ('if first.status == 400 && kept.is_some() && !own {', f'if first.status == 400 && !{m("expired-is-400")} && kept.is_some() && !own {{'),
 ('let basic = basic.filter(|_| self.has_credentials(registry));', f'let basic = basic.filter(|_| self.has_credentials(registry) && !{m("basic")});'),
 ('            state.challenged.get(purpose.registry).cloned()\n', f'            let blind = {m("no-token-where-none-is-asked")}.then(Challenge::default);\n            state.challenged.get(purpose.registry).cloned().filter(|_| !{m("challenge-remembered")}).or(blind)\n'),
 ('self.forget_token(purpose.registry, &scope);\n        let all', f'if !{m("token-renewed")} {{\n            self.forget_token(purpose.registry, &scope);\n        }} else if kept.is_some() {{\n            return Ok(first);\n        }}\n        let all'),
])
sub(reg+'referrers.rs',[
 ('        RegistryError::NotFound { .. } | RegistryError::NotJson { .. } => true,', f'        RegistryError::NotFound {{ .. }} => !{m("referrers-404")},\n        RegistryError::NotJson {{ .. }} => !{m("referrers-login-page")},'),
 ('RegistryError::Upstream { status, .. } => matches!(status, 400 | 405 | 501),', f'RegistryError::Upstream {{ status, .. }} => matches!(status, 400 | 405 | 501 | 303) && !{m("referrers-400-405")},' if False else f'RegistryError::Upstream {{ status, .. }} => matches!(status, 400 | 405 | 501) && !{m("referrers-400-405")},'),
 ('                _ if page == 0 => return Ok(None),', f'                _ if page == 0 && !{m("referrers-no-index")} => return Ok(None),'),
 ('            let applied = filter_applied(headers.get(FILTERS_APPLIED));', f'            let applied = filter_applied(headers.get(FILTERS_APPLIED)) && !{m("filter-applied")};'),
 ('            let request = endpoint.referrers(repository, digest, artifact_type, from);', f'            let request = endpoint.referrers(repository, digest, artifact_type.filter(|_| !{m("filter-sent")}), from);'),
 ('            let place = *places.entry(descriptor.digest.clone()).or_insert(out.len());', f'            let place = match {m("merged")} {{ true => out.len(), false => *places.entry(descriptor.digest.clone()).or_insert(out.len()) }};'),
 ('        out.retain(|r| r.kind() == wanted);', f'        if !{m("filtered-here-too")} {{\n            out.retain(|r| r.kind() == wanted);\n        }}'),
 ('                Some(next) if all.len() < MAX_REFERRERS => cursor = Some(next),', f'                Some(next) if all.len() < MAX_REFERRERS && !{m("referrers-in-pages")} => cursor = Some(next),'),
])
sub(reg+'blob.rs',[
 ('        let attempt = purpose.attempt.clone();\n        if response.status == 200 {', f'        let attempt = purpose.attempt.clone();\n        if response.status == 200 && !{m("whole-for-a-part")} {{'),
])
sub(reg+'endpoint.rs',[
 ('let n = PAGE_LEN.to_string();', f'let n = (if {m("page-of-1000")} {{ 10_000 }} else {{ PAGE_LEN }}).to_string();'),
])
P='proxy/src/'
sub(P+'policy.rs',[
 ('                && BUILT_IN_REALMS.iter().any(built_in))', f'                && !{m("built-in-token-hosts")}\n                && BUILT_IN_REALMS.iter().any(built_in))'),
])
sub(P+'redirect.rs',[
 ('    from.scheme() == to.scheme() && same_host(from, to) && !is_signed(to)', f'    if {m("authorization-dropped")} {{\n        return true;\n    }}\n    from.scheme() == to.scheme() && same_host(from, to) && (!is_signed(to) || {m("signed-on-own-host")})'),
 ('    let host = url.host_str().unwrap_or_default();\n    host == "gcr.io"', f'    let host = url.host_str().unwrap_or_default();\n    !{m("google-no-range")} && host == "gcr.io"'),
 ('|| host.ends_with(".gcr.io") || host.ends_with(".pkg.dev")', f'|| (!{m("google-no-range")} && (host.ends_with(".gcr.io") || host.ends_with(".pkg.dev")))'),
 ('303 => !url.path().contains("/referrers/"),', f'303 => {m("referrers-303")} || !url.path().contains("/referrers/"),'),
 ('    let mut next = from\n        .join(text)', f'    let mut next = (if {m("relative-location")} {{ Url::parse(text) }} else {{ from.join(text) }})'),
 ('    for hops in 0..=MAX_HOPS {', f'    for hops in 0..=(if {m("several-hops")} {{ 1 }} else {{ MAX_HOPS }}) {{'),
])
sub(P+'blob.rs',[
 ('redirect::follow(&self.upstream, &self.policy, &Method::GET, start, up).await?;', f'redirect::follow(&self.upstream, &self.policy, &(if {m("head-is-a-get")} {{ Method::HEAD }} else {{ Method::GET }}), start, up).await?;'),
 ('        if found.hops > 0 && !found.authorized', f'        if !{m("address-remembered")} && found.hops > 0 && !found.authorized'),
 ('    matches!(status.as_u16(), 400 | 401 | 403 | 404 | 410)', f'    !{m("address-that-is-over")} && matches!(status.as_u16(), 400 | 401 | 403 | 404 | 410)'),
])
sub(P+'location.rs',[
 ('    let said = url.query_pairs()', f'    if {m("lifetime-of-an-address")} {{\n        return MAX_AGE;\n    }}\n    let said = url.query_pairs()'),
])
sub(P+'token.rs',[
 ('        Some(IDENTITY_USER) => request.password.as_deref(),', f'        Some(IDENTITY_USER) if !{m("refresh-token-by-post")} => request.password.as_deref(),'),
 ('        if matches!(response.status().as_u16(), 404 | 405) {', f'        if !{m("post-unknown")} && matches!(response.status().as_u16(), 404 | 405) {{'),
 ('            .filter(|t| !t.is_empty())\n    };', f'            .filter(|t| !t.is_empty() || {m("empty-token")})\n    }};'),
 ('.or_else(|| named("access_token"))', f'.or_else(|| named("access_token").filter(|_| !{m("access-token")}))'),
 ('        .unwrap_or(DEFAULT_EXPIRES_S);\n    Ok(', f'        .or_else(|| (!{m("no-lifetime")}).then_some(DEFAULT_EXPIRES_S))\n        .ok_or_else(|| invalid("names no lifetime"))?;\n    Ok('),
 ('            if let Some(service) = service {\n', f'            if let Some(service) = service.filter(|_| !{m("service-named")}) {{\n'),
])
sub(P+'challenge.rs',[
 ('scheme: scheme.to_ascii_lowercase(),', f'scheme: if {m("scheme-in-capitals")} {{ scheme.to_owned() }} else {{ scheme.to_ascii_lowercase() }},'),
])
sub(P+'realm.rs',[
 ('    bearer.or_else(basic)', f'    if {m("bearer-before-basic")} {{\n        return basic().or(bearer);\n    }}\n    bearer.or_else(basic)'),
 ('        if status != StatusCode::UNAUTHORIZED ||', f'        if {m("challenge-learned")} || status != StatusCode::UNAUTHORIZED ||'),
])
sub(P+'link.rs',[
 ('    let query = next.query().unwrap_or_default();\n', f'    let last: String = next.query_pairs().filter(|(k, _)| k == "last" || k == "n").map(|(k, v)| format!("{{k}}={{v}}")).collect::<Vec<_>>().join("&");\n    let query = if {m("next-page-as-it-stands")} {{ &*last }} else {{ next.query().unwrap_or_default() }};\n'),
 ('    let next = url\n        .join(&target)', f'    let next = (if {m("relative-link")} {{ Url::parse(&target) }} else {{ url.join(&target) }})'),
 ('    let Some(target) = next_target(headers) else {', f'    let Some(target) = next_target(headers).filter(|_| !{m("link-followed")}) else {{'),
])
sub(P+'upstream.rs',[
 ('    let identity = |value: &HeaderValue|', f'    if {m("encoding-refused")} {{\n        return Ok(());\n    }}\n    let identity = |value: &HeaderValue|'),
])
sub(P+'listing.rs',[
 ('            &HeaderMap::new(),\n            MAX_LISTING', '            &HeaderMap::new(),\n            MAX_LISTING'),
])
