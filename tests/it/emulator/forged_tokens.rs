//! Tokens that the emulator did not make.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mobula_auth::emulator::{CredentialKind, Emulator};
use serde_json::{Value, json};

use super::client::{Minted, get_data, inspect, mint_default, use_token};

const SECRET: [u8; 32] = [7; 32];

/// An emulator whose secret the forger has, and a good token of it, taken apart.
struct Forge {
    emulator: Emulator,
    good: Minted,
    header: String,
    payload: String,
    signature: String,
    claims: Value,
}

impl Forge {
    async fn new() -> Self {
        let emulator = Emulator::builder().jwt_secret(SECRET).build();
        let good = mint_default(&emulator).await;
        let [header, payload, signature] = good.token.split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts")
        };
        let decoded = BASE64URL_NOPAD
            .decode(payload.as_bytes())
            .expect("it is base64url");
        let (header, payload, signature) =
            (header.to_owned(), payload.to_owned(), signature.to_owned());
        let claims = serde_json::from_slice(&decoded).expect("it is JSON");
        Self {
            emulator,
            good,
            header,
            payload,
            signature,
            claims,
        }
    }

    fn changed(&self, change: fn(&mut Value)) -> Value {
        let mut claims = self.claims.clone();
        change(&mut claims);
        claims
    }

    /// Unsigned, under another header.
    fn unsigned(&self, header: &str) -> String {
        format!("{}.{}.", base64(header), self.payload)
    }

    /// Signed with the right secret under another header.
    fn under(&self, header: &str) -> String {
        sign(&format!("{}.{}", base64(header), self.payload))
    }

    fn by_oracle(&self, algorithm: Algorithm, secret: &[u8]) -> String {
        encode(
            &Header::new(algorithm),
            &self.claims,
            &EncodingKey::from_secret(secret),
        )
        .expect("the oracle signs")
    }

    /// Not one is let in, in any form, or known to inspect; the good token still is.
    async fn refuses(&self, forged: &[String]) {
        let emulator = &self.emulator;
        for token in forged {
            let shown = &token[..token.len().min(300)];
            assert_eq!(use_token(emulator, token).await.status, 401, "{shown}");
            assert_eq!(
                get_data(emulator, "authorization", token).await.status,
                401,
                "{shown}"
            );
            assert_eq!(
                get_data(emulator, "x-api-key", token).await.status,
                401,
                "{shown}"
            );
            if token.len() < 60_000 && !token.contains(' ') {
                assert_eq!(
                    inspect(emulator, &emulator.api_key(), token).await.status,
                    404,
                    "{shown}"
                );
            }
        }
        assert_eq!(emulator.tokens()[0].requests, 0);
        assert_eq!(use_token(emulator, &self.good.token).await.status, 200);
    }
}

fn base64(text: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(text.as_ref())
}

fn sign(text: &str) -> String {
    let key = EncodingKey::from_secret(&SECRET);
    let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &key, Algorithm::HS256)
        .expect("the oracle signs");
    format!("{text}.{signature}")
}

/// Signed with the right secret, under exactly the header of the emulator's own tokens.
fn signed(payload: impl AsRef<[u8]>) -> String {
    sign(&format!(
        "{}.{}",
        base64(r#"{"alg":"HS256","typ":"JWT"}"#),
        base64(payload)
    ))
}

#[tokio::test(start_paused = true)]
async fn the_forger_can_sign() {
    let forge = Forge::new().await;
    assert_eq!(signed(forge.claims.to_string()), forge.good.token);
}

#[tokio::test(start_paused = true)]
async fn no_other_header_is_let_in() {
    let forge = Forge::new().await;
    let signature = &forge.signature;
    forge
        .refuses(&[
            // no algorithm, in the spellings that once got through elsewhere
            forge.unsigned(r#"{"alg":"none","typ":"JWT"}"#),
            format!(
                "{}{signature}",
                forge.unsigned(r#"{"alg":"none","typ":"JWT"}"#)
            ),
            forge.unsigned(r#"{"alg":"None"}"#),
            forge.unsigned(r#"{"alg":"NONE"}"#),
            forge.unsigned(r#"{"alg":"nOnE"}"#),
            forge.unsigned(r#"{"alg":""}"#),
            forge.unsigned(r#"{"alg":null}"#),
            forge.unsigned("{}"),
            forge.unsigned(r#"{"alg":"HS256","typ":"JWT"}"#),
            // another algorithm, or header, with the right secret
            forge.by_oracle(Algorithm::HS384, &SECRET),
            forge.by_oracle(Algorithm::HS512, &SECRET),
            forge.under(r#"{"alg":"none","typ":"JWT"}"#),
            forge.under(r#"{"alg":"RS256","typ":"JWT"}"#),
            forge.under(r#"{"alg":"hs256","typ":"JWT"}"#),
            forge.under(r#"{"typ":"JWT","alg":"HS256"}"#),
            forge.under(r#"{"alg":"HS256"}"#),
            forge.under(r#"{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}"#),
            forge.under(r#"{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":""}}"#),
            forge.under(r#"{"alg":"HS256","typ":"JWT","crit":["exp"]}"#),
            forge.under(""),
            // the right algorithm with another secret
            forge.by_oracle(Algorithm::HS256, b"wrong"),
            forge.by_oracle(Algorithm::HS256, b""),
            forge.by_oracle(Algorithm::HS256, &[0; 32]),
        ])
        .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_tampered_with_is_let_in() {
    let forge = Forge::new().await;
    let Forge {
        good,
        header,
        payload,
        signature,
        ..
    } = &forge;
    let for_ever = forge
        .changed(|claims| claims["exp"] = json!(u64::MAX))
        .to_string();
    let longer = forge
        .changed(|claims| claims["exp"] = json!(claims["exp"].as_u64().unwrap_or(0) + 60))
        .to_string();
    forge
        .refuses(&[
            format!("{header}.{}.{signature}", base64(for_ever)),
            format!("{header}.{}.{signature}", base64(longer)),
            format!("{header}.{payload}.{}", &signature[..42]),
            format!("{header}.{payload}.{signature}A"),
            format!("{header}.{payload}.{signature}="),
            format!("{header}.{payload}={signature}"),
            format!("{header}.{payload}.{}", base64([0; 32])),
            format!("{header}.{payload}.{}", base64([0; 31])),
            format!("{header}.{payload}.{}", signature.to_lowercase()),
            format!("{header} .{payload}.{signature}"),
            // parts that are missing or too many
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            format!("{header}.."),
            format!(".{payload}."),
            format!("..{signature}"),
            format!(".{payload}.{signature}"),
            format!("{header}..{signature}"),
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{payload}.{signature}"),
            format!("{header}.{payload}.{signature}.{signature}"),
            format!("{header}.{header}.{payload}.{signature}"),
            format!("{}.", good.token),
            format!(".{}", good.token),
            format!("{0}.{0}", good.token),
            // floods
            ".".repeat(1024 * 1024),
            "a".repeat(1024 * 1024),
            "a.".repeat(512 * 1024),
            format!("{header}.{}.{signature}", "A".repeat(1024 * 1024)),
            signed(json!({ "jti": "x".repeat(7_000) }).to_string()),
            signed("[".repeat(5_000)),
        ])
        .await;
}

#[tokio::test(start_paused = true)]
async fn no_other_claims_are_let_in() {
    let forge = Forge::new().await;
    let changes: [fn(&mut Value); 20] = [
        |claims| claims["exp"] = json!("9999999999"),
        |claims| claims["exp"] = json!(null),
        |claims| claims["exp"] = json!(-1),
        |claims| claims["exp"] = json!(1.5e9),
        |claims| claims["exp"] = json!(true),
        |claims| claims["exp"] = json!([claims["exp"]]),
        // milliseconds
        |claims| claims["exp"] = json!(claims["exp"].as_u64().unwrap_or(0) * 1_000),
        |claims| claims["exp"] = claims["iat"].clone(),
        |claims| claims["exp"] = json!(0),
        |claims| claims["exp"] = json!(u64::MAX),
        |claims| claims["exp"] = json!(claims["iat"].as_u64().unwrap_or(0) + 86_401),
        |claims| claims["iat"] = json!("0"),
        |claims| claims["iat"] = json!(null),
        |claims| claims["iat"] = json!(0),
        |claims| claims["jti"] = json!(1),
        |claims| claims["jti"] = json!(null),
        |claims| claims["jti"] = json!(""),
        |claims| claims["jti"] = json!("00000000-0000-4000-8000-000000000000"),
        |claims| claims["aud"] = json!("https://api.mobula.io"),
        |claims| claims["aud"] = json!(null),
    ];
    let mut forged: Vec<_> = changes
        .map(|change| signed(forge.changed(change).to_string()))
        .into();
    for missing in ["aud", "exp", "iat", "jti"] {
        let mut claims = forge.claims.clone();
        claims.as_object_mut().expect("an object").remove(missing);
        forged.push(signed(claims.to_string()));
    }
    forged.extend(["", "{", "{}", "[]", "null", "\"x\"", "\u{fffd}"].map(signed));
    forged.push(signed([0xff; 36]));
    forged.push(signed(" ".repeat(36)));
    forge.refuses(&forged).await;
}

#[tokio::test(start_paused = true)]
async fn every_changed_character_is_noticed() {
    let emulator = Emulator::new();
    let good = mint_default(&emulator).await.token;
    for place in 0..good.len() {
        for byte in [b'A', b'.', b'-'] {
            let mut bytes = good.clone().into_bytes();
            if bytes[place] == byte {
                continue;
            }
            bytes[place] = byte;
            let forged = String::from_utf8(bytes).expect("it is ASCII");
            assert_eq!(use_token(&emulator, &forged).await.status, 401, "{place}");
        }
        assert_eq!(
            use_token(&emulator, &good[..place]).await.status,
            401,
            "{place}"
        );
    }
    assert!(matches!(
        emulator.requests()[5].credential,
        CredentialKind::Unknown { .. }
    ));
}
