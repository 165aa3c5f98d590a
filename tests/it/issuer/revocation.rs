//! U6: tokens that end before their time.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use tokio::time::sleep;
use tokio_test::{assert_pending, task};
use tower::Service;

use super::mint::Mint;
use super::{Answer, ask, issuer, post, request, seconds, send};

fn is_revoked(emulator: &Emulator, answer: &Answer) -> bool {
    let tokens = emulator.tokens();
    let token = tokens.iter().find(|token| *token.id == *answer.id());
    token.unwrap().revoked
}

#[tokio::test(start_paused = true)]
async fn u6_a_logout_ends_all_of_a_subject_s_tokens_and_nobody_else_s() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let of_ann = [ask(&issuer, "ann").await, ask(&issuer, "ann").await];
    let of_bob = ask(&issuer, "bob").await;
    let report = issuer.revoke_subject("ann").await;
    assert_eq!((report.revoked, report.left), (2, 0));
    assert!(of_ann.iter().all(|answer| is_revoked(&emulator, answer)));
    assert!(!is_revoked(&emulator, &of_bob));
    assert_eq!(issuer.revoke_subject("ann").await.revoked, 0);
    assert_eq!(issuer.revoke_subject("nobody").await.revoked, 0);
    assert_eq!(issuer.status().live, 1);
}

#[tokio::test(start_paused = true)]
async fn u6_delete_gives_back_what_is_the_caller_s_own() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let of_ann = [ask(&issuer, "ann").await, ask(&issuer, "ann").await];
    let of_bob = ask(&issuer, "bob").await;
    let by_id = |user, answer: &Answer| {
        let body = serde_json::json!({ "id": answer.id() }).to_string();
        request("DELETE", user, &body)
    };
    let foreign = send(&issuer, by_id("ann", &of_bob)).await;
    assert_eq!(
        (foreign.status, foreign.error()),
        (StatusCode::NOT_FOUND, "not_found")
    );
    assert!(!is_revoked(&emulator, &of_bob));
    let one = send(&issuer, by_id("ann", &of_ann[0])).await;
    assert_eq!(one.status, StatusCode::OK);
    assert_eq!(
        (&one.json["revoked"], &one.json["left"]),
        (&1.into(), &0.into())
    );
    assert!(is_revoked(&emulator, &of_ann[0]) && !is_revoked(&emulator, &of_ann[1]));
    assert_eq!(
        send(&issuer, by_id("ann", &of_ann[0])).await.status,
        StatusCode::NOT_FOUND
    );
    let all = send(&issuer, request("DELETE", "ann", "{}")).await;
    assert_eq!(all.json["revoked"], 1);
    assert!(is_revoked(&emulator, &of_ann[1]));
    let none = send(&issuer, request("DELETE", "ann", "")).await;
    assert_eq!(
        (none.status, &none.json["revoked"]),
        (StatusCode::OK, &0.into())
    );
}

/// What could not be revoked stays known, so that it can be tried again.
#[tokio::test(start_paused = true)]
async fn u6_a_revocation_that_failed_can_be_repeated() {
    let mint = Mint::default();
    let issuer = mint.issuer();
    ask(&issuer, "ann").await;
    mint.fail_to_revoke(true);
    let failed = send(&issuer, request("DELETE", "ann", "")).await;
    assert_eq!(failed.status, StatusCode::BAD_GATEWAY);
    assert_eq!(failed.json["left"], 1);
    assert_eq!(issuer.status().live, 1);
    mint.fail_to_revoke(false);
    assert_eq!(
        send(&issuer, request("DELETE", "ann", "")).await.json["revoked"],
        1
    );
    assert_eq!(mint.revoked(), ["id-0"]);
}

/// A token that Mobula no longer knows is as useless as can be.
#[tokio::test(start_paused = true)]
async fn what_is_gone_already_counts_as_revoked_and_a_slow_answer_does_not() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    ask(&issuer, "ann").await;
    emulator.fault(Fault::status(StatusCode::NOT_FOUND).on(Endpoint::Revoke));
    assert_eq!(issuer.revoke_subject("ann").await.revoked, 1);
    ask(&issuer, "ann").await;
    emulator.fault(Fault::hang().on(Endpoint::Revoke));
    assert_eq!(issuer.revoke_subject("ann").await.left, 1);
    assert_eq!(issuer.revoke_subject("ann").await.revoked, 1);
}

/// Who is logged out while it waits gets no token; nor if one was on its way already.
#[tokio::test(start_paused = true)]
async fn u6_a_logout_overtakes_a_token_that_is_on_its_way() {
    let mint = Mint::default().with_latency(seconds(1));
    let issuer = mint.issuer();
    let mut waits = task::spawn(issuer.clone().call(post("ann")));
    assert_pending!(waits.poll());
    assert_eq!(issuer.status().waiting, 1);
    issuer.revoke_subject("ann").await;
    let Ok(answer) = waits.await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);

    let mut on_its_way = task::spawn(issuer.clone().call(post("bob")));
    assert_pending!(on_its_way.poll());
    sleep(seconds(3)).await;
    assert_eq!(issuer.status().live, 1);
    assert_eq!(issuer.revoke_subject("bob").await.revoked, 1);
    let Ok(answer) = on_its_way.await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(mint.revoked().len(), 1);
    let revoked = mint.revoked()[0].clone();
    for user in 0..mint.creates()[0] - 1 {
        assert_ne!(ask(&issuer, &user.to_string()).await.id(), revoked);
    }
}

/// The session was good when the hook looked at it; the rest of the request comes after the logout. Who has somebody's
/// cookie could keep one open for that.
#[tokio::test(start_paused = true)]
async fn u6_a_request_that_was_let_in_before_a_logout_gets_nothing_after_it() {
    let issuer = Mint::default().issuer();
    let slow = || {
        let body = futures_util::stream::once(async {
            sleep(seconds(5)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{}")))
        });
        let request = Request::post("/token").header("x-user", "ann");
        let request = request.header("content-type", "application/json");
        let request = request.body(StreamBody::new(body)).unwrap();
        task::spawn(issuer.clone().call(request))
    };
    let mut before = slow();
    assert_pending!(before.poll());
    issuer.revoke_subject("bob").await;
    assert_pending!(before.poll());
    issuer.revoke_subject("ann").await;
    let mut after = slow();
    assert_pending!(after.poll());
    let Ok(answer) = before.await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(issuer.status().live, 0);
    let Ok(answer) = after.await;
    assert_eq!(answer.status(), StatusCode::OK, "she has signed in again");
}

/// Whoever revokes what is being revoked already is told how that ends, and not that there is nothing.
#[tokio::test(start_paused = true)]
async fn u6_two_revocations_at_once_tell_the_same() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let answer = ask(&issuer, "ann").await;
    emulator.fault(Fault::latency(seconds(3)).on(Endpoint::Revoke).always());
    let mut first = task::spawn(issuer.revoke_subject("ann"));
    assert_pending!(first.poll());
    let second = send(&issuer, request("DELETE", "ann", "")).await;
    assert!(is_revoked(&emulator, &answer));
    assert_eq!(second.json["revoked"], 1);
    assert_eq!(first.await.revoked, 1);
    assert_eq!(issuer.status().live, 0);
}

/// R16: a revocation that dies with its runtime has not made the token unknown.
#[test]
fn r16_a_revocation_that_dies_with_its_runtime_can_be_repeated() {
    let mint = Mint::default();
    let issuer = mint.issuer();
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        ask(&issuer, "ann").await;
        assert_pending!(task::spawn(issuer.revoke_subject("ann")).poll());
    });
    drop(first);
    assert!(mint.revoked().is_empty());
    let report = second.block_on(issuer.revoke_subject("ann"));
    assert_eq!((report.revoked, report.left), (1, 0));
}

/// R4: who hangs up while it logs out is logged out.
#[tokio::test(start_paused = true)]
async fn r4_a_revocation_outlives_its_caller() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let answer = ask(&issuer, "ann").await;
    emulator.fault(Fault::latency(seconds(3)).on(Endpoint::Revoke));
    let mut delete = task::spawn(issuer.clone().call(request("DELETE", "ann", "")));
    assert_pending!(delete.poll());
    drop(delete);
    sleep(seconds(4)).await;
    assert!(is_revoked(&emulator, &answer));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_stock_and_leaves_callers_what_they_have() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let answer = ask(&issuer, "ann").await;
    let in_stock = issuer.status().in_stock;
    assert!(in_stock > 0);
    let report = issuer.shutdown().await;
    assert_eq!((report.revoked, report.left), (in_stock, 0));
    assert!(!is_revoked(&emulator, &answer));
    let refused = ask(&issuer, "ann").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.error(), "shut_down");
    assert_eq!(issuer.shutdown().await.revoked, 0);
    assert_eq!(
        issuer.revoke_subject("ann").await.revoked,
        1,
        "logouts go on"
    );
    assert_eq!(emulator.counts().create.received, 1);
}

/// Nobody is there to get what a create request brings that was under way: it must not stay good.
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_what_comes_after_it() {
    let mint = Mint::default().with_latency(seconds(2));
    let issuer = mint.issuer();
    let mut waits = task::spawn(issuer.clone().call(post("ann")));
    assert_pending!(waits.poll());
    sleep(seconds(1)).await;
    let report = issuer.shutdown().await;
    assert_eq!((report.revoked, report.left), (0, 0), "there is none yet");
    let Ok(answer) = waits.await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    sleep(seconds(2)).await;
    assert_eq!(mint.revoked().len(), mint.creates()[0] as usize);
}
