//! Lists of steps without events, for steps that run others.

use std::marker::PhantomData;

use super::Rule;
use crate::rule;

/// A list of steps, made by [`steps`]: it has the methods of [`Rule`] that add steps.
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::rules::{Steps, at, smtp, steps};
///
/// fn go_away() -> Steps<at::Smtp> {
///     steps().reply("421 4.3.2 Closing").close()
/// }
///
/// let server = MailServer::start();
/// server.mount(on(smtp::noop()).reply("354 Go").await_line_or("~^x", go_away()).reply("250 Done"));
/// ```
pub type Steps<P> = Rule<P, StepsOnly>;

/// The kind of [`Rule`] that has events, and can be mounted.
///
/// ```
/// use mailjig::rules::{Rule, Whole, at, on, smtp};
///
/// let rule: Rule<at::Smtp, Whole> = on(smtp::noop()).reply("450 4.3.2 Busy");   // `Rule<at::Smtp>`, in short
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Whole {}

/// The kind of [`Rule`] that is only a list of [`Steps`].
///
/// ```
/// use mailjig::rules::{Rule, StepsOnly, at, steps};
///
/// let busy: Rule<at::Smtp, StepsOnly> = steps().reply("450 4.3.2 Busy");   // `Steps<at::Smtp>`, in short
/// ```
#[derive(Debug, Clone, Copy)]
pub enum StepsOnly {}

/// Begins a list of steps.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
/// use mailjig::rules::{smtp, steps};
///
/// let server = MailServer::start();
/// server.mount(on(smtp::noop()).reply("354 Go").await_line_or("~^x", steps().reply("550 No")).reply("250 Done"));
///
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\nyes\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// assert!(said.contains("354 Go\r\n550 No\r\n221 "));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn steps<P>() -> Steps<P> {
    Rule { rule: rule::Rule::new("", Vec::new(), Vec::new(), ""), kind: PhantomData }
}
