//! The figures of a run, and of many.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

macro_rules! events {
    ($($name:ident => $words:literal,)*) => {
        /// Something that happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Event { $($name,)* }

        const EVENTS: [&str; [$($words,)*].len()] = [$($words,)*];
    };
}

events! {
    // What came of the callers' requests.
    Served => "served",
    Answered401 => "401",
    Answered429 => "429",
    AnsweredOther => "other answers",
    Unreached => "network errors",
    GivenUp => "given up by the caller",
    Foreign => "to foreign origins",
    Transient => "transient",
    RateLimited => "rate limited",
    Rejected => "key rejected",
    PlanRequired => "plan required",
    Refused => "refused",
    ShutDown => "shut down",
    // What was sent.
    Sent => "sent",
    Replayed => "replayed",
    Create => "creates",
    Revoke => "revokes",
    // What went wrong with it.
    LostRequest => "lost request",
    LostAnswer => "lost answer",
    Reset => "reset",
    Status => "error status",
    Nonsense => "nonsense",
    Delay => "long delay",
    // What was done to the clients.
    RevokeAll => "revoke all",
    RevokeOne => "revoke one",
    KeyDeleted => "key deleted",
    PlanChange => "plan change",
    Restart => "restart",
    Shutdown => "shutdown",
    SkewChange => "skew change",
    ManualRefresh => "manual refresh",
    Lease => "lease",
    // What the oracle looked at.
    LateRejection => "late 401s",
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    counts: [u64; EVENTS.len()],
    pub(crate) seeds: u64,
    pub(crate) clients: u64,
    pub(crate) rotations: u64,
    pub(crate) simulated: Duration,
    pub(crate) slowest_recovery: Duration,
    pub(crate) breaches: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: [0; EVENTS.len()],
            seeds: 0,
            clients: 0,
            rotations: 0,
            simulated: Duration::ZERO,
            slowest_recovery: Duration::ZERO,
            breaches: 0,
        }
    }
}

impl Tally {
    pub(crate) fn count(&mut self, event: Event) {
        self.counts[event as usize] += 1;
    }

    pub(crate) fn of(&self, event: Event) -> u64 {
        self.counts[event as usize]
    }

    /// What callers asked of their stacks.
    pub(crate) fn requests(&self) -> u64 {
        self.counts[..=Event::ShutDown as usize].iter().sum()
    }

    fn listed(&self, from: Event, to: Event) -> String {
        let range = from as usize..=to as usize;
        let listed: Vec<String> = range
            .map(|event| format!("{} {}", EVENTS[event], self.counts[event]))
            .collect();
        listed.join(", ")
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.seeds += other.seeds;
        self.clients += other.clients;
        self.rotations += other.rotations;
        self.simulated += other.simulated;
        self.slowest_recovery = self.slowest_recovery.max(other.slowest_recovery);
        self.breaches += other.breaches;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "simulation: {} seeds, {} clients, {} requests ({} sent), {} rotations, {} create requests, {:.1} simulated client-days",
            self.seeds,
            self.clients,
            self.requests(),
            self.of(Event::Sent),
            self.rotations,
            self.of(Event::Create),
            self.simulated.as_secs_f64() / 86_400.0,
        )?;
        writeln!(
            f,
            "  came out as: {}",
            self.listed(Event::Served, Event::Foreign)
        )?;
        writeln!(
            f,
            "  failed without a usable token: {}",
            self.listed(Event::Transient, Event::ShutDown)
        )?;
        writeln!(f, "  sent: {}", self.listed(Event::Sent, Event::Revoke))?;
        writeln!(
            f,
            "  faults: {}",
            self.listed(Event::LostRequest, Event::Delay)
        )?;
        writeln!(
            f,
            "  done to clients: {}",
            self.listed(Event::RevokeAll, Event::Lease)
        )?;
        write!(
            f,
            "  watched: {}; slowest recovery {:.1} s",
            self.listed(Event::LateRejection, Event::LateRejection),
            self.slowest_recovery.as_secs_f64(),
        )
    }
}
