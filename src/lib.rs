//! A programmable mail server for tests.

pub mod mail;
