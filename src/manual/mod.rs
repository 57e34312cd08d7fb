//! The manual, a chapter for each thing there is to learn.

/// What is spoken over HTTP.
#[doc = include_str!("http.md")]
pub mod http {}

/// What is spoken over SMTP.
#[doc = include_str!("smtp.md")]
pub mod smtp {}

/// What is spoken over IMAP and POP3.
#[doc = include_str!("protocols.md")]
pub mod protocols {}

/// How a server is told to misbehave, and how a failed test is told why.
#[doc = include_str!("scenarios.md")]
pub mod scenarios {}

/// Decisions that had an alternative.
#[doc = include_str!("decisions.md")]
pub mod decisions {}
