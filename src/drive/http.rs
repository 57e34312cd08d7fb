//! Requests to HTTP servers of the user: webhooks, and servers that decide for a rule.

use std::io;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, Error};

use crate::base::short;
use crate::rule::HttpUrl;

/// Maximum octets of an answer.
const MOST_ANSWER: u64 = 1 << 20;

/// A client that takes at most this long for a request. It uses neither proxies nor redirects: the data go where the
/// user said. Each status is an answer.
pub(crate) fn agent(patience: Duration) -> Agent {
    let config = Agent::config_builder().proxy(None).max_redirects(0).http_status_as_error(false);
    config.timeout_global(Some(patience)).build().into()
}

/// Posts JSON. Returns the body of the answer; `None` if it has none (204). Fails unless the status is 2xx.
pub(super) fn post(url: &HttpUrl, json: &Value, patience: Duration) -> Result<Option<Vec<u8>>, String> {
    let agent = agent(patience);
    let mut response = Err("it has no address".to_owned());
    for address in &url.addresses {
        let request = agent.post(format!("http://{address}{}", url.path)).header("host", &*url.authority);
        let sent = request.content_type("application/json").send(json.to_string());
        let is_refused = matches!(&sent, Err(Error::Io(why)) if why.kind() == io::ErrorKind::ConnectionRefused);
        response = sent.map_err(|why| in_words(&why, patience));
        if !is_refused {
            break;
        }
    }
    let mut response = response?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("it answered {status}"));
    }
    if status.as_u16() == 204 {
        return Ok(None);
    }
    let body = response.body_mut().with_config().limit(MOST_ANSWER).read_to_vec();
    body.map(Some).map_err(|why| in_words(&why, patience))
}

fn in_words(why: &Error, patience: Duration) -> String {
    if let Error::Timeout(_) = why {
        return format!("there was no answer within {}", short(patience));
    }
    if let Error::BodyExceedsLimit(limit) = why {
        return format!("the answer has more than {limit} octets");
    }
    why.to_string()
}
