//! The structure of a message.
