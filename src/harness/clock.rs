//! The server's clock in a test's hands.

use std::time::Duration;

use super::MailServer;
use crate::base::Timestamp;
use crate::server::block_on;

/// The server's time: real, or paused and advanced. What waits by it are rules (`wait`, `pace`, `after`) and the
/// server's patience with silent clients; waits of the test are always real.
#[derive(Debug, Clone, Copy)]
pub struct Clock<'s>(&'s MailServer);

impl MailServer {
    /// The server's clock.
    ///
    /// ```
    /// use std::io::{BufRead, BufReader};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    /// use mailjig::MailServer;
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
    /// What time it is for the server.
    pub fn now(self) -> Timestamp {
        self.0.server.engine().clock().now()
    }

    /// Whether it stands still.
    pub fn is_paused(self) -> bool {
        self.0.server.engine().clock().is_paused()
    }

    /// Time stands still from now on.
    pub fn pause(self) {
        self.0.server.engine().pause();
    }

    /// Time runs on from where it stands.
    pub fn resume(self) {
        self.0.server.engine().resume();
    }

    /// Moves time. When this returns, everything that came due has been done in its order, and what was said then was
    /// given to the kernel; a client that does not read is waited for a second of real time.
    ///
    /// # Panics
    /// If it would be later than the year 9999.
    #[track_caller]
    pub fn advance(self, by: Duration) {
        let engine = self.0.server.engine();
        assert!(engine.clock().now().plus(by) <= Timestamp::LAST, "{by:?} later the year 9999 is over");
        block_on(engine.advance(by)).expect("moving the clock does not panic");
    }
}
