//! One seed's world, drawn before it begins.

use std::time::{Duration, UNIX_EPOCH};

use mobula_auth::RefreshPolicy;
use mobula_auth::emulator::{
    BodyShape, CountedCreates, CreateWindow, Emulator, EmulatorBuilder, ErrorEnvelope, RetryAfter,
    Skew, SuccessCodes, TokenFormat,
};

use super::random::Random;
use super::weather::{At, SECOND, Trouble, Weather, Window};

pub(crate) struct Plan {
    pub(crate) emulator: EmulatorBuilder,
    pub(crate) clients: Vec<ClientPlan>,
    /// What happens to all at once.
    pub(crate) events: Vec<(At, WorldEvent)>,
    /// When the last fault is over.
    pub(crate) calm_at: At,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum WorldEvent {
    RevokeAll,
    Skew(Skew),
}

pub(crate) struct ClientPlan {
    pub(crate) settings: Settings,
    pub(crate) weather: Weather,
    pub(crate) traffic: Vec<Phase>,
    pub(crate) events: Vec<(At, ClientEvent)>,
    /// Whether its key is deleted when all is well, to see it told.
    pub(crate) loses_key_at_the_end: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) lifetime: Duration,
    pub(crate) request_limit: u64,
    pub(crate) standby: u32,
    pub(crate) max_wait: Duration,
    pub(crate) max_waiting: usize,
    pub(crate) grace: Option<Duration>,
    pub(crate) creates_per_minute: u32,
    pub(crate) policy: RefreshPolicy,
    pub(crate) jitter_seed: u64,
    pub(crate) newcomers_first: bool,
}

/// A stretch of traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) from: At,
    pub(crate) every: Duration,
    pub(crate) at_once: u32,
    pub(crate) times: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ClientEvent {
    RevokeCurrent,
    DeleteKey,
    NewKey,
    Downgrade,
    Upgrade,
    Restart { cancel: bool },
    Shutdown,
    Refresh,
    Lease,
}

const DAY: u64 = 86_400;

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::named(seed, &[1]);
        let fleet = match random.between(0, 99) {
            0..60 => random.between(1, 4),
            60..90 => random.between(5, 15),
            90..98 => random.between(16, 60),
            _ => random.between(61, 200),
        };
        let seconds = random.magnitude(300, 3 * DAY);
        let calm_at = Duration::from_secs(seconds);
        let requests = random.magnitude(5_000, 10_000).max(fleet * 40);
        let shared: Vec<Window> = (0..random.between(0, 2))
            .map(|_| window(&mut random, seconds))
            .collect();
        let events = (0..random.between(0, 3))
            .map(|_| (moment(&mut random, seconds), WorldEvent::RevokeAll));
        let mut events: Vec<_> = events.collect();
        for _ in 0..random.between(0, 2) {
            events.push((
                moment(&mut random, seconds),
                WorldEvent::Skew(skew(&mut random)),
            ));
        }
        events.sort_by_key(|(at, _)| *at);
        let clients = (0..fleet).map(|number| {
            let mut random = Random::named(seed, &[2, number]);
            ClientPlan::drawn(&mut random, seconds, requests / fleet, &shared)
        });
        Self {
            clients: clients.collect(),
            emulator: emulator(&mut random),
            events,
            calm_at,
        }
    }
}

impl ClientPlan {
    fn drawn(random: &mut Random, seconds: u64, requests: u64, shared: &[Window]) -> Self {
        let settings = Settings::drawn(random, seconds);
        let mut windows = shared.to_vec();
        windows.extend((0..random.between(0, 4)).map(|_| window(random, seconds)));
        let usual_delay = if random.chance(0.5) {
            Duration::ZERO
        } else {
            random.milliseconds(1, 120)
        };
        let calm_at = Duration::from_secs(seconds);
        Self {
            settings,
            weather: Weather {
                usual_delay,
                windows,
                calm_at,
            },
            traffic: traffic(random, seconds, requests),
            events: events(random, seconds),
            loses_key_at_the_end: random.chance(0.2),
        }
    }
}

impl Settings {
    fn drawn(random: &mut Random, seconds: u64) -> Self {
        let longest = if random.chance(0.8) {
            (seconds / 4).clamp(60, DAY)
        } else {
            DAY
        };
        let shortest = if random.chance(0.15) {
            60
        } else {
            (seconds / 100).max(60)
        };
        let milliseconds = random.magnitude(shortest.min(longest), longest) * 1_000
            + if random.chance(0.2) {
                random.between(0, 999)
            } else {
                0
            };
        let mut policy = RefreshPolicy::default();
        if random.chance(0.2) {
            let earliest = 0.3 + random.share() * 0.3;
            let latest = earliest + random.share() * (0.8 - earliest);
            policy = policy
                .soft_point(earliest, latest)
                .unwrap()
                .reserve(random.share() * 0.9)
                .unwrap();
        }
        Self {
            lifetime: Duration::from_millis(milliseconds.min(DAY * 1_000)),
            request_limit: if random.chance(0.15) {
                random.between(1, 20)
            } else {
                random.magnitude(20, 1_000_000)
            },
            standby: if random.chance(0.7) {
                u32::from(random.chance(0.6))
            } else {
                u32::try_from(random.between(2, 24)).unwrap()
            },
            max_wait: if random.chance(0.6) {
                10 * SECOND
            } else {
                Duration::from_millis(random.magnitude(10, 45_000))
            },
            max_waiting: if random.chance(0.9) {
                16_384
            } else {
                usize::try_from(random.between(1, 64)).unwrap()
            },
            grace: match random.between(0, 9) {
                0 => None,
                1..4 => Some(random.milliseconds(0, 120_000)),
                _ => Some(30 * SECOND),
            },
            creates_per_minute: if random.chance(0.7) {
                4
            } else {
                u32::try_from(random.between(1, 5)).unwrap()
            },
            policy,
            jitter_seed: random.word(),
            newcomers_first: random.chance(0.5),
        }
    }
}

/// Bursts of up to 10,000 requests a second, steady stretches, and idle spells between them.
fn traffic(random: &mut Random, seconds: u64, requests: u64) -> Vec<Phase> {
    let parts = random.between(1, 8);
    let part = seconds * 1_000 / parts;
    let mut phases = Vec::new();
    for number in 0..parts {
        let from = number * part + random.between(0, part / 4);
        let requests = requests / parts;
        if requests == 0 || random.chance(0.1) {
            continue;
        }
        let room = (number + 1) * part - from;
        // In milliseconds: all at its highest rate, or spread out over all of its time.
        let shortest = (requests / 10).max(1).min(room);
        let length = if random.chance(0.6) {
            room
        } else {
            random.magnitude(shortest, room)
        };
        let times = requests.min(length).max(1);
        phases.push(Phase {
            from: Duration::from_millis(from),
            every: Duration::from_micros((length * 1_000 / times).max(1_000)),
            at_once: u32::try_from(requests.div_ceil(times)).unwrap(),
            times: u32::try_from(times).unwrap(),
        });
    }
    phases
}

fn events(random: &mut Random, seconds: u64) -> Vec<(At, ClientEvent)> {
    let mut events = Vec::new();
    for _ in 0..random.between(0, 5) {
        let at = moment(random, seconds);
        let calm_at = Duration::from_secs(seconds);
        let mended = |random: &mut Random| calm_at.min(at + random.milliseconds(0, seconds * 50));
        match random.between(0, 9) {
            0..3 => events.push((at, ClientEvent::RevokeCurrent)),
            3 => {
                events.push((at, ClientEvent::DeleteKey));
                events.push((mended(random), ClientEvent::NewKey));
            }
            4 => {
                events.push((at, ClientEvent::Downgrade));
                events.push((mended(random), ClientEvent::Upgrade));
            }
            5..7 => events.push((
                at,
                ClientEvent::Restart {
                    cancel: random.chance(0.5),
                },
            )),
            7 => events.push((at, ClientEvent::Shutdown)),
            8 => events.push((at, ClientEvent::Refresh)),
            _ => events.push((at, ClientEvent::Lease)),
        }
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn window(random: &mut Random, seconds: u64) -> Window {
    let length = Duration::from_secs(random.magnitude(1, (seconds / 3).min(7_200)));
    // Some last until all is over: what recovers then does so from the midst of it.
    let from = if random.chance(0.15) {
        Duration::from_secs(seconds).saturating_sub(length)
    } else {
        moment(random, seconds)
    };
    let (data, tokens) = *random.pick(&[(false, true), (false, true), (true, false), (true, true)]);
    let statuses = [500, 503, 503, 429, 429, 401, 403, 404, 307, 400];
    let trouble = match random.between(0, 6) {
        0 => Trouble::Partition,
        1 => Trouble::Slow {
            longest: random.milliseconds(100, 25_000),
        },
        2 | 3 => Trouble::Status {
            status: *random.pick(&statuses),
            retry_after: random.chance(0.3).then(|| random.magnitude(1, 900)),
        },
        4 => Trouble::Nonsense,
        _ => Trouble::Flaky,
    };
    let share = if random.chance(0.4) {
        1.0
    } else {
        0.05 + random.share() * 0.9
    };
    Window {
        from,
        to: (from + length).min(Duration::from_secs(seconds)),
        data,
        tokens,
        share,
        trouble,
    }
}

fn moment(random: &mut Random, seconds: u64) -> At {
    random.milliseconds(0, seconds * 1_000 - 1)
}

fn skew(random: &mut Random) -> Skew {
    let by = Duration::from_secs(random.magnitude(1, DAY));
    *random.pick(&[Skew::None, Skew::Ahead(by), Skew::Behind(by)])
}

/// All that Mobula does not document may be either way.
fn emulator(random: &mut Random) -> EmulatorBuilder {
    let shapes = [BodyShape::Named, BodyShape::Bare, BodyShape::Data];
    let envelopes = [
        ErrorEnvelope::Detailed,
        ErrorEnvelope::ErrorOnly,
        ErrorEnvelope::PlainText,
    ];
    Emulator::builder()
        .start_at(UNIX_EPOCH + Duration::from_secs(2_000_000_000))
        .jwt_secret([7; 32])
        .create_shape(*random.pick(&shapes))
        .error_envelope(*random.pick(&envelopes))
        .success_codes(*random.pick(&[SuccessCodes::AlwaysOk, SuccessCodes::ByMethod]))
        .retry_after(*random.pick(&[
            RetryAfter::Absent,
            RetryAfter::Seconds,
            RetryAfter::HttpDate,
        ]))
        .token_format(*random.pick(&[TokenFormat::Jwt, TokenFormat::Undecodable]))
        .counted_creates(*random.pick(&[CountedCreates::Attempts, CountedCreates::Successes]))
        .create_window(*random.pick(&[CreateWindow::Sliding, CreateWindow::Fixed]))
}
