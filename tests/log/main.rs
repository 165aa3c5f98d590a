//! V2, V3: no key and no token shows in what any crate of the stack logs, nor in any error, in whatever form.
//!
//! In a process of its own: which log lines anybody is interested in is decided once for a whole process.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../it/canaries.rs"]
mod canaries;
mod controls;
mod failures;
mod faulty_server;
mod http2_kinds;
mod issuer;
mod kinds;
mod output;
mod run;
mod trace_layers;

use canaries::Canaries;
use output::Log;

/// A run of everything over HTTP/1 and HTTP/2. `MOBULA_LOG_ROUNDS` makes it longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v2_no_log_line_of_any_crate_shows_a_secret() {
    let log = Log::of_this_process();
    let rounds = std::env::var("MOBULA_LOG_ROUNDS");
    let rounds = rounds.map_or(40, |rounds| rounds.parse().unwrap());
    let mut secrets = run::everything(rounds).await;
    secrets.extend(trace_layers::around_each_layer().await);
    secrets.extend(issuer::everything().await);
    let log = log.text();
    for said in [
        "new token in use",
        "token rejected by the server",
        "no new token",
        "shut down",
        "without a credential",
        "token issued",
        "no token issued",
        "issued token revoked",
        "issued token could not be revoked",
        "tokens created to be issued",
        "no tokens created to be issued",
    ] {
        assert!(log.contains(said), "nothing logged says: {said}");
    }
    for of_others in [
        "hyper_util::client",
        "h2::codec",
        "h2::hpack",
        "tower_http::trace",
        "reqwest::connect",
        "tower::buffer",
    ] {
        assert!(log.contains(of_others), "nothing of {of_others} was logged");
    }
    assert!(
        !log.contains("\nERROR forged"),
        "a subject writes a line of its own"
    );
    // `Trace` prints the headers that it sees: ours, and that of the caller, are there and are not shown.
    assert!(log.matches("\"authorization\": Sensitive").count() >= 8);
    assert!(log.matches("\"x-api-key\": Sensitive").count() >= 2);
    println!(
        "{} secrets looked for in {} MB of log",
        secrets.len(),
        log.len() >> 20
    );
    assert!(log.len() > 8 << 20, "{} bytes of log are few", log.len());
    Canaries::new(secrets.iter().map(String::as_str)).assert_absent("the log", &log);
}

/// Every way in which a connection can break, with every call, in both clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v3_no_error_of_any_broken_connection_shows_a_secret() {
    let log = Log::of_this_process();
    let failures::Induced {
        kinds,
        errors,
        secrets,
    } = failures::induce_all().await;
    println!("{kinds} kinds of failure, {} errors", errors.len());
    assert!(kinds >= 40, "{kinds} kinds of failure");
    let canaries = Canaries::new(secrets);
    for (failure, error) in &errors {
        canaries.assert_absent(failure, error);
    }
    canaries.assert_absent("the log", &log.text());
}
