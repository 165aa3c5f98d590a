//! The faults that wait for their requests.

use std::time::Duration;

use super::{Endpoint, Fault, fault::FaultKind};

#[derive(Debug, Default)]
pub(super) struct FaultQueue {
    faults: Vec<Fault>,
}

/// The faults that one request meets.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) latency: Option<Latency>,
    /// Anything but a latency.
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    pub(super) length: Duration,
    pub(super) after_handling: bool,
}

impl FaultQueue {
    pub(super) fn push(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.faults.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// Takes what strikes a request for `endpoint`.
    pub(super) fn meet(&mut self, endpoint: Option<Endpoint>) -> Met {
        if self.faults.is_empty() {
            return Met::default();
        }
        let latency = self
            .take(endpoint, true)
            .and_then(|fault| match fault.kind {
                FaultKind::Latency(length) => Some(Latency {
                    length,
                    after_handling: fault.after_handling,
                }),
                _ => None,
            });
        Met {
            latency,
            fault: self.take(endpoint, false),
        }
    }

    fn take(&mut self, endpoint: Option<Endpoint>, latency: bool) -> Option<Fault> {
        let place = self.faults.iter().position(|fault| {
            matches!(fault.kind, FaultKind::Latency(_)) == latency
                && (fault.endpoint.is_none() || fault.endpoint == endpoint)
        })?;
        match &mut self.faults[place].times {
            Some(1) => Some(self.faults.remove(place)),
            Some(times) => {
                *times -= 1;
                Some(self.faults[place].clone())
            }
            None => Some(self.faults[place].clone()),
        }
    }
}
