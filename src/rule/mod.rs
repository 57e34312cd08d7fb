//! What shall go wrong: consulted between a request and its performance, it gives a ruling; a reply and a ruling make
//! cues for the wire. Knows no sockets.

mod plan;
mod rulebook;

pub(crate) use plan::{After, Cue, Pace, Plan};
pub(crate) use rulebook::{Rulebook, Ruling};
