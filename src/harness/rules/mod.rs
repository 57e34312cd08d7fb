//! Rules in Rust: where they stand, what they wait for, what they do.
//!
//! ```
//! use std::time::Duration;
//! use mailjig::prelude::*;
//! use mailjig::rules::{imap, smtp};
//!
//! let server = MailServer::start();
//! let full = server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full").times(2));
//! server.mount(on(imap::push()).cut(4).reset().once());
//! assert_eq!(full.hits(), 0);
//! ```
//!
//! What only one protocol has does not compile at the events of another:
//!
//! ```compile_fail
//! use mailjig::rules::{on, smtp};
//!
//! let rule = on(smtp::noop()).drop_item("FLAGS");
//! ```

mod by_event;
mod mounted;
mod points;
mod wait;

use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use at::Speaks;
pub use mounted::{Mounted, ScopedRule};
pub use points::{Point, any_protocol, at, imap, mail, pop3, smtp, state, tcp, timer, tls};
pub use wait::RuleWait;

use super::or_panic;
use crate::base::{Pattern, Times};
use crate::protocol::CapabilityOverride;
use crate::rule::{self, *};
use crate::scenario::{fixed, fragments};

/// Begins a rule: at this event.
#[track_caller]
pub fn on<P>(point: Point<P>) -> Rule<P> {
    let at = Location::caller();
    let origin = format!("{}:{}", at.file(), at.line());
    Rule { rule: rule::Rule::new(&origin, vec![point.on], Vec::new(), &origin), protocol: PhantomData }
}

/// A rule: at which event, under which conditions, how often, and what it does.
/// [`MailServer::mount`](crate::MailServer::mount) puts it in force. Without a step that answers (`pass`, `reply`,
/// `raw`, `stall`, `close`) what is inside happens last.
#[derive(Debug, Clone)]
#[must_use = "a rule is in force when it is mounted"]
pub struct Rule<P> {
    rule: rule::Rule,
    protocol: PhantomData<P>,
}

impl<P> Rule<P> {
    /// At this event too.
    pub fn or(mut self, point: Point<P>) -> Self {
        self.rule.on.push(point.on);
        self
    }

    /// Its name in reports; without one it is its line in the test.
    pub fn named(mut self, id: &str) -> Self {
        self.rule.id = id.into();
        self
    }

    /// Only where this field is so; fields and values are written as in files: `("sent", ">=3")`,
    /// `("state.phase", "down")`.
    ///
    /// # Panics
    /// If there is no such field, or the value is none.
    #[track_caller]
    pub fn when(mut self, field: &str, value: &str) -> Self {
        self.rule.when.push(or_panic(fragments::condition(field, value)));
        self
    }

    /// Only for this user, by a pattern.
    #[track_caller]
    pub fn user(self, user: &str) -> Self {
        self.when("user", user)
    }

    /// Only the first so many matches.
    pub fn times(mut self, times: u64) -> Self {
        self.rule.nth = Some(Nth::first(times));
        self
    }

    /// Only the first match.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Only these matches: `2`, `2-4`, `3+`, `every 5`, `1,4,9`, or `not` before one of them.
    ///
    /// # Panics
    /// If the text has none of these forms.
    #[track_caller]
    pub fn nth(mut self, which: &str) -> Self {
        self.rule.nth = Some(or_panic(fragments::nth(which)));
        self
    }

    /// What matches are counted over: `server`, `conn`, `user`, `ip`, `listener`, or a key as `{ip} {from} {rcpt}`.
    ///
    /// # Panics
    /// If it is none of these.
    #[track_caller]
    pub fn per(mut self, key: &str) -> Self {
        self.rule.per = or_panic(fragments::per(key));
        self
    }

    /// Only with this probability, between 0 and 1, drawn by the server's seed.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn chance(mut self, chance: f64) -> Self {
        assert!((0.0..=1.0).contains(&chance), "`{chance}` is not a probability between 0 and 1");
        self.rule.chance = Some(chance);
        self
    }

    /// How often it must have fired when the server is verified or dropped.
    pub fn expect(mut self, times: impl Into<Times>) -> Self {
        self.rule.expect = Some(times.into());
        self
    }

    /// Everything that was added last is done so much later by server time, and nobody waits for it.
    pub fn after(mut self, span: Duration) -> Self {
        if let Some(timed) = self.rule.steps.last_mut() {
            timed.after = Some(span);
        }
        self
    }

    /// Runs what is inside: the next rule that matches, at last the conforming server.
    pub fn pass(self) -> Self {
        self.step(Step::Pass(Pass::Loud))
    }

    /// Octets as they are, with `\r \n \xff` and `{name}`.
    #[track_caller]
    pub fn raw(self, octets: &str) -> Self {
        let octets = or_panic(Template::parse_raw(octets).map_err(|why| format!("{octets}: {why}")));
        self.step(Step::Raw(octets))
    }

    /// Lets server time pass before what is said next.
    pub fn wait(self, span: Duration) -> Self {
        self.step(Step::Wait(fixed(span)))
    }

    /// The same with a length of time between two, drawn by the server's seed.
    pub fn wait_between(self, least: Duration, most: Duration) -> Self {
        self.step(Step::Wait(Span { least, most }))
    }

    /// Never answers this request.
    pub fn stall(self) -> Self {
        self.step(Step::Stall(Stall::Reply))
    }

    /// Never says anything again.
    pub fn stall_connection(self) -> Self {
        self.step(Step::Stall(Stall::Conn))
    }

    /// Output leaves in chunks of so many octets, with a gap of server time between two.
    pub fn pace(self, chunk: usize, gap: Duration) -> Self {
        self.step(Step::Shape(Shape::Pace { chunk: chunk.max(1), gap }))
    }

    /// Segments end behind these octets of the output.
    pub fn split(self, at: impl IntoIterator<Item = usize>) -> Self {
        self.step(Step::Shape(Shape::Split(at.into_iter().collect())))
    }

    /// What the rule lets out leaves in one write, at its end.
    pub fn hold(self) -> Self {
        self.step(Step::Shape(Shape::Hold))
    }

    /// The connection ends behind so many octets of the output: in good order, unless [`reset`](Self::reset) follows.
    pub fn cut(self, at: u64) -> Self {
        self.step(Step::Shape(Shape::Cut { place: CutPoint::At(at), end: CloseMode::Fin }))
    }

    /// The connection ends before what this pattern finds in the output.
    #[track_caller]
    pub fn cut_before(self, found: &str) -> Self {
        self.step(Step::Shape(Shape::Cut { place: CutPoint::Before(pattern(found)), end: CloseMode::Fin }))
    }

    /// Ends the connection with FIN; behind a cut it says how that ends.
    pub fn close(self) -> Self {
        self.end(CloseMode::Fin)
    }

    /// Ends the connection with RST; behind a cut it says how that ends.
    pub fn reset(self) -> Self {
        self.end(CloseMode::Rst)
    }

    /// FIN, and the client may go on sending; behind a cut it says how that ends.
    pub fn half_close(self) -> Self {
        self.end(CloseMode::Half)
    }

    /// FIN without TLS's close_notify; behind a cut it says how that ends.
    pub fn truncate(self) -> Self {
        self.end(CloseMode::TlsNoNotify)
    }

    /// Lines end with LF alone.
    pub fn eol_lf(self) -> Self {
        self.step(Step::Shape(Shape::Eol(Eol::Lf)))
    }

    /// Lines end with CR alone.
    pub fn eol_cr(self) -> Self {
        self.step(Step::Shape(Shape::Eol(Eol::Cr)))
    }

    /// Lines do not end.
    pub fn eol_none(self) -> Self {
        self.step(Step::Shape(Shape::Eol(Eol::None)))
    }

    /// In each line what this pattern finds becomes that text.
    #[track_caller]
    pub fn edit(self, find: &str, replace: &str) -> Self {
        self.step(Step::Shape(Shape::Edit(Edit::Replace { find: pattern(find), with: text(replace) })))
    }

    /// Drops every line of the output in which this pattern is found.
    #[track_caller]
    pub fn drop_lines(self, find: &str) -> Self {
        self.step(Step::Shape(Shape::Edit(Edit::DropFound(pattern(find)))))
    }

    /// Drops a line of the output, the first being 1.
    pub fn drop_line(self, line: usize) -> Self {
        self.step(Step::Shape(Shape::Edit(Edit::Drop(line))))
    }

    /// Says a line of the output twice.
    pub fn double_line(self, line: usize) -> Self {
        self.step(Step::Shape(Shape::Edit(Edit::Duplicate(line))))
    }

    /// Says one more line below this one.
    #[track_caller]
    pub fn insert_below(self, line: usize, more: &str) -> Self {
        self.step(Step::Shape(Shape::Edit(Edit::Insert { below: line, text: text(more) })))
    }

    /// Makes a line so many octets long.
    pub fn pad(self, line: usize, to: usize) -> Self {
        self.step(Step::Shape(Shape::Pad { line, to }))
    }

    /// Reads no more from the client.
    pub fn stop_reading(self) -> Self {
        self.step(Step::Read(Reading::Stop))
    }

    /// Reads little at a time.
    pub fn read_slowly(self) -> Self {
        self.step(Step::Read(Reading::Slow))
    }

    /// Gives a variable a value: a text, or `+1` for one more; `session.x` belongs to the session.
    #[track_caller]
    pub fn set(self, variable: &str, value: &str) -> Self {
        let (is_session, name) = match variable.strip_prefix("session.") {
            Some(name) => (true, name),
            None => (false, variable.trim_start_matches("state.")),
        };
        let assign = match value.parse::<i64>() {
            Ok(number) if value.starts_with(['+', '-']) => Assign::Add(number),
            Ok(number) => Assign::Number(number),
            Err(_) => Assign::Text(text(value)),
        };
        self.step(Step::Set(vec![(Variable { name: name.into(), is_session }, assign)]))
    }

    /// Ends the sessions of this user.
    #[track_caller]
    pub fn kick(self, user: &str) -> Self {
        self.step(Step::Kick { user: Some(pattern(user)), protocol: None, reply: None })
    }

    /// Writes into the journal.
    #[track_caller]
    pub fn note(self, note: &str) -> Self {
        self.step(Step::Note(text(note)))
    }

    /// The client did what it must not: verification fails with this text.
    #[track_caller]
    pub fn fail(self, why: &str) -> Self {
        self.step(Step::Fail(text(why)))
    }

    /// As it is written in a file.
    pub fn to_toml(&self) -> String {
        crate::scenario::rule_as_toml(&self.rule)
    }

    fn step(mut self, step: Step) -> Self {
        self.rule.steps.push(Timed { step, after: None });
        self
    }

    fn end(mut self, close_mode: CloseMode) -> Self {
        if let Some(Timed { step: Step::Shape(Shape::Cut { end, .. }), .. }) = self.rule.steps.last_mut() {
            *end = close_mode;
            return self;
        }
        self.step(Step::Close(close_mode))
    }
}

impl<P: Speaks> Rule<P> {
    /// A line in the protocol's own form: IMAP's tag is added, POP3's dots are stuffed. `{name}` is filled in.
    #[track_caller]
    pub fn reply(self, line: &str) -> Self {
        self.step(Step::Reply(vec![text(line)]))
    }

    /// Several lines of one reply.
    #[track_caller]
    pub fn reply_lines<'l>(self, lines: impl IntoIterator<Item = &'l str>) -> Self {
        // A closure would hide the caller's line.
        let mut all = Vec::new();
        for line in lines {
            all.push(text(line));
        }
        self.step(Step::Reply(all))
    }

    /// Runs what is inside and says nothing of it.
    pub fn pass_silently(self) -> Self {
        self.step(Step::Pass(Pass::Silent))
    }

    /// Runs what is inside, and completes its reply with this line instead.
    #[track_caller]
    pub fn pass_with(self, status: &str) -> Self {
        self.step(Step::Pass(Pass::Status(text(status))))
    }

    /// Reads the client's next line; one that does not match is a failure.
    #[track_caller]
    pub fn await_line(self, line: &str) -> Self {
        self.step(Step::Await(pattern(line)))
    }

    /// From now on the session is told of these capabilities too, and no longer of those.
    pub fn capabilities(self, add: &[&str], remove: &[&str]) -> Self {
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        self.step(Step::Caps(CapabilityOverride {
            add: boxed(add),
            remove: boxed(remove),
            ..CapabilityOverride::default()
        }))
    }
}

#[track_caller]
fn text(written: &str) -> Template {
    or_panic(Template::parse(written).map_err(|why| format!("{written}: {why}")))
}

#[track_caller]
fn pattern(fragments: &str) -> Pattern {
    or_panic(Pattern::parse(fragments))
}
