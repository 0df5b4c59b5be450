//! Reading answers: bodies up to a bound, statuses to errors.

use super::challenge::challenges;
use super::error::{Attempt, ErrorBody, MAX_ERROR_BYTES, RegistryError, parse_body};
use crate::port::{Body, Headers, HttpError, HttpResponse};

/// How a body ended that was read up to a bound.
pub(super) enum Whole {
    /// All of it.
    Bytes(Vec<u8>),
    /// It goes on past the bound.
    TooLarge,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn whole<B: Body>(
    headers: &Headers,
    mut body: B,
    limit: u64,
) -> Result<Whole, HttpError> {
    let said = content_length(headers);
    if said.is_some_and(|len| len > limit) {
        return Ok(Whole::TooLarge);
    }
    // What a header promises is only a hint for the allocation.
    let hint = said.unwrap_or(0).min(1 << 20);
    let mut out = Vec::with_capacity(usize::try_from(hint).unwrap_or(0));
    while let Some(piece) = body.next().await? {
        if (out.len() + piece.len()) as u64 > limit {
            return Ok(Whole::TooLarge);
        }
        out.extend_from_slice(&piece);
    }
    Ok(Whole::Bytes(out))
}

/// `Content-Length`, if it is a number.
pub(super) fn content_length(headers: &Headers) -> Option<u64> {
    let text = headers.get("content-length")?.trim();
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `Retry-After` in seconds; a date is left out, because the core has no calendar clock.
pub(super) fn retry_after(headers: &Headers) -> Option<u64> {
    headers.get("retry-after")?.trim().parse().ok()
}

/// The error that an answer of another status than asked for stands for.
pub(super) async fn failure<B: Body>(
    attempt: Attempt,
    response: HttpResponse<B>,
    with_credentials: bool,
) -> RegistryError {
    let HttpResponse {
        status,
        headers,
        body,
    } = response;
    let bytes = match whole(&headers, body, MAX_ERROR_BYTES).await {
        Ok(Whole::Bytes(bytes)) => bytes,
        // The status alone says enough.
        Ok(Whole::TooLarge) | Err(_) => Vec::new(),
    };
    let ErrorBody { code, message } = parse_body(&bytes);
    let retry_after = retry_after(&headers);
    // These two are the token server's own answers, passed on: they are about the sign-in.
    let passed_on = |code: &str| matches!((status, code), (401, "UNAUTHORIZED") | (403, "DENIED"));
    let own = headers.get("x-layerscope-error");
    if let Some(own) = own.filter(|code| !passed_on(code)) {
        return RegistryError::Proxy {
            attempt,
            code: own
                .chars()
                .filter(char::is_ascii_graphic)
                .take(64)
                .collect(),
            message: message.unwrap_or_default(),
            retry_after,
        };
    }
    match status {
        401 => RegistryError::Unauthorized {
            attempt,
            schemes: challenges(&headers).into_iter().map(|c| c.scheme).collect(),
            with_credentials,
            message,
        },
        403 => RegistryError::Forbidden { attempt, message },
        404 => RegistryError::NotFound {
            attempt,
            code,
            message,
        },
        416 => RegistryError::RangeNotSatisfiable {
            attempt,
            total: headers
                .get("content-range")
                .and_then(super::content_range::parse)
                .and_then(|r| match r {
                    super::content_range::ContentRange::Unsatisfied { total } => Some(total),
                    super::content_range::ContentRange::Part { .. } => None,
                }),
        },
        429 => RegistryError::RateLimited {
            attempt,
            retry_after,
            message,
        },
        // Docker Hub and Quay answer 400 and 405 with words that help.
        status => RegistryError::Upstream {
            attempt,
            status,
            detail: message,
        },
    }
}

/// What a registry says about its limit on pulls (`RateLimit-Limit: 100;w=21600`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests allowed in the window.
    pub limit: Option<u64>,
    /// Requests left.
    pub remaining: u64,
    /// The window in seconds.
    pub window_s: Option<u64>,
}

/// Reads the rate limit headers; none if the registry sends none.
pub(super) fn rate_limit(headers: &Headers) -> Option<RateLimit> {
    let number = |text: &str| text.split(';').next()?.trim().parse::<u64>().ok();
    let window = |text: &str| {
        let mut params = text.split(';').skip(1);
        params.find_map(|p| p.trim().strip_prefix("w=")?.parse::<u64>().ok())
    };
    let remaining = headers.get("ratelimit-remaining")?;
    let limit = headers.get("ratelimit-limit");
    Some(RateLimit {
        limit: limit.and_then(number),
        remaining: number(remaining)?,
        window_s: window(remaining).or_else(|| limit.and_then(window)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expect: Option<(Option<u64>, u64, Option<u64>)>) {
        let headers: Headers = headers.iter().copied().collect();
        let got = rate_limit(&headers).map(|r| (r.limit, r.remaining, r.window_s));
        assert_eq!(got, expect);
    }

    #[test]
    fn rate_limits() {
        let (limit, left) = ("RateLimit-Limit", "RateLimit-Remaining");
        check(&[], None);
        check(&[(left, "76;w=21600")], Some((None, 76, Some(21600))));
        check(
            &[(left, "7"), (limit, "100;w=60")],
            Some((Some(100), 7, Some(60))),
        );
        check(&[(left, "many")], None);
    }

    #[test]
    fn lengths() {
        let len = |v: &str| content_length(&[("Content-Length", v)].into_iter().collect());
        assert_eq!(
            (len("12"), len("+12"), len("-1"), len("x")),
            (Some(12), None, None, None)
        );
        let wait = |v: &str| retry_after(&[("Retry-After", v)].into_iter().collect());
        assert_eq!(
            (wait("30"), wait("Wed, 21 Oct 2026 07:28:00 GMT")),
            (Some(30), None)
        );
    }
}
