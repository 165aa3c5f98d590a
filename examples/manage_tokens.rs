//! Creates, lists, inspects and revokes short-lived tokens from the command line.
//!
//! ```sh
//! cargo run --example manage_tokens                                  # a tour of all four, on the emulator
//! MOBULA_API_KEY=... cargo run --example manage_tokens -- create --minutes 10 --count 2 --show
//! MOBULA_API_KEY=... cargo run --example manage_tokens -- list
//! MOBULA_API_KEY=... cargo run --example manage_tokens -- inspect < token.txt
//! MOBULA_API_KEY=... cargo run --example manage_tokens -- revoke ID
//! ```
//!
//! Without `MOBULA_API_KEY`, Mobula is emulated in this process, and forgets all tokens when it ends.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod mobula;

use std::io::Read;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Parser, Subcommand};
use mobula::{AnyError, Mobula, sentence};
use mobula_auth::{ApiToken, CreateTokens, ReqwestTransport, TokenClient, TokenInfo};

/// Manage short-lived Mobula API tokens.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create tokens.
    Create {
        /// How long each lives, 1 to 1440 minutes.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// How many, 1 to 25.
        #[arg(long, default_value_t = 1)]
        count: u32,
        /// How many requests each is good for, 1 to 1000000.
        #[arg(long, default_value_t = 5_000)]
        requests: u64,
        /// Print the tokens themselves: each can be seen this once only.
        #[arg(long)]
        show: bool,
    },
    /// List the key's active tokens.
    List,
    /// Tell what Mobula knows of the token that is read from standard input.
    Inspect,
    /// Revoke a token.
    Revoke {
        /// The token's id, as create and list print it.
        id: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manage_tokens: {}", sentence(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Option<Command>) -> Result<(), AnyError> {
    let mobula = Mobula::from_env().await?;
    if mobula.emulator().is_some() {
        println!(
            "(Mobula is emulated at {}: set MOBULA_API_KEY for the real one)\n",
            mobula.base_url
        );
    }
    let tokens = mobula.tokens()?;
    match command {
        None => tour(&tokens).await,
        Some(Command::Create {
            minutes,
            count,
            requests,
            show,
        }) => create(&tokens, minutes, count, requests, show)
            .await
            .map(drop),
        Some(Command::List) => list(&tokens).await,
        Some(Command::Inspect) => inspect(&tokens, &token_from_stdin()?).await,
        Some(Command::Revoke { id }) => revoke(&tokens, &id).await,
    }
}

async fn tour(tokens: &TokenClient<ReqwestTransport>) -> Result<(), AnyError> {
    println!("$ manage_tokens create --minutes 10 --count 2 --requests 1000");
    let created = create(tokens, 10, 2, 1_000, false).await?;
    println!("\n$ manage_tokens list");
    list(tokens).await?;
    let [first, ..] = created.as_slice() else {
        return Err("no token was created".into());
    };
    println!("\n$ manage_tokens inspect < token.txt");
    inspect(tokens, first).await?;
    for token in &created {
        let id = token.id().ok_or("Mobula gave a token without an id")?;
        println!("\n$ manage_tokens revoke {id}");
        revoke(tokens, id).await?;
    }
    println!("\n$ manage_tokens list");
    list(tokens).await
}

async fn create(
    tokens: &TokenClient<ReqwestTransport>,
    minutes: u64,
    count: u32,
    requests: u64,
    show: bool,
) -> Result<Vec<ApiToken>, AnyError> {
    let lifetime = Duration::from_secs(minutes.saturating_mul(60));
    let request = CreateTokens::default()
        .lifetime(lifetime)?
        .count(count)?
        .request_limit(requests)?;
    let created = tokens.create(request).await?;
    for token in &created {
        let secret = if show {
            token.expose_secret()
        } else {
            "(hidden: use --show)"
        };
        println!(
            "{}  {}  {secret}",
            token.id().unwrap_or("(no id)"),
            expiry(token.expires_at())
        );
    }
    Ok(created)
}

async fn list(tokens: &TokenClient<ReqwestTransport>) -> Result<(), AnyError> {
    let active = tokens.list().await?;
    for info in &active {
        print(info);
    }
    println!("{} active", active.len());
    Ok(())
}

async fn inspect(tokens: &TokenClient<ReqwestTransport>, token: &ApiToken) -> Result<(), AnyError> {
    print(&tokens.inspect(token).await?);
    Ok(())
}

async fn revoke(tokens: &TokenClient<ReqwestTransport>, id: &str) -> Result<(), AnyError> {
    tokens.revoke(id).await?;
    println!("{id}  revoked");
    Ok(())
}

fn print(info: &TokenInfo) {
    let requests = match (info.remaining(), info.request_limit()) {
        (Some(left), Some(limit)) => format!("{left} of {limit} requests left"),
        (None, Some(limit)) => format!("{limit} requests"),
        _ => String::new(),
    };
    println!("{}  {}  {requests}", info.id(), expiry(info.expires_at()));
}

fn expiry(at: Option<SystemTime>) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "what a person reads is counted from the wall clock"
    )]
    let now = SystemTime::now();
    match at.map(|at| at.duration_since(now)) {
        Some(Ok(left)) => format!("expires in {} s", left.as_secs()),
        Some(Err(_)) => "expired".to_owned(),
        None => "expiry unknown".to_owned(),
    }
}

/// A token on the command line would end up in the shell's history.
fn token_from_stdin() -> Result<ApiToken, AnyError> {
    let mut text = String::new();
    std::io::stdin().take(16_384).read_to_string(&mut text)?;
    Ok(ApiToken::trimmed(text)?)
}
