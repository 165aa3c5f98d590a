//! A visitor made of Rust: it does what the page does, and says what it sees.

use std::time::Duration;

use reqwest::header::{COOKIE, HeaderValue, ORIGIN, SET_COOKIE};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::AnyError;

pub(crate) async fn take(backend: &str) -> Result<(), AnyError> {
    let visitor = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()?;
    let token_url = format!("{backend}/token");

    let stranger = visitor.post(&token_url).send().await?;
    println!(
        "a stranger asks for a token: {}",
        stranger.status().as_u16()
    );

    let login = json!({ "name": "ann", "password": "to the moon" });
    let login = visitor
        .post(format!("{backend}/login"))
        .json(&login)
        .send()
        .await?;
    let cookie = login
        .headers()
        .get(SET_COOKIE)
        .ok_or("no session")?
        .to_str()?;
    let mut session = HeaderValue::from_str(cookie.split(';').next().unwrap_or_default())?;
    session.set_sensitive(true);
    println!("ann signs in: {}", login.status().as_u16());

    let elsewhere = visitor.post(&token_url).header(COOKIE, &session);
    let elsewhere = elsewhere
        .header(ORIGIN, "https://evil.example")
        .send()
        .await?;
    println!(
        "a page of another site asks in her name: {}",
        elsewhere.status().as_u16()
    );

    let answer = visitor
        .post(&token_url)
        .header(COOKIE, &session)
        .send()
        .await?;
    let token: Value = answer.json().await?;
    println!(
        "her own page asks: a token for {} requests, good for {} s",
        token["requestLimit"],
        token["expiresIn"].as_u64().unwrap_or_default() / 1_000,
    );
    let page: Value = visitor
        .get(format!("{backend}/session"))
        .header(COOKIE, &session)
        .send()
        .await?
        .json()
        .await?;
    let prices = format!(
        "{}/api/1/market/data?asset=bitcoin",
        page["mobula"].as_str().ok_or("where is Mobula?")?
    );
    let secret = token["token"].as_str().ok_or("no token")?;
    let ask = || visitor.get(&prices).bearer_auth(secret).send();
    let price: Value = ask().await?.json().await?;
    println!(
        "with it she asks Mobula: bitcoin is at {} USD",
        price["data"]["price"]
    );

    visitor
        .post(format!("{backend}/logout"))
        .header(COOKIE, &session)
        .send()
        .await?
        .error_for_status()?;
    let refused = ask().await?.status();
    if refused != StatusCode::UNAUTHORIZED {
        return Err("her token outlived her session".into());
    }
    println!(
        "she signs out, and her token is of no use: {}",
        refused.as_u16()
    );
    Ok(())
}
