//! The quickstart as a newcomer meets it: its walk, and one clear sentence for each way that it can go wrong.

use std::path::PathBuf;
use std::process::{Command, Output};

use mobula_auth::emulator::{Emulator, Fault, Plan};

/// Where cargo puts examples, beside the folder of this very test.
fn quickstart() -> PathBuf {
    let target = std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned();
    let path = target
        .join("examples")
        .join(format!("quickstart{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--example", "quickstart"])
            .status();
        assert!(built.unwrap().success());
    }
    path
}

async fn run(key: Option<String>, base_url: Option<String>) -> Output {
    let mut command = Command::new(quickstart());
    command
        .env_remove("MOBULA_API_KEY")
        .env_remove("MOBULA_BASE_URL")
        .env("NO_PROXY", "127.0.0.1");
    if let Some(key) = key {
        command.env("MOBULA_API_KEY", key);
    }
    if let Some(base_url) = base_url {
        command.env("MOBULA_BASE_URL", base_url);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// The one line that a failed run says, after checking that it is one line and no secret.
async fn complaint(key: &str, base_url: &str) -> String {
    let output = run(Some(key.to_owned()), Some(base_url.to_owned())).await;
    assert!(!output.status.success());
    let (said, walked) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        key.is_empty() || !said.contains(key) && !walked.contains(key),
        "{said}"
    );
    said
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_owned()).unwrap()
}

#[tokio::test]
async fn it_walks_through_the_whole_mission_on_the_emulator() {
    let output = run(None, None).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let walk = text(&output.stdout);
    for step in [
        "1. ",
        "2. ",
        "3. ",
        "4. ",
        "5. ",
        "6. ",
        "7. ",
        "token #4",
        "What the server saw",
        "0 violations",
    ] {
        assert!(walk.contains(step), "{step} is missing in\n{walk}");
    }
    assert_eq!(
        walk.matches("-> 200").count(),
        9,
        "every call succeeded:\n{walk}"
    );
}

/// The same walk against a service that it knows by a key and a URL alone, as it would be with the real one.
#[tokio::test]
async fn it_makes_the_same_calls_to_a_service_elsewhere() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let output = run(Some(emulator.api_key()), Some(server.url())).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let walk = text(&output.stdout);
    assert!(
        walk.contains("Mobula is the real one") && walk.contains("skipped: only with the emulator"),
        "{walk}"
    );
    assert!(!walk.contains(&emulator.api_key()));
    assert_eq!(emulator.violations(), []);
    assert_eq!(emulator.counts().create.received, 2);
    assert_eq!(emulator.counts().data.ok, 8);
    assert!(
        emulator.tokens().iter().all(|token| token.revoked),
        "what it created, it revoked"
    );
}

#[tokio::test]
async fn a_plan_without_tokens_is_one_clear_sentence() {
    let emulator = Emulator::builder().plan(Plan::Free).build();
    let server = emulator.serve().await.unwrap();
    let said = complaint(&emulator.api_key(), &server.url()).await;
    assert!(
        said.contains("need the Startup, Growth or Enterprise plan"),
        "{said}"
    );
}

#[tokio::test]
async fn a_wrong_key_is_one_clear_sentence() {
    let server = Emulator::new().serve().await.unwrap();
    let said = complaint("11111111-2222-3333-4444-555555555555", &server.url()).await;
    assert!(
        said.contains("does not accept the credential (401): check MOBULA_API_KEY"),
        "{said}"
    );
}

#[tokio::test]
async fn a_host_out_of_reach_is_one_clear_sentence() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let said = complaint("11111111-2222-3333-4444-555555555555", &url).await;
    assert!(
        said.starts_with("quickstart: Mobula is out of reach: "),
        "{said}"
    );
}

#[tokio::test]
async fn a_server_in_trouble_is_one_clear_sentence() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    emulator.fault(Fault::status(http::StatusCode::SERVICE_UNAVAILABLE).always());
    let said = complaint(&emulator.api_key(), &server.url()).await;
    assert!(said.contains("503"), "{said}");
}

#[tokio::test]
async fn a_base_url_with_a_path_and_one_without_tls_are_refused() {
    let key = "11111111-2222-3333-4444-555555555555";
    for url in [
        "https://api.mobula.io/api/1",
        "https://api.mobula.io/api/1/",
    ] {
        let said = complaint(key, url).await;
        assert!(
            said.contains("has a path: leave it off, as in https://api.mobula.io"),
            "{said}"
        );
    }
    let said = complaint(key, "http://api.mobula.io").await;
    assert!(said.contains("use https"), "{said}");
    let said = complaint("", "https://api.mobula.io").await;
    assert!(said.contains("MOBULA_API_KEY is set but empty"), "{said}");
}
