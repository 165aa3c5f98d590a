//! The whole mission in one walk: an API key, tokens made of it, and tokens that look after themselves.
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! It needs nothing: Mobula's auth service is emulated in this process, behind a real socket. With
//! `MOBULA_API_KEY` set it makes the same calls to the real service, at `MOBULA_BASE_URL` if that is set.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod mobula;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mobula::{AnyError, Mobula, sentence};
use mobula_auth::emulator::{Counts, Emulator, Tally};
use mobula_auth::{
    ApiKeyAuth, AutoRefreshingToken, BearerAuth, CreateTokens, Origins, ReplayRejected,
    ReqwestTransport, TokenClient,
};
use reqwest::{Method, Request, Response, StatusCode};
use tower::retry::RetryLayer;
use tower::{Service, ServiceBuilder, ServiceExt};

const LIFETIME: Duration = Duration::from_secs(60);
const REQUEST_LIMIT: u64 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match walk().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {}", sentence(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn walk() -> Result<(), AnyError> {
    let mobula = Mobula::from_env().await?;
    let tokens = mobula.tokens()?;
    match mobula.emulator() {
        Some(_) => println!(
            "Mobula is emulated at {} (set MOBULA_API_KEY for the real one)",
            mobula.base_url
        ),
        None => println!("Mobula is the real one at {}", mobula.base_url),
    }

    call_with_the_key(&mobula).await?;
    call_with_a_token(&mobula, &tokens).await?;
    let auth = AutoRefreshingToken::builder(tokens.clone())
        .lifetime(LIFETIME)
        .request_limit(REQUEST_LIMIT)
        .standby(2)
        .origins(Origins::default().and(&mobula.base_url)?)
        .build()?;
    let walked = call_with_a_token_that_looks_after_itself(&mobula, &tokens, &auth).await;

    heading("7", "Shutdown");
    let report = auth.shutdown().await;
    println!(
        "   {} tokens revoked, {} left to expire",
        report.revoked, report.left
    );
    walked?;

    if let Some(emulator) = mobula.emulator() {
        what_the_server_saw(emulator);
    }
    Ok(())
}

async fn call_with_the_key(mobula: &Mobula) -> Result<(), AnyError> {
    heading("1", "A call with the long-lived API key: ApiKeyAuth");
    let auth =
        ApiKeyAuth::new(mobula.key.clone()).origins(Origins::default().and(&mobula.base_url)?);
    let mut client = ServiceBuilder::new()
        .layer(auth)
        .service(mobula.http_builder().build()?);
    let response = call(&mut client, mobula).await?;
    show("Authorization: KEY", response).await
}

async fn call_with_a_token(
    mobula: &Mobula,
    tokens: &TokenClient<ReqwestTransport>,
) -> Result<(), AnyError> {
    heading(
        "2",
        "Two short-lived tokens from one create request: TokenClient",
    );
    let request = CreateTokens::default()
        .lifetime(LIFETIME)?
        .request_limit(REQUEST_LIMIT)?
        .count(2)?;
    let created = tokens.create(request).await?;
    for token in &created {
        println!(
            "   token {}, {LIFETIME:?}, {REQUEST_LIMIT} requests",
            token.id().unwrap_or("without an id")
        );
    }
    println!(
        "   {} create requests left this minute",
        tokens.creates_left()
    );

    heading(
        "3",
        "A call as a partner who was handed one of them: BearerAuth",
    );
    let Some(token) = created.first().cloned() else {
        return Err("no token was created".into());
    };
    let auth = BearerAuth::new(token).origins(Origins::default().and(&mobula.base_url)?);
    let mut client = ServiceBuilder::new()
        .layer(auth)
        .service(mobula.http_builder().build()?);
    let response = call(&mut client, mobula).await?;
    show("Authorization: Bearer TOKEN", response).await?;
    for token in created {
        tokens.revoke(token.id().unwrap_or_default()).await?;
    }
    println!(
        "   both revoked: {} tokens are active now",
        tokens.list().await?.len()
    );
    Ok(())
}

async fn call_with_a_token_that_looks_after_itself(
    mobula: &Mobula,
    tokens: &TokenClient<ReqwestTransport>,
    auth: &AutoRefreshingToken,
) -> Result<(), AnyError> {
    // Outermost first: a request whose token was rejected is sent once more, with the next one.
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::new(ReplayRejected::default()))
        .layer(auth.clone())
        .service(mobula.http_builder().build()?);

    heading(
        "4",
        "Tokens that look after themselves: AutoRefreshingToken. The first is spent after 4 requests",
    );
    for _ in 0..=REQUEST_LIMIT {
        call_and_tell(&mut client, mobula, auth).await?;
    }
    println!("   -> a standby token took over, without any network");

    heading("5", "The token is revoked behind our back");
    let lease = auth.lease().await?;
    tokens
        .revoke(lease.token().id().unwrap_or_default())
        .await?;
    call_and_tell(&mut client, mobula, auth).await?;
    println!("   -> rejected, swapped for the next standby, and sent again: no call failed");

    heading("6", "The token expires");
    if mobula.emulator().is_none() {
        println!("   skipped: only with the emulator does a minute pass in no time");
        return Ok(());
    }
    a_minute_passes().await;
    call_and_tell(&mut client, mobula, auth).await?;
    println!("   -> its time was over, so the request waited for new tokens");
    Ok(())
}

/// Moves tokio's clock on, and with it the emulator's and the crate's.
async fn a_minute_passes() {
    tokio::time::pause();
    tokio::time::advance(LIFETIME).await;
    tokio::time::resume();
    println!("   (a minute passes)");
}

async fn call_and_tell<S>(
    client: &mut S,
    mobula: &Mobula,
    auth: &AutoRefreshingToken,
) -> Result<(), AnyError>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<AnyError>,
{
    #[expect(clippy::disallowed_methods, reason = "a real duration, to show")]
    let start = Instant::now();
    let response = call(client, mobula).await?;
    let (took, status) = (start.elapsed(), auth.status());
    let label = format!(
        "token #{}, {} requests left, {} on standby, {:>4.1} ms",
        status.generation(),
        status.requests_left().unwrap_or_default(),
        status.standby(),
        took.as_secs_f64() * 1_000.0,
    );
    show(&label, response).await
}

async fn call<S>(client: &mut S, mobula: &Mobula) -> Result<Response, AnyError>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<AnyError>,
{
    let url = format!(
        "{}/api/1/market/data?asset=bitcoin",
        mobula.base_url.trim_end_matches('/')
    )
    .parse()?;
    let service = client.ready().await.map_err(Into::into)?;
    let response = service
        .call(Request::new(Method::GET, url))
        .await
        .map_err(out_of_reach)?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::UNAUTHORIZED => {
            Err("Mobula does not accept the credential (401): check MOBULA_API_KEY".into())
        }
        status => Err(format!("Mobula answered the call with {status}").into()),
    }
}

fn out_of_reach(error: impl Into<AnyError>) -> AnyError {
    match error.into().downcast::<reqwest::Error>() {
        Ok(error) => format!("Mobula is out of reach: {}", sentence(&error.without_url())).into(),
        Err(error) => error,
    }
}

async fn show(label: &str, response: Response) -> Result<(), AnyError> {
    let status = response.status();
    let json: serde_json::Value = response.json().await?;
    let price = json["data"]["price"].as_f64();
    let price = price.map_or_else(String::new, |price| format!("  bitcoin at ${price:.2}"));
    println!("   {label:<58} -> {}{price}", status.as_u16());
    Ok(())
}

fn heading(number: &str, text: &str) {
    println!("\n{number}. {text}");
}

fn what_the_server_saw(emulator: &Emulator) {
    let Counts {
        create,
        list,
        revoke,
        data,
        tokens,
        violations,
        ..
    } = emulator.counts();
    let row = |what: &str,
               Tally {
                   received,
                   ok,
                   denied,
                   ..
               }: Tally| {
        println!("   {what:<20} {received:>8} {ok:>8} {denied:>8}");
    };
    println!("\nWhat the server saw");
    println!(
        "   {:<20} {:>8} {:>8} {:>8}",
        "requests", "in all", "ok", "refused"
    );
    row("market data", data);
    row("create tokens", create);
    row("list tokens", list);
    row("revoke a token", revoke);
    println!("   {tokens} tokens created; {violations} violations of Mobula's rules");
    println!(
        "   (refused: the call whose token had been revoked, and revocations of tokens that were gone)"
    );
}
