//! Each promise, seen broken: a check that cannot fail is worth nothing.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use mobula_auth::ApiToken;
use mobula_auth::emulator::ViolationKind;

use super::ledger::Ledger;
use super::promises::{self, InUse, Verdict};
use super::weather::{At, SECOND};

const MS: Duration = Duration::from_millis(1);

fn holds(verdict: Verdict) {
    verdict.unwrap();
}

fn breaks(verdict: Verdict, promise: &str) {
    let breach = verdict.expect_err(promise);
    assert!(breach.starts_with(promise), "{breach}");
}

/// A handle that got two tokens of a minute and two requests, at the age of 1 second.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    give(&mut ledger, ["one", "two"], At::ZERO);
    ledger
}

fn give(ledger: &mut Ledger, names: [&str; 2], asked_at: At) {
    let tokens = names.map(|name| ApiToken::new(name).unwrap().with_id(name));
    ledger.give(
        &tokens,
        asked_at,
        asked_at + SECOND,
        (60 * SECOND, 2),
        false,
    );
}

fn h1(ledger: &Ledger, now: At) -> Verdict {
    promises::h1_no_request_fails_while_a_usable_token_exists(ledger, now, "as an example")
}

#[test]
fn h1_sees_a_failure_beside_a_usable_token() {
    breaks(h1(&ledger(), 2 * SECOND), "H1");
    breaks(h1(&ledger(), 55 * SECOND), "H1");

    holds(h1(&ledger(), SECOND));
    holds(h1(&ledger(), 57 * SECOND));
    holds(h1(&Ledger::default(), 2 * SECOND));
}

/// One usable token of two is enough, and a token is unusable for each of the reasons alone.
#[test]
fn h1_knows_what_is_usable() {
    let reasons: [fn(&mut super::ledger::Grant); 4] = [
        |grant| grant.sends = 2,
        |grant| grant.revoked = true,
        |grant| grant.told_rejected = true,
        |grant| grant.returned = true,
    ];
    for reason in reasons {
        let mut ledger = ledger();
        reason(&mut ledger.grants[0]);
        breaks(h1(&ledger, 2 * SECOND), "H1");
        reason(&mut ledger.grants[1]);
        holds(h1(&ledger, 2 * SECOND));
        // Those of the next create request are in their place.
        give(&mut ledger, ["three", "four"], 2 * SECOND);
        breaks(h1(&ledger, 4 * SECOND), "H1");
    }
    let mut replaced = ledger();
    give(&mut replaced, ["three", "four"], 2 * SECOND);
    replaced.grants[2].revoked = true;
    replaced.grants[3].revoked = true;
    holds(h1(&replaced, 4 * SECOND));
}

#[test]
fn h2_sees_expired_and_spent_tokens() {
    let arrives = promises::h2_no_expired_or_spent_token_arrives;
    breaks(arrives(ViolationKind::ExpiredToken, 2_999 * MS), "H2");
    breaks(arrives(ViolationKind::OverLimitToken, Duration::ZERO), "H2");
    breaks(
        arrives(ViolationKind::SeveralCredentials, Duration::ZERO),
        "the service saw",
    );
    breaks(
        arrives(ViolationKind::TooManyCreates, Duration::ZERO),
        "the service saw",
    );
    holds(arrives(ViolationKind::ExpiredToken, 3_000 * MS));

    let mut grant = ledger().grants.remove(0);
    holds(promises::h2_no_token_is_sent_in_its_last_moments(
        &grant,
        56_999 * MS,
    ));
    breaks(
        promises::h2_no_token_is_sent_in_its_last_moments(&grant, 57_000 * MS),
        "H2",
    );
    grant.sends = 2;
    holds(promises::h2_no_spent_token_is_sent(&grant));
    grant.sends = 3;
    breaks(promises::h2_no_spent_token_is_sent(&grant), "H2");
}

#[test]
fn h3_sees_a_sixth_create_request_in_a_rolling_minute() {
    let check = |at: [u64; 6]| {
        let arrivals = at.map(Duration::from_millis);
        promises::h3_never_more_creates_than_the_limit_in_any_60_seconds(&arrivals, 5)
    };
    breaks(check([0, 1, 2, 3, 4, 5]), "H3");
    breaks(
        check([30_000, 40_000, 50_000, 60_000, 70_000, 89_999]),
        "H3",
    );
    holds(check([30_000, 40_000, 50_000, 60_000, 70_000, 90_000]));
}

#[test]
fn h3_sees_a_create_request_before_retry_after_is_over() {
    let check = promises::h3_no_create_before_the_service_allows_it;
    holds(check(SECOND, SECOND));
    breaks(check(999 * MS, SECOND), "H3");
}

#[test]
fn h4_sees_a_credential_at_a_foreign_origin_and_a_second_one_at_home() {
    let check = promises::h4_no_credential_reaches_a_foreign_origin;
    let value = HeaderValue::from_static("Bearer secret");
    let mut headers = HeaderMap::new();
    holds(check(&headers, true));
    breaks(check(&headers, false), "H4");
    headers.insert(AUTHORIZATION, value.clone());
    holds(check(&headers, false));
    breaks(check(&headers, true), "H4");
    headers.insert("x-api-key", value.clone());
    breaks(check(&headers, false), "H4");
    headers.remove(AUTHORIZATION);
    breaks(check(&headers, true), "H4");
    headers.append("x-api-key", value);
    breaks(check(&headers, false), "H4");
}

#[test]
fn h5_sees_a_token_of_somebody_else() {
    let ledger = ledger();
    assert_eq!(
        promises::h5_no_token_of_anybody_else_is_sent(ledger.find(b"Bearer two")),
        Ok(1)
    );
    for header in [&b"Bearer three"[..], b"two", b"bearer two", b""] {
        breaks(
            promises::h5_no_token_of_anybody_else_is_sent(ledger.find(header)).map(drop),
            "H5",
        );
    }
}

#[test]
fn h6_sees_a_step_back_and_a_late_401_that_drops_the_newer_token() {
    holds(promises::h6_generations_never_go_back(3, 3));
    breaks(promises::h6_generations_never_go_back(3, 2), "H6");

    let check = promises::h6_a_late_401_never_drops_a_newer_token;
    let before = InUse {
        generation: 3,
        has_token: true,
    };
    holds(check(before, before));
    breaks(
        check(
            before,
            InUse {
                has_token: false,
                ..before
            },
        ),
        "H6",
    );
    breaks(
        check(
            before,
            InUse {
                generation: 4,
                ..before
            },
        ),
        "H6",
    );
}

#[test]
fn h7_sees_a_wait_that_is_too_long() {
    let check = promises::h7_every_waiter_ends_by_its_deadline;
    holds(check(10 * SECOND, 10 * SECOND));
    breaks(check(10_006 * MS, 10 * SECOND), "H7");
}

#[test]
fn h8_sees_a_second_replay_and_a_replay_without_a_reason() {
    let check = promises::h8_at_most_one_replay_and_only_of_a_rejected_request;
    holds(check(1, None));
    holds(check(2, Some(401)));
    holds(check(2, Some(429)));
    breaks(check(3, Some(401)), "H8");
    breaks(check(2, Some(500)), "H8");
    breaks(check(2, None), "H8");
}

#[test]
fn h9_sees_a_slow_recovery() {
    let check = promises::h9_a_token_serves_soon_after_the_last_fault;
    holds(check(60 * SECOND, Duration::ZERO));
    breaks(check(60_001 * MS, Duration::ZERO), "H9");
    holds(check(90 * SECOND, 30 * SECOND));
    breaks(check(91 * SECOND, 30 * SECOND), "H9");
}

#[test]
fn a_token_that_outlives_its_shutdown_is_seen() {
    holds(promises::a_shutdown_leaves_no_live_token(0));
    breaks(
        promises::a_shutdown_leaves_no_live_token(1),
        "1 tokens are live",
    );
}

/// What is breached comes out with the seed and the way to see it again.
#[test]
fn a_failure_names_its_seed() {
    let mut book = super::world::Book::default();
    super::verdict(7, book.clone()).unwrap();
    book.breaches.push("at 1s: H1: an example".into());
    let failure = super::verdict(7, book).unwrap_err();
    assert!(
        failure.contains("MOBULA_SIM_SEED=7 cargo test --test simulation"),
        "{failure}"
    );
    assert!(failure.contains("H1: an example"), "{failure}");
}
