//! What a case does, drawn at random and shrunk when it fails.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::events::{Class, Rules};

/// A handle with these rules, and what is done to it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) rules: Rules,
    pub(super) jitter_seed: u64,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    /// So many requests at once.
    Send(u32),
    Lease,
    Refresh,
    Shutdown,
    /// The caller of the call under way that is so far from the first drops it.
    Drop(usize),
    Advance(Duration),
    /// To this point, less or more so many milliseconds.
    AdvanceTo(Point, i64),
    /// The source's next answers.
    Script(Vec<Answer>),
    /// From now on, the server answers everything but revoked tokens with this status.
    Serve(u16),
    /// The server accepts the current token no more.
    RevokeCurrent,
    /// From now on, responses are held back, or not.
    Hold(bool),
    /// The responses held back arrive, with this status.
    Release(u16),
}

/// Moments at which something changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Point {
    Soft,
    NeverSent,
    GateOpens,
    SomethingDue,
}

/// What the source does when it is asked.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) after: Duration,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    AsAsked,
    Tokens(Vec<TokenSpec>),
    Fail(Class),
    Panic,
    Hang,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TokenSpec {
    pub(super) lifetime: Option<Duration>,
    pub(super) request_limit: Option<u64>,
    /// The token made last once more.
    pub(super) again: bool,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    (rules(), any::<u64>(), vec(command(), 1..40)).prop_map(|(rules, jitter_seed, commands)| Case {
        rules,
        jitter_seed,
        commands,
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let lifetime = select(vec![60, 600, 3_600, 86_400]).prop_map(Duration::from_secs);
    let max_wait = select(vec![0, 1_000, 10_000, 40_000]).prop_map(Duration::from_millis);
    let grace =
        select(vec![None, Some(0), Some(30_000)]).prop_map(|ms| ms.map(Duration::from_millis));
    let shutdown_within = select(vec![4, 40]).prop_map(Duration::from_secs);
    (
        (lifetime, select(vec![1, 3, 10, 20, 1_000]), 0..4_u32),
        select(vec![0.25, 0.5, 0.75]),
        (max_wait, select(vec![2, 16_384])),
        (grace, shutdown_within, any::<bool>()),
    )
        .prop_map(
            |(
                (lifetime, request_limit, standby),
                soft_point,
                (max_wait, max_waiting),
                (revoke_replaced_after, shutdown_within, replay),
            )| Rules {
                lifetime,
                request_limit,
                standby,
                soft_point,
                max_wait,
                max_waiting,
                revoke_replaced_after,
                shutdown_within,
                replay,
            },
        )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        10 => (1..5_u32).prop_map(Command::Send),
        // Enough to age a token by its budget alone.
        2 => (5..20_u32).prop_map(Command::Send),
        3 => Just(Command::Lease),
        3 => Just(Command::Refresh),
        3 => (0..8_usize).prop_map(Command::Drop),
        5 => advance().prop_map(Command::Advance),
        7 => (point(), -1..=1_i64).prop_map(|(to, offset)| Command::AdvanceTo(to, offset)),
        6 => vec(answer(), 1..4).prop_map(Command::Script),
        3 => select(vec![200, 200, 401, 401, 403, 429]).prop_map(Command::Serve),
        3 => Just(Command::RevokeCurrent),
        3 => any::<bool>().prop_map(Command::Hold),
        3 => select(vec![200, 401, 401]).prop_map(Command::Release),
        // Rare: little can happen afterwards.
        1 => prop_oneof![3 => Just(Command::Lease), 1 => Just(Command::Shutdown)],
    ]
}

fn advance() -> impl Strategy<Value = Duration> {
    let milliseconds = prop_oneof![
        4 => 1..2_000_u64,
        4 => 2_000..60_000_u64,
        2 => 60_000..700_000_u64,
        1 => 1_000_000..100_000_000_u64,
    ];
    milliseconds.prop_map(Duration::from_millis)
}

fn point() -> impl Strategy<Value = Point> {
    select(vec![
        Point::Soft,
        Point::NeverSent,
        Point::GateOpens,
        Point::SomethingDue,
    ])
}

fn answer() -> impl Strategy<Value = Answer> {
    let after = prop_oneof![
        3 => Just(0),
        3 => 1..12_000_u64,
        1 => 20_000..40_000_u64,
    ];
    let class = select(vec![
        Class::Transient,
        Class::Transient,
        Class::RateLimited,
        Class::Rejected,
        Class::PlanRequired,
    ]);
    let what = prop_oneof![
        3 => Just(What::AsAsked),
        4 => vec(token(), 0..4).prop_map(What::Tokens),
        3 => class.prop_map(What::Fail),
        1 => Just(What::Panic),
        1 => Just(What::Hang),
    ];
    (after.prop_map(Duration::from_millis), what).prop_map(|(after, what)| Answer { after, what })
}

fn token() -> impl Strategy<Value = TokenSpec> {
    let lifetime = select(vec![0, 8, 20, 60, 4_000]).prop_map(Duration::from_secs);
    let limit = select(vec![0, 1, 2, 10, 5_000]);
    (
        option::of(lifetime),
        option::of(limit),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(lifetime, request_limit, again)| TokenSpec {
            lifetime,
            request_limit,
            again,
        })
}
