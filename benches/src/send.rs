//! Sends requests through stacks whose inner service answers at once.

use std::pin::pin;
use std::task::{Context, Waker};

use http::Request;

use crate::inner::Noop;

/// Sends one, and has its response before it returns.
pub fn send<S: Noop>(stack: &mut S, request: Request<()>) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(stack.poll_ready(&mut cx).is_ready());
    let response = pin!(stack.call(request));
    assert!(response.poll(&mut cx).is_ready());
}

/// Sends them all through one service.
#[inline(never)]
pub fn send_all<S: Noop>(stack: &mut S, requests: Vec<Request<()>>) {
    for request in requests {
        send(stack, request);
    }
}

/// Sends each through a clone of its own, as an axum handler does.
#[inline(never)]
pub fn send_all_by_clones<S: Noop>(stack: &S, requests: Vec<Request<()>>) {
    for request in requests {
        send(&mut stack.clone(), request);
    }
}
