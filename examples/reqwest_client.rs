//! reqwest with each layer that takes its requests: the same client, the same requests, another credential.
//!
//! ```sh
//! cargo run --example reqwest_client
//! ```
//!
//! It needs nothing: Mobula's auth service is emulated in this process, behind a real socket.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;

use mobula_auth::emulator::{CredentialKind, Emulator, KeyHeader as SeenIn};
use mobula_auth::{
    ApiKey, ApiKeyAuth, AutoRefreshingToken, BearerAuth, CreateTokens, KeyHeader, Origins,
    TokenClient,
};
use reqwest::{Client, Method, Request, Response};
use tower::{Layer, Service, ServiceExt};

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let emulator = Emulator::new();
    let server = emulator.serve().await?;
    let url = format!("{}/api/2/token/price?asset=solana", server.url());

    // For the real service: `ApiKey::from_env()?`, no `base_url`, and reqwest with a TLS feature.
    let key = ApiKey::new(emulator.api_key())?;
    let tokens = TokenClient::reqwest(key.clone())?.base_url(server.url())?;
    let handed_out = tokens.create(CreateTokens::default()).await?.remove(0);

    // By its own policy reqwest carries credentials along when it follows redirects to another host.
    let http_client = Client::builder()
        .no_proxy()
        .redirect(Origins::default().redirect_policy())
        .build()?;

    println!("ApiKeyAuth, in each of its forms");
    for header in [
        KeyHeader::Authorization,
        KeyHeader::AuthorizationBearer,
        KeyHeader::XApiKey,
    ] {
        let auth = ApiKeyAuth::new(key.clone()).header(header);
        get(auth.layer(http_client.clone()), &url).await?;
        println!("  the server saw {}", last_credential(&emulator));
    }

    println!("BearerAuth, with a token that somebody handed us");
    get(BearerAuth::new(handed_out).layer(http_client.clone()), &url).await?;
    println!("  the server saw {}", last_credential(&emulator));

    println!("AutoRefreshingToken, with tokens of its own");
    let auth = AutoRefreshingToken::new(tokens);
    for _ in 0..3 {
        get(auth.layer(http_client.clone()), &url).await?;
        println!("  the server saw {}", last_credential(&emulator));
    }
    auth.shutdown().await;
    println!(
        "{} requests in all, {} violations",
        emulator.requests().len(),
        emulator.violations().len()
    );
    Ok(())
}

async fn get<S>(client: S, url: &str) -> Result<(), AnyError>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<AnyError>,
{
    let request = Request::new(Method::GET, url.parse()?);
    let response = client
        .oneshot(request)
        .await
        .map_err(Into::into)?
        .error_for_status()?;
    println!("  {}", response.text().await?);
    Ok(())
}

fn last_credential(emulator: &Emulator) -> String {
    let form = |header| match header {
        SeenIn::Authorization => "Authorization: ",
        SeenIn::Bearer => "Authorization: Bearer ",
        SeenIn::XApiKey => "x-api-key: ",
        _ => "",
    };
    match emulator.requests().pop().map(|request| request.credential) {
        Some(CredentialKind::ApiKey { header }) => format!("{}KEY", form(header)),
        Some(CredentialKind::Token { id, header }) => format!("{}TOKEN {id}", form(header)),
        _ => "no credential".to_owned(),
    }
}
