//! Asking outside of the lock: the closures of a test, and HTTP servers.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Driver;
use crate::base::short;
#[cfg(feature = "api")]
use crate::document::{Node, Reader};
use crate::drive::clock::Moment;
use crate::journal::{Ending, Transcript};
use crate::protocol::{Event, Machine};
use crate::rule::{Answer, Given, HttpUrl, Inquiry, Occurrence, Respondent, Rule, Timed};
use crate::scenario::{RuleError, check_rule};
use crate::world::World;

/// Maximum octets of the transcript that is given.
const MOST_TRANSCRIPT: usize = 16 << 10;

impl<M: Machine> Driver<M> {
    /// Asks, and waits for the answer: until its deadline, or until a command ends the session. The rest of the server
    /// works meanwhile, and advancing its clock does not wait.
    pub(super) async fn ask(&mut self, mut inquiry: Inquiry) -> Result<Given, Ending> {
        inquiry.occurrence.transcript = self.recent();
        let (asked, limit) = (inquiry.to.to_string(), inquiry.timeout);
        let (rule, event, has_passed) = (Arc::clone(&inquiry.rule), inquiry.event, inquiry.has_passed);
        let answered = answer(inquiry);
        let handle = &self.handle;
        let either = {
            let mut answered = pin!(timeout(limit, answered));
            poll_fn(|cx| match answered.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Ok(answer)),
                Poll::Pending => {
                    // Answers are awaited in real time, so advancing the server's clock does not wait for them.
                    handle.rest(Moment::NEVER);
                    handle.poll_end(cx).map(Err)
                }
            })
            .await
        };
        self.handle.work();
        // The client had to wait, so it was not silent.
        self.last_heard = None;
        let answer = match either {
            Err(command) => return Err(Box::pin(self.end_by(command)).await),
            Ok(Err(_elapsed)) => Err(format!("there was no answer within {}", short(limit))),
            Ok(Ok(answer)) => answer,
        };
        let checked = answer.and_then(|answer| self.checked(answer, &rule, event, has_passed));
        let failed = |why| Answer::Failed { by: Arc::clone(&rule.id), why: format!("asked {asked}: {why}") };
        Ok(Given::Answer(checked.unwrap_or_else(failed)))
    }

    /// Checks the steps of an answer like those of a rule.
    fn checked(&self, answer: Answered, rule: &Rule, event: Event, has_passed: bool) -> Result<Answer, String> {
        let steps = match answer {
            Answered::Holds(holds) => return Ok(Answer::Holds(holds)),
            Answered::Steps(steps) => steps,
        };
        if steps.is_empty() {
            return Ok(Answer::Steps(Arc::new([])));
        }
        let whole = Rule { on: vec![event.into()], steps, holds: None, ..rule.clone() };
        let when = whole.when.into_iter().filter(|condition| condition.field.exists_at(event)).collect();
        let whole = Rule { when, ..whole };
        if whole.all_steps().iter().any(|timed| timed.step.asks()) {
            return Err("the steps of an answer cannot ask again".to_owned());
        }
        if has_passed && whole.all_steps().iter().any(|timed| timed.step.passes()) {
            return Err("the answer contains `pass`, but the rule has passed before".to_owned());
        }
        match check_rule(&whole, &self.engine.read(World::in_force)) {
            Ok(()) => Ok(Answer::Steps(whole.steps.into())),
            Err(RuleError(why)) => Err(format!("the answer is not valid: {why}")),
        }
    }

    /// The last lines of the session's transcript.
    fn recent(&self) -> String {
        let session = self.session;
        let tail = self.engine.read(|world| {
            world.journal.session(session).map(|log| Transcript::tail(&world.journal, log, MOST_TRANSCRIPT))
        });
        let text = tail.unwrap_or_default().to_string();
        let surplus = text.len().saturating_sub(MOST_TRANSCRIPT);
        if surplus == 0 {
            return text;
        }
        let start = text.ceil_char_boundary(surplus);
        text[start..].split_once('\n').map_or("", |(_, whole)| whole).to_owned()
    }
}

/// An answer that is not checked yet.
enum Answered {
    Holds(bool),
    Steps(Vec<Timed>),
}

/// Asks on a thread of its own: what is asked may block as long as it likes.
async fn answer(Inquiry { occurrence, to, timeout, .. }: Inquiry) -> Result<Answered, String> {
    let (give, given) = oneshot::channel();
    let work = move || {
        let answered = catch_unwind(AssertUnwindSafe(|| match to {
            Respondent::Holds(closure) => Ok(Answered::Holds((closure.call)(occurrence))),
            Respondent::Steps(closure) => Ok(Answered::Steps((closure.call)(occurrence))),
            Respondent::Url(url) => post(&url, &occurrence, timeout).map(Answered::Steps),
        }));
        let answered = answered.unwrap_or_else(|panic| Err(format!("it panicked: {}", message(&*panic))));
        let _the_session_may_have_ended = give.send(answered);
    };
    if let Err(why) = thread::Builder::new().name("mailjig-ask".to_owned()).spawn(work) {
        return Err(format!("the system gives no thread: {why}"));
    }
    given.await.unwrap_or_else(|_| Err("a bug in mailjig; please report it".to_owned()))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with a value that is not text")
}

/// Posts the event, and reads the steps of the answer.
#[cfg(feature = "api")]
fn post(url: &HttpUrl, occurrence: &Occurrence, timeout: Duration) -> Result<Vec<Timed>, String> {
    let answer = crate::drive::http::post(url, &occurrence.json(), timeout)?;
    let Some(answer) = answer else { return Ok(Vec::new()) };
    let json = serde_json::from_slice(&answer).map_err(|why| format!("the answer is not JSON: {why}"))?;
    let mut reader = Reader::default();
    let steps = reader.steps(&Node::json(&json, "")).into_iter().map(|(timed, _)| timed).collect();
    reader.finish(Some(steps)).map_err(|why| format!("the answer is not valid: {why}"))
}

#[cfg(not(feature = "api"))]
fn post(_url: &HttpUrl, _occurrence: &Occurrence, _timeout: Duration) -> Result<Vec<Timed>, String> {
    Err("mailjig was built without the feature `api`".to_owned())
}
