//! Our tokens are real HS256, says an independent library.

use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use mobula_auth::emulator::{Emulator, TokenFormat};
use serde_json::{Value, json};

use super::client::{mint, mint_default, use_token};

const SECRET: [u8; 32] = *b"a test secret of thirty-two byte";

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["mobula-emulator"]);
    validation.set_required_spec_claims(&["exp", "aud"]);
    validation.leeway = 0;
    validation
}

#[tokio::test(start_paused = true)]
async fn the_oracle_accepts_our_tokens() {
    let emulator = Emulator::builder().jwt_secret(SECRET).build();
    let minted = mint(&emulator, &json!({ "expiresIn": 120_000 })).await;
    let decoded = decode::<Value>(
        &minted.token,
        &DecodingKey::from_secret(&SECRET),
        &validation(),
    )
    .expect("the oracle accepts the token");
    assert_eq!(
        decode_header(&minted.token).expect("it has a header").alg,
        Algorithm::HS256
    );
    let now = emulator
        .now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970");
    assert_eq!(
        decoded.claims,
        json!({
            "aud": "mobula-emulator",
            "iat": now.as_secs(),
            "exp": (now + Duration::from_secs(120)).as_secs(),
            "jti": minted.id,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_oracle_refuses_them_under_another_secret() {
    let minted = mint_default(&Emulator::new()).await;
    assert!(
        decode::<Value>(
            &minted.token,
            &DecodingKey::from_secret(&SECRET),
            &validation()
        )
        .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn the_oracle_cannot_read_the_undecodable_format() {
    let emulator = Emulator::builder()
        .jwt_secret(SECRET)
        .token_format(TokenFormat::Undecodable)
        .build();
    let minted = mint_default(&emulator).await;
    assert_eq!(minted.token.split('.').count(), 3);
    assert!(
        decode::<Value>(
            &minted.token,
            &DecodingKey::from_secret(&SECRET),
            &validation()
        )
        .is_err()
    );
    assert_eq!(use_token(&emulator, &minted.token).await.status, 200);
    assert!(emulator.revoke_token(&minted.id));
    assert_eq!(use_token(&emulator, &minted.token).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn the_secret_alone_makes_no_token() {
    // signed by the oracle with the right secret, for an id that was never issued
    let emulator = Emulator::builder().jwt_secret(SECRET).build();
    let now = emulator
        .now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970")
        .as_secs();
    let claims = json!({
        "aud": "mobula-emulator", "iat": now, "exp": now + 60, "jti": "00000000-0000-4000-8000-000000000000",
    });
    let token = encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(&SECRET),
    )
    .expect("it signs");
    assert_eq!(use_token(&emulator, &token).await.status, 401);
}
