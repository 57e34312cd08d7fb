//! The server's clock, as a test pauses and advances it.

use std::time::Duration;

use super::MailServer;
use crate::base::Timestamp;
use crate::server::block_on;

/// The server's time: real, or paused and advanced by the test. Rules (`wait`, `pace`, `after`) and the server's
/// timeouts, but not that of a TLS handshake, use it; waits of the test are always in real time.
///
/// ```
/// # use std::time::Duration;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let before = server.clock().now();
/// server.clock().pause();
/// server.clock().advance(Duration::from_secs(3600));
/// assert!(server.clock().now().as_micros() - before.as_micros() >= 3_600_000_000);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Clock<'s>(&'s MailServer);

impl MailServer {
    /// The server's clock.
    ///
    /// ```
    /// use std::io::{BufRead, BufReader};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = BufReader::new(TcpStream::connect(server.smtp().address()).unwrap()).lines();
    /// assert!(client.next().unwrap().unwrap().starts_with("220 "));
    ///
    /// server.clock().pause();
    /// server.clock().advance(Duration::from_secs(5 * 60));
    /// assert_eq!(client.next().unwrap().unwrap(), "421 4.4.2 I have waited too long for you");
    /// ```
    pub fn clock(&self) -> Clock<'_> {
        Clock(self)
    }
}

impl Clock<'_> {
    /// The server's time now.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.clock().pause();
    /// assert_eq!(server.clock().now(), server.clock().now());
    /// ```
    pub fn now(self) -> Timestamp {
        self.0.server.engine().clock().now()
    }

    /// Whether the clock is paused.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(!server.clock().is_paused());
    /// server.clock().pause();
    /// assert!(server.clock().is_paused());
    /// ```
    pub fn is_paused(self) -> bool {
        self.0.server.engine().clock().is_paused()
    }

    /// Pauses the clock. Nothing becomes due until it is advanced or resumed.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.clock().pause();
    /// assert!(server.clock().is_paused());
    /// ```
    pub fn pause(self) {
        self.0.server.engine().pause();
    }

    /// Resumes the clock from where it was paused.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().manual_clock().start();
    /// server.clock().resume();
    /// assert!(!server.clock().is_paused());
    /// ```
    pub fn resume(self) {
        self.0.server.engine().resume();
    }

    /// Advances the clock. When this returns, everything that became due has run in order, and its output was given to
    /// the kernel. The call waits up to one second of real time for a client that does not read.
    ///
    /// # Panics
    /// If the time would be later than the year 9999.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.clock().pause();
    /// let before = server.clock().now();
    /// server.clock().advance(Duration::from_millis(250));
    /// assert_eq!(server.clock().now().as_micros(), before.as_micros() + 250_000);
    /// ```
    #[track_caller]
    pub fn advance(self, by: Duration) {
        let engine = self.0.server.engine();
        assert!(
            engine.clock().now().plus(by) <= Timestamp::LAST,
            "the clock cannot be advanced by {by:?}: that is beyond the year 9999"
        );
        block_on(engine.advance(by)).expect("moving the clock does not panic");
    }
}
