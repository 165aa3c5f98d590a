//! The only error that the emulator's service and its bodies have.

use std::{error::Error, fmt};

/// The connection broke, because a [`Fault`](super::Fault) asked for it.
///
/// In process this stands for what a client sees of a reset socket; over a real socket the socket is reset instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLost {
    pub(super) when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    BeforeAnswer,
    WithinBody,
}

impl fmt::Display for ConnectionLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.when {
            When::BeforeAnswer => "emulated connection reset before the answer",
            When::WithinBody => "emulated connection loss within the body",
        })
    }
}

impl Error for ConnectionLost {}
