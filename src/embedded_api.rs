//! The HTTP API of a server that was started by a Rust test.

use crate::api::Api;
use crate::harness::MailServer;
use crate::server::{Host, HostLimits};

impl MailServer {
    /// The URL of this server's own HTTP API, such as `http://127.0.0.1:40913`. The first call starts the API.
    ///
    /// ```
    /// let server = mailjig::MailServer::start();
    ///
    /// let health = ureq::get(format!("{}/v1/health", server.api())).call().unwrap();
    /// assert_eq!(health.status(), 200);
    /// ```
    ///
    /// # Panics
    /// If the system has no free port.
    #[track_caller]
    pub fn api(&self) -> &str {
        let api = match self.embedded_api().get() {
            Some(api) => api,
            None => {
                match Api::start(&Host::new(self.server().clone(), HostLimits::default()), ([127, 0, 0, 1], 0).into()) {
                    Ok(started) => self.embedded_api().get_or_init(|| Box::new(started)),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        api.downcast_ref::<Api>().map(Api::url).unwrap_or_default()
    }
}
