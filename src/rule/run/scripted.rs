//! Exchanges of a script: they pass through the rules outside of the script's rule; what the script does are steps of
//! that rule.

use std::sync::Arc;

use super::Run;
use crate::base::excerpt;
use crate::journal::{Noted, RecordKind, Weight};
use crate::protocol::{Event, Framing, Status};
use crate::rule::clause::{Rule, RuleNo, Timed};
use crate::rule::firing::{Counting, Firing};
use crate::rule::frame::Frame;
use crate::rule::plan::After;
use crate::rule::script::{Act, Expected, Player, ScriptNext};
use crate::rule::step::Step;
use crate::rule::step::login::Login;
use crate::rule::step::pass::{Output, Pass};
use crate::rule::step::raw::Raw;
use crate::rule::step::reply::Reply;
use crate::rule::step::script::{Handshake, ScriptRef};
use crate::rule::step::wait::WaitStep;
use crate::rule::template::Template;

/// A script that plays a session, and its rule.
#[derive(Debug)]
pub(crate) struct Playing {
    pub(crate) player: Player,
    /// What follows what the server did last.
    pub(crate) next: ScriptNext,
    no: RuleNo,
    rule: Arc<Rule>,
}

/// What a script does in one exchange.
#[derive(Debug)]
pub(crate) struct ScriptTurn {
    no: RuleNo,
    rule: Arc<Rule>,
    does: Does,
    /// Whether the script is over, so that a request to end the session ends it.
    is_over: bool,
}

#[derive(Debug)]
enum Does {
    /// Performs the request, unless the script's answer is negative.
    Acts(Vec<Act>),
    /// Refuses the request, with this reply or none.
    Refuses(Option<Box<str>>),
    /// Refuses the request and closes the connection.
    Closes,
}

/// The part of a script in an exchange.
#[derive(Debug)]
pub(super) enum Scripted {
    /// The exchange has not come to the script's rule yet.
    Ahead(Box<ScriptTurn>),
    /// It is inside of the script's rule.
    Inside { is_over: bool },
    /// A rule hands the connection over to this script.
    Begun(Box<Playing>),
}

impl Playing {
    /// What the script does about the client's octets that fit.
    pub(crate) fn acts(&self, acts: Vec<Act>) -> ScriptTurn {
        self.turn(Does::Acts(acts))
    }

    /// The script replies this to octets that do not fit.
    pub(crate) fn refuses(&self, reply: Option<&str>) -> ScriptTurn {
        self.turn(Does::Refuses(reply.map(Into::into)))
    }

    /// The script closes the connection because of octets that do not fit.
    pub(crate) fn closes(&self) -> ScriptTurn {
        self.turn(Does::Closes)
    }

    fn turn(&self, does: Does) -> ScriptTurn {
        ScriptTurn { no: self.no, rule: Arc::clone(&self.rule), does, is_over: self.next == ScriptNext::Over }
    }

    /// The failures to record for a line as reports show it.
    pub(crate) fn failures(&self, line: &[u8], wrong: &[Expected]) -> Vec<RecordKind> {
        let sent = |place: &Option<usize>| excerpt(line, place.unwrap_or_default(), "\"");
        let text = |Expected { text, place }: &Expected| format!("the client sent {}; {text}", sent(place));
        wrong.iter().map(|expected| self.failure(text(expected))).collect()
    }

    /// A failure to record.
    pub(crate) fn failure(&self, text: String) -> RecordKind {
        self.noted(Weight::Failure, text)
    }

    /// Something to record.
    pub(crate) fn noted(&self, weight: Weight, text: String) -> RecordKind {
        RecordKind::Noted(Box::new(Noted { by: Some(Arc::clone(&self.rule.id)), weight, text }))
    }
}

impl ScriptTurn {
    /// The steps of the script's rule in an exchange with replies of this form.
    fn steps(&self, event: Event, framing: &Framing) -> Arc<[Timed]> {
        let timed = |step: Arc<dyn Step>| Timed { step, after: None };
        match &self.does {
            Does::Acts(acts) => steps_of(acts, event, framing).into_iter().map(timed).collect(),
            Does::Refuses(None) => Arc::from([timed(Arc::new(Raw(Template::of_octets(Vec::new()))))]),
            Does::Refuses(Some(text)) => {
                Arc::from([timed(Arc::new(Reply(vec![Template::of_octets(text.as_bytes().to_vec())])))])
            }
            Does::Closes => Arc::from([timed(Arc::new(crate::rule::step::close::CloseMode::Fin))]),
        }
    }
}

/// The steps for what a server does. The request is performed silently, unless the reply is negative, or a login stands
/// for what the request would do.
fn steps_of(acts: &[Act], event: Event, framing: &Framing) -> Vec<Arc<dyn Step>> {
    let said = acts.iter().take_while(|act| **act != Act::Tls).filter_map(|act| match act {
        Act::Say(text) => Some(text.fill(&|_| None)),
        Act::Wait(_) | Act::Tls | Act::Login(_) | Act::Close(_) => None,
    });
    let is_refused = framing.status(&said.collect::<Vec<_>>().concat()) == Some(Status::Negative);
    let mut steps: Vec<Arc<dyn Step>> = Vec::new();
    let logs_in = acts.iter().any(|act| matches!(act, Act::Login(_)));
    if !is_refused && (!logs_in || event.is_greeting()) {
        steps.push(Arc::new(Pass::from(Output::Discarded)));
    }
    for act in acts {
        steps.push(match act {
            Act::Say(text) => Arc::new(Raw(text.clone())),
            Act::Wait(span) => Arc::new(WaitStep((*span).into())),
            Act::Tls => Arc::new(Handshake),
            Act::Login(user) => Arc::new(Login::As(Template::of_octets(user.clone()))),
            Act::Close(mode) => Arc::new(*mode),
        });
    }
    steps
}

impl Scripted {
    /// What follows the reply: a script decides about TLS, and the session ends only when the script is over.
    pub(super) fn after(&self, after: After) -> After {
        let is_over = match self {
            Self::Ahead(turn) => turn.is_over,
            Self::Inside { is_over } => *is_over,
            Self::Begun(playing) => playing.next == ScriptNext::Over,
        };
        if after == After::Close && is_over { After::Close } else { After::Nothing }
    }
}

impl Run {
    /// An exchange that a script plays.
    pub(crate) fn scripted(event: Event, framing: Framing, turn: ScriptTurn) -> Self {
        Self { script: Some(Scripted::Ahead(Box::new(turn))), ..Self::new(event, framing) }
    }

    /// The script to which a rule handed the connection over in this exchange.
    pub(crate) fn take_script(&mut self) -> Option<Box<Playing>> {
        match self.script.take()? {
            Scripted::Begun(playing) => Some(playing),
            Scripted::Ahead(_) | Scripted::Inside { .. } => None,
        }
    }

    /// The rule of the script that plays this exchange, until the exchange is inside of it.
    pub(super) fn script_rule(&self) -> Option<RuleNo> {
        match &self.script {
            Some(Scripted::Ahead(turn)) => Some(turn.no),
            Some(Scripted::Inside { .. } | Scripted::Begun(_)) | None => None,
        }
    }

    /// Whether rules inside of a script's rule are skipped.
    pub(crate) fn is_inside_of_script(&self) -> bool {
        matches!(self.script, Some(Scripted::Inside { .. } | Scripted::Begun(_)))
    }

    /// Enters the rule of the script that plays this exchange. Returns whether there is one.
    pub(super) fn enter_script(&mut self) -> bool {
        if self.script_rule().is_none() {
            return false;
        }
        let Some(Scripted::Ahead(turn)) = self.script.take() else { return false };
        let steps = turn.steps(self.event, &self.framing);
        self.trace.is_expected = matches!(turn.does, Does::Acts(_));
        let ScriptTurn { no, rule, is_over, .. } = *turn;
        let (counting, key, groups, request) = (Counting::default(), String::new(), Vec::new(), Vec::new());
        let mut frame = Frame::new(Firing { no, rule, n: 0, counting, key, groups, request });
        frame.effect.changed = true;
        frame.insert(&steps, true);
        self.frames.push(frame);
        self.script = Some(Scripted::Inside { is_over });
        true
    }

    /// The innermost rule hands the connection over to a script.
    pub(super) fn begin_script(&mut self, script: &ScriptRef) {
        let (Some(frame), Some(protocol)) = (self.frames.last_mut(), self.event.protocol()) else { return };
        let id = Arc::clone(&frame.firing.rule.id);
        let mut player = Player::new(id, Arc::clone(&script.script), protocol).with_tag(self.framing.tag());
        let (acts, next) = player.act();
        let (no, rule) = (frame.firing.no, Arc::clone(&frame.firing.rule));
        let playing = Playing { player, next, no, rule };
        frame.insert(&playing.acts(acts).steps(self.event, &self.framing), true);
        self.script = Some(Scripted::Begun(Box::new(playing)));
    }
}
