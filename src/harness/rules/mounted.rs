//! Mounted rules, and their handles.

use std::panic::Location;
use std::sync::Arc;

use super::{Rule, RuleWait};
use crate::base::unknown;
use crate::drive::Engine;
use crate::harness::{MailServer, or_panic};
use crate::rule::RuleNo;
use crate::scenario::{RuleError, check_rule};
use crate::world::World;

/// The handle of a mounted rule: how often it fired, and how to remove it. Returned by [`MailServer::mount`] and
/// [`MailServer::rule`]. Dropping it has no effect; [`scoped`](Self::scoped) makes a guard.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
/// use mailjig::rules::smtp;
///
/// let server = MailServer::start();
/// let busy = server.mount(on(smtp::noop()).reply("450 4.3.2 Busy"));
///
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("450 "));
/// assert_eq!((busy.asked(), busy.hits()), (1, 1));
/// assert!(busy.unmount());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Mounted {
    engine: Arc<Engine>,
    no: RuleNo,
}

impl Mounted {
    /// How often the rule fired, including firings [without effect](Self::without_effect); 0 if it was removed.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let busy = server.mount(on(smtp::noop()).reply("450 4.3.2 Busy"));
    /// assert_eq!(busy.hits(), 0);
    /// ```
    pub fn hits(&self) -> u64 {
        self.engine.read(|world| world.rulebook.get(self.no).map_or(0, |mounted| mounted.fired))
    }

    /// How often the rule fired without effect: the targets of its steps, such as a line to edit or a message to
    /// expunge, did not exist, and no other step did anything. These firings do not count for [`Rule::expect`].
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let edit = server.mount(on(smtp::noop()).edit("no such text", ""));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("250 "));
    /// assert_eq!((edit.hits(), edit.without_effect()), (1, 1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn without_effect(&self) -> u64 {
        self.engine.read(|world| world.rulebook.get(self.no).map_or(0, |mounted| mounted.without_effect))
    }

    /// How many of its events reached the rule, whether its conditions held or not.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let first = server.mount(on(smtp::noop()).once().reply("450 4.3.2 Busy"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("250 "));
    /// assert_eq!((first.asked(), first.hits()), (2, 1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn asked(&self) -> u64 {
        self.engine.read(|world| world.rulebook.get(self.no).map_or(0, |mounted| world.rulebook.asked(mounted)))
    }

    /// Waits until the rule has fired this often in total. Await it, or [`block`](RuleWait::block) on it. It resolves
    /// when the rule fires; the reply may not be sent yet.
    ///
    /// # Panics
    /// After 5 seconds, or the time of [`within`](RuleWait::within), with a report.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::timer;
    ///
    /// let server = MailServer::start();
    /// let rings = server.mount(on(timer()).at(Duration::from_millis(10)).note("it rang"));
    /// rings.wait(1).block();
    /// ```
    #[track_caller]
    pub fn wait(&self, times: u64) -> RuleWait {
        RuleWait::new(&self.engine, self.no, times, Location::caller())
    }

    /// Removes the rule. Returns false if it was already removed.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let busy = server.mount(on(smtp::noop()).reply("450 4.3.2 Busy"));
    /// assert!(busy.unmount());
    /// assert!(!busy.unmount());
    /// ```
    pub fn unmount(&self) -> bool {
        self.engine.update(|world, _| world.rulebook.unmount(self.no))
    }

    /// Makes a guard of the handle: dropping it removes the rule.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// {
    ///     let _busy = server.mount(on(smtp::noop()).reply("450 4.3.2 Busy")).scoped();
    ///     // … the rule fires here …
    /// }
    /// // … but not here.
    /// ```
    pub fn scoped(self) -> ScopedRule {
        ScopedRule(self)
    }
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mounted").field(&self.no).finish()
    }
}

/// A guard: removes the rule when dropped. Made by [`Mounted::scoped`]; it has the methods of [`Mounted`].
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::rules::smtp;
///
/// let server = MailServer::start();
/// let busy = server.mount(on(smtp::noop()).reply("450 4.3.2 Busy").named("busy")).scoped();
/// assert_eq!(busy.hits(), 0);
/// drop(busy);   // removes the rule
/// ```
#[derive(Debug)]
#[must_use = "the rule is removed when this is dropped"]
pub struct ScopedRule(Mounted);

impl std::ops::Deref for ScopedRule {
    type Target = Mounted;

    fn deref(&self) -> &Mounted {
        &self.0
    }
}

impl Drop for ScopedRule {
    fn drop(&mut self) {
        self.0.unmount();
    }
}

impl MailServer {
    /// How often the rule with this name fired, whether of a scenario or mounted by the test.
    ///
    /// # Panics
    /// If no rule has this name; the message lists the names.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply("450 4.3.2 Busy").named("busy"));
    /// assert_eq!(server.fired("busy"), 0);
    /// ```
    #[track_caller]
    pub fn fired(&self, id: &str) -> u64 {
        self.rule(id).hits()
    }

    /// The handle of the rule with this name, whether of a scenario or mounted by the test.
    ///
    /// # Panics
    /// If no rule has this name; the message lists the names.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().scenario(Scenario::text("busy.toml", r#"
    ///     mailjig = 1
    ///     [[rule]]
    ///     id = "busy"
    ///     on = "smtp.rcpt"
    ///     do = { reply = "450 4.2.1 Mailbox busy" }
    /// "#)).start();
    /// assert_eq!(server.rule("busy").hits(), 0);
    /// ```
    #[track_caller]
    pub fn rule(&self, id: &str) -> Mounted {
        let engine = self.server.engine();
        let found = engine.read(|world| {
            let rules = world.rulebook.rules();
            let ids = || rules.iter().map(|mounted| &*mounted.rule.id);
            let no = rules.iter().find(|mounted| *mounted.rule.id == *id).map(|mounted| mounted.no);
            no.ok_or_else(|| unknown("rule", id, &ids().collect::<Vec<_>>()))
        });
        Mounted { engine: Arc::clone(engine), no: or_panic(found) }
    }

    /// Mounts a rule as the outermost. When this returns, it applies to the next request.
    ///
    /// # Panics
    /// If the rule cannot work: a field that its event does not have, a reply that does not have the form of its
    /// protocol, a step that can never change anything, or a message that the scenario in force does not have.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full").times(2));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"MAIL FROM:<>\r\nRCPT TO:<bob@full.example>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("452 4.2.2 Mailbox full"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn mount<P>(&self, rule: Rule<P>) -> Mounted {
        let rule = rule.rule;
        let engine = self.server.engine();
        if let Err(RuleError(why)) = check_rule(&rule, &engine.read(World::in_force)) {
            panic!("{why}");
        }
        let no = engine.update(|world, now| world.mount(Arc::new(rule), now));
        Mounted { engine: Arc::clone(engine), no }
    }
}
