//! The index source that `config.json` names: a folder of index files on any host.

use crate::app_config::AppConfig;
use crate::job::MadeBy;
use crate::port::{Body, Http, HttpRequest};

use super::find_index::{Outcome, Stop, stated};
use super::job_state::Job;
use super::ports::Ports;

/// Bytes of an index file that are read: of a layer of 6 GB, at 1 % of it.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Asks the source for the layer's index; none if it has none.
pub(super) async fn open<P: Ports>(job: &Job<P>, config: Vec<u8>) -> Outcome {
    let config = AppConfig::parse(&config).map_err(Stop::Config)?;
    let Some(url) = config.index_url(&job.source.digest) else {
        return Ok(None);
    };
    let http = job.ports.http();
    let answer = job.stop.guard(http.send(HttpRequest::get(&url))).await??;
    match answer.status {
        200 => {}
        // Object stores say 403 of what is not there to whoever may not list.
        403 | 404 | 410 => return Ok(None),
        status => return Err(Stop::Source { url, status }),
    }
    let mut body = answer.body;
    let mut bytes = Vec::new();
    while let Some(chunk) = job.stop.guard(body.next()).await?? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Stop::TooLarge {
                limit: MAX_FILE_BYTES,
            });
        }
    }
    Ok(Some((stated(job, &bytes)?, MadeBy::Source)))
}
