//! What a caller gets.

use std::collections::HashSet;
use std::fmt::Write;
use std::time::SystemTime;

use http::{Request, StatusCode};
use http_body_util::Full;
use mobula_auth::CreateTokens;
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::{FromExtensions, Grant, IssuedTokens, IssuerEvent, TokenIssuer};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::ServiceExt;

use super::mint::Mint;
use super::{Answer, ask, builder, issuer, post, request, seconds, send};

/// The status of a market data request with this token.
async fn data(emulator: &Emulator, token: &str) -> StatusCode {
    let request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    emulator.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn a_caller_gets_a_token_that_works_for_as_long_as_it_is_told() {
    let emulator = Emulator::new();
    let answer = ask(&issuer(&emulator), "ann").await;
    assert_eq!(answer.status, StatusCode::OK);
    let members: HashSet<_> = answer.json.as_object().unwrap().keys().collect();
    let expected = ["token", "id", "expiresAt", "expiresIn", "requestLimit"];
    assert_eq!(members, expected.map(str::to_owned).iter().collect());
    assert_eq!(answer.json["requestLimit"], 1_000);
    assert_eq!(answer.json["expiresIn"], 300_000);
    let record = &emulator.tokens()[0];
    assert!(emulator.tokens().iter().any(|it| *it.id == *answer.id()));
    let expires_at: jiff::Timestamp = answer.json["expiresAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(SystemTime::from(expires_at), record.expires_at);
    assert_eq!(data(&emulator, answer.token()).await, StatusCode::OK);
    tokio::time::sleep(seconds(299)).await;
    assert_eq!(data(&emulator, answer.token()).await, StatusCode::OK);
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(
        data(&emulator, answer.token()).await,
        StatusCode::UNAUTHORIZED
    );
}

/// U4: one create request for all who ask within a batch, and no token twice.
#[tokio::test(start_paused = true)]
async fn u4_a_hundred_callers_cost_four_create_requests_and_share_nothing() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let issuer = issuer.clone();
        tasks.spawn(async move { ask(&issuer, &format!("user {number}")).await });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|it| it.status == StatusCode::OK));
    let tokens: HashSet<_> = answers.iter().map(Answer::token).collect();
    assert_eq!(tokens.len(), 100);
    assert_eq!(emulator.counts().create.received, 4);
    assert_eq!(emulator.counts().tokens, 100);
}

/// The second caller is served from stock, and a caller that asks twice gets two tokens.
#[tokio::test(start_paused = true)]
async fn what_is_in_stock_is_handed_out_without_a_call() {
    let mint = Mint::default();
    let issuer = mint.issuer();
    let mut seen = HashSet::new();
    for user in ["ann", "bob", "ann"] {
        assert!(seen.insert(ask(&issuer, user).await.token().to_owned()));
    }
    assert_eq!(mint.creates().len(), 1, "{:?}", mint.creates());
    let status = issuer.status();
    assert_eq!((status.live, status.waiting), (3, 0));
    assert_eq!(status.in_stock, mint.creates()[0] as usize - 3);
}

/// U7: no token is handed out with less than 80 % of its life, and none that got too old stays good.
#[tokio::test(start_paused = true)]
async fn u7_what_has_aged_in_stock_is_revoked_and_not_handed_out() {
    let mint = Mint::default();
    let issuer = mint.issuer();
    let first = ask(&issuer, "ann").await;
    let made = mint.creates()[0] as usize;
    tokio::time::sleep(seconds(60)).await;
    let at_the_edge = ask(&issuer, "bob").await;
    assert_eq!(mint.creates().len(), 1);
    assert_eq!(at_the_edge.json["expiresIn"], 240_000);
    tokio::time::sleep(seconds(1)).await;
    let later = ask(&issuer, "cid").await;
    assert_eq!(later.json["expiresIn"], 300_000);
    assert_eq!(mint.creates().len(), 2);
    tokio::time::sleep(seconds(1)).await;
    let revoked = mint.revoked();
    assert_eq!(revoked.len(), made - 2, "the rest of the first batch");
    for answer in [first, at_the_edge, later] {
        assert!(!revoked.contains(&answer.id().to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_token_has_a_stock_of_its_own_and_there_are_few() {
    let mint = Mint::default();
    let issuer = mint.builder().max_kinds(2).build().unwrap();
    let ask_for = async |lifetime: u64| {
        let mut request = post("ann");
        let value = lifetime.to_string().parse().unwrap();
        request.headers_mut().insert("x-lifetime", value);
        send(&issuer, request).await
    };
    assert_eq!(ask_for(600).await.json["expiresIn"], 600_000);
    assert_eq!(ask_for(900).await.json["expiresIn"], 900_000);
    assert_eq!(ask_for(600).await.json["expiresIn"], 600_000);
    let sizes: Vec<_> = mint
        .requests()
        .iter()
        .map(CreateTokens::get_lifetime)
        .collect();
    assert_eq!(sizes, [seconds(600), seconds(900)]);
    assert!(mint.revoked().is_empty());
    assert_eq!(ask_for(1_200).await.json["expiresIn"], 1_200_000);
    tokio::time::sleep(seconds(1)).await;
    let unused_of_900 = mint.creates()[1] as usize - 1;
    assert_eq!(
        mint.revoked().len(),
        unused_of_900,
        "the least recently used kind"
    );
    let impossible = ask_for(1).await;
    assert_eq!(impossible.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(impossible.error(), "misconfigured");
}

#[tokio::test(start_paused = true)]
async fn a_value_of_an_outer_layer_can_be_the_authorisation() {
    #[derive(Clone)]
    struct User(u32);
    let hook = FromExtensions::new(|user: &User| Ok(Grant::new(user.0.to_string())?));
    let issuer = TokenIssuer::new(Mint::default(), hook);
    let mut events = issuer.subscribe();
    let mut known = post("anything");
    known.extensions_mut().insert(User(7));
    assert_eq!(send(&issuer, known).await.status, StatusCode::OK);
    let unknown = ask(&issuer, "anything").await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unknown.headers["www-authenticate"], "Session");
    assert!(matches!(
        events.next().await,
        Some(IssuerEvent::Stocked { .. })
    ));
    match events.next().await {
        Some(IssuerEvent::Issued { subject, .. }) => assert_eq!(&*subject, "7"),
        other => panic!("{other:?}"),
    }
}

/// An event for each issue, refusal and revocation, with who and which.
#[tokio::test(start_paused = true)]
async fn each_answer_is_an_audit_event() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator)
        .subject_limit(1, seconds(60))
        .build()
        .unwrap();
    let mut events = issuer.subscribe();
    let of_ann = ask(&issuer, "ann").await;
    ask(&issuer, "ann").await;
    ask(&issuer, "banned").await;
    send(&issuer, request("DELETE", "ann", "")).await;
    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(match events.next().await.unwrap() {
            IssuerEvent::Stocked { tokens, .. } => format!("stocked {}", tokens > 0),
            IssuerEvent::Issued { subject, id, .. } => {
                format!("issued {subject} {}", id.as_deref() == Some(of_ann.id()))
            }
            IssuerEvent::Refused {
                subject,
                status,
                code,
                ..
            } => format!("refused {subject:?} {} {code}", status.as_u16()),
            IssuerEvent::Revoked {
                subject, id, error, ..
            } => {
                let whole = id.as_deref() == Some(of_ann.id()) && error.is_none();
                format!("revoked {subject} {whole}")
            }
            other => panic!("{other:?}"),
        });
    }
    let expected = [
        "stocked true",
        "issued ann true",
        "refused Some(\"ann\") 429 rate_limited",
        "refused None 403 forbidden",
        "revoked ann true",
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_too_slow_is_told_what_it_missed() {
    let issuer = Mint::default().issuer();
    let mut events = issuer.subscribe();
    for _ in 0..1_100 {
        ask(&issuer, "banned").await;
    }
    let Some(IssuerEvent::Missed { events: missed, .. }) = events.next().await else {
        panic!("it missed nothing");
    };
    assert_eq!(missed, 1_100 - 1_024);
}

/// V1: whatever is printed of an issuer, no token of its stock or of its callers is in it.
#[tokio::test(start_paused = true)]
async fn v1_debug_shows_no_token() {
    let mint = Mint::default();
    let builder = mint.builder();
    let mut shown = format!("{builder:?}{builder:#?}");
    let issuer = builder.build().unwrap();
    let mut events = issuer.subscribe();
    let token = ask(&issuer, "ann").await.token().to_owned();
    assert!(token.starts_with("token-") && issuer.status().in_stock > 0);
    let mut kinds = 0;
    while let Ok(Some(event)) = timeout(seconds(1), events.next()).await {
        kinds += 1;
        write!(shown, "{event:?}{event:#?}").unwrap();
    }
    assert!(kinds >= 2);
    let tokens = IssuedTokens::new(issuer.clone(), "https://backend.example.com/token-0").unwrap();
    write!(
        shown,
        "{issuer:?}{issuer:#?}{:?}{tokens:?}{tokens:#?}",
        issuer.status()
    )
    .unwrap();
    assert!(!shown.contains("token-"), "{shown}");
}
