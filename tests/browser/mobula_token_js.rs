//! `mobula-token.js` by itself, against an issuer and a data API that do as they are told.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::browser::{self, Browser};
use crate::recorder::Recorder;
use crate::site::serve;

/// How many requests a token is good for.
const LIMIT: u32 = 8;

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    /// What the issuer says next, in place of a token: a status and a body.
    sayings: VecDeque<(u16, String)>,
    asked: u32,
    issued: u32,
    /// Of each token, how many requests came with it.
    used: BTreeMap<String, u32>,
    /// How many requests the current token had left whenever the next was asked for.
    left_when_asked: Vec<u32>,
    rejected: HashSet<String>,
    given_back: Vec<String>,
    /// Somebody else was faster to revoke.
    is_gone: bool,
    bodies: Vec<String>,
}

impl Server {
    fn router(self, elsewhere: String) -> Router {
        let script = include_str!("../../examples/issue_tokens/page/mobula-token.js");
        Router::new()
            .route(
                "/",
                get(async || Html("<!doctype html><link rel=icon href='data:,'><body>")),
            )
            .route(
                "/mobula-token.js",
                get(async move || ([("content-type", "text/javascript")], script)),
            )
            .route("/token", post(issue).delete(take_back))
            .route("/data", any(data))
            .route("/moved", get(async move || Redirect::temporary(&elsewhere)))
            .with_state(self)
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }
}

/// The status in place of an answer that never comes.
const SILENCE: u16 = 999;

/// A refusal that says after how many seconds to come back.
fn not_now(status: u16, retry_after: u64) -> (u16, String) {
    let body = json!({ "error": "told", "message": "not now", "retryAfter": retry_after });
    (status, body.to_string())
}

async fn issue(State(server): State<Server>) -> Response {
    let said = {
        let mut books = server.books();
        books.asked += 1;
        books.sayings.pop_front()
    };
    if let Some((status, body)) = said {
        if status == SILENCE {
            pending::<()>().await;
        }
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let mut books = server.books();
    let current = format!("token-{}", books.issued);
    if books.issued > 0 {
        let used = books.used.get(&current).copied().unwrap_or_default();
        books.left_when_asked.push(LIMIT - used);
    }
    books.issued += 1;
    Json(json!({
        "token": format!("token-{}", books.issued),
        "id": format!("id-{}", books.issued),
        "expiresAt": "2026-01-01T00:00:00.000Z",
        "expiresIn": 60_000,
        "requestLimit": LIMIT,
    }))
    .into_response()
}

async fn take_back(State(server): State<Server>, Json(body): Json<Value>) -> Response {
    let mut books = server.books();
    // Without an id it would be about all tokens of the user.
    let id = body["id"].as_str().unwrap_or("all");
    books.given_back.push(id.to_owned());
    if books.is_gone {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({ "revoked": 1, "left": 0 })).into_response()
}

async fn data(State(server): State<Server>, headers: HeaderMap, body: String) -> Response {
    let authorization = headers.get("authorization").map(|it| it.to_str().unwrap());
    let token = authorization
        .and_then(|it| it.strip_prefix("Bearer "))
        .unwrap_or_default();
    let mut books = server.books();
    books.bodies.push(body);
    *books.used.entry(token.to_owned()).or_default() += 1;
    if token.is_empty() || books.rejected.contains(token) || books.rejected.contains("all") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    token.to_owned().into_response()
}

/// A page with a token, `mobula`, and a clock that `skip(seconds)` turns forward.
async fn page() -> Option<(Browser, Server, Recorder)> {
    let browser = browser::open().await?;
    let (server, elsewhere) = (Server::default(), Recorder::default());
    let answer = Router::new().fallback(async |headers: HeaderMap| {
        (
            [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-headers", "authorization"),
            ],
            format!("{headers:?}"),
        )
    });
    let elsewhere_url = serve(elsewhere.record(answer)).await;
    let url = serve(server.clone().router(elsewhere_url.clone())).await;
    browser.go_to(&url).await;
    let set_up = format!(
        "const {{ MobulaToken }} = await import('/mobula-token.js');
         let skew = 0;
         for (const clock of [performance, Date]) {{
             const now = clock.now.bind(clock);
             clock.now = () => now() + skew;
         }}
         window.skip = (seconds) => (skew += 1000 * seconds);
         window.elsewhere = '{elsewhere_url}';
         window.open_one = (options) => new MobulaToken('/token', {{ origins: [location.origin], ...options }});
         window.mobula = open_one();
         window.ask = async (init) => {{
             const answer = await mobula.fetch('/data', init);
             return answer.ok ? answer.text() : answer.status;
         }};"
    );
    browser.run_async(&set_up).await;
    Some((browser, server, elsewhere))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_who_need_a_token_at_once_cause_one_request_and_each_token_is_renewed_in_time() {
    let Some((browser, server, _)) = page().await else {
        return;
    };
    let first = "return (await Promise.all(Array.from({ length: 5 }, () => ask()))).join()";
    assert_eq!(browser.run_async(first).await, ["token-1"; 5].join(","));
    assert_eq!(server.books().issued, 1);

    // By requests: the next one is there before the last request of the current one is spent.
    browser
        .run_async("for (let n = 0; n < 40; n++) await ask()")
        .await;
    {
        let books = server.books();
        assert!(
            books.used.values().all(|&used| used <= LIMIT),
            "{:?}",
            books.used
        );
        assert!(books.issued >= 6);
        assert!(
            books.left_when_asked.iter().all(|&left| left >= 1),
            "{:?}",
            books.left_when_asked
        );
    }

    // By time: at three quarters of its life nobody waits, and the next one is fetched beside; when it is over, all do.
    browser.run_async("skip(3600); await ask()").await;
    let issued = server.books().issued;
    let at_once = browser.run_async("skip(52); return await ask()").await;
    assert_eq!(at_once, format!("token-{issued}"));
    browser.until("mobula.state.secondsLeft > 50").await;
    assert_eq!(server.books().issued, issued + 1);
    let late = browser
        .run_async("skip(60); return (await Promise.all([ask(), ask(), ask()])).join()")
        .await;
    let next = format!("token-{}", issued + 2);
    assert_eq!(late, format!("{next},{next},{next}"));
    assert_eq!(server.books().issued, issued + 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_request_is_sent_once_more_and_with_all_of_its_body() {
    let Some((browser, server, _)) = page().await else {
        return;
    };
    browser.run_async("await ask()").await;
    server.books().rejected.insert("token-1".into());
    let answer = browser
        .run_async("return await ask({ method: 'POST', body: 'sell everything' })")
        .await;
    assert_eq!(answer, "token-2");
    assert_eq!(
        server.books().bodies,
        ["", "sell everything", "sell everything"]
    );

    // Ten at once with a dead token: one request for another.
    server.books().rejected.insert("token-2".into());
    let answers = browser
        .run_async("return (await Promise.all(Array.from({ length: 4 }, () => ask()))).join()")
        .await;
    assert_eq!(answers, ["token-3"; 4].join(","));
    assert_eq!(server.books().issued, 3);

    server.books().rejected.insert("all".into());
    let before = server.books().bodies.len();
    assert_eq!(browser.run_async("return await ask()").await, 401);
    assert_eq!(server.books().bodies.len(), before + 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_goes_nowhere_else_and_comes_back_at_the_end() {
    let Some((browser, server, elsewhere)) = page().await else {
        return;
    };
    browser.run_async("await ask()").await;
    for (what, script) in [
        ("another origin", "await mobula.fetch(elsewhere)"),
        ("a redirect", "await mobula.fetch('/moved')"),
        (
            "userinfo",
            "await mobula.fetch(location.origin + '@' + new URL(elsewhere).host)",
        ),
    ] {
        let thrown = browser.run_async(script).await;
        assert!(
            thrown
                .as_str()
                .is_some_and(|it| it.starts_with("threw TypeError")),
            "{what}: {thrown}"
        );
    }
    assert!(elsewhere.answers().is_empty(), "{:?}", elsewhere.answers());

    browser.run_async("await mobula.giveBack()").await;
    assert_eq!(server.books().given_back, ["id-1"]);
    assert_eq!(browser.run_async("return await ask()").await, "token-2");
    let closed = browser
        .run_async("mobula.close(); try { await ask() } catch (error) { return error.kind }")
        .await;
    assert_eq!(closed, "closed");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_issuer_says_is_heard() {
    let Some((browser, server, _)) = page().await else {
        return;
    };
    let told = "try { return await ask() } catch ({ name, kind, status, retryAfter }) {
                    return [name, kind, status, retryAfter].join() }";
    server.books().sayings.push_back(not_now(401, 0));
    assert_eq!(
        browser.run_async(told).await,
        "MobulaTokenError,unauthenticated,401,"
    );

    // Too long to wait for: it is said at once, and the issuer is not asked again before its time.
    server.books().sayings.push_back(not_now(429, 50));
    browser
        .run("window.mobula = open_one({ maxWait: 5 })")
        .await;
    assert_eq!(
        browser.run_async(told).await,
        "MobulaTokenError,unavailable,,50"
    );
    assert_eq!(
        browser.run_async(told).await,
        "MobulaTokenError,unavailable,,50"
    );
    assert_eq!(server.books().issued, 0);
    assert_eq!(
        browser.run_async(&format!("skip(51); {told}")).await,
        "token-1"
    );

    // Short enough: it is waited for.
    server.books().sayings.push_back(not_now(503, 1));
    let patient =
        "window.mobula = open_one(); const from = performance.now(); const token = await ask();
                   return [token, performance.now() - from >= 1000].join()";
    assert_eq!(browser.run_async(patient).await, "token-2,true");

    // What fails while the current token is good costs nothing: here by the age of the token.
    server.books().sayings.push_back(not_now(503, 30));
    let failing = "window.seen = []; mobula.addEventListener('change', ({ detail }) => seen.push(detail.why));
                   skip(52); return await ask()";
    assert_eq!(browser.run_async(failing).await, "token-2");
    browser.until("seen.join() == 'failed'").await;
    assert_eq!(browser.run_async("return await ask()").await, "token-2");
    assert!(server.books().sayings.is_empty());

    // Revoked while it was asked for: that alone is no logout.
    let revoked = r#"{"error":"revoked","message":"your tokens were revoked"}"#;
    server.books().sayings.push_back((401, revoked.into()));
    let again = "window.mobula = open_one(); return await ask()";
    assert_eq!(browser.run_async(again).await, "token-3");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_of_the_issuer_is_no_token_and_no_reason_to_ask_at_once_again() {
    let Some((browser, server, _)) = page().await else {
        return;
    };
    let told = "window.mobula = open_one({ maxWait: 0.2 });
                try { return await ask() } catch ({ name, kind }) { return [name, kind].join() }";
    for (number, (status, body)) in (1..).zip([
        (200, "<html>sign in</html>"),
        (200, "null"),
        (200, r#"{"token":"t","id":"i","requestLimit":5}"#),
        (
            200,
            r#"{"token":"t","id":"i","expiresIn":500,"requestLimit":5}"#,
        ),
        (503, ""),
        (503, "null"),
        (503, r#"{"retryAfter":"soon"}"#),
        (503, r#"{"retryAfter":-1}"#),
        (503, r#"{"retryAfter":0}"#),
        (503, r#"{"retryAfter":1e999}"#),
        (302, ""),
    ]) {
        server.books().sayings.push_back((status, body.into()));
        let told = browser.run_async(told).await;
        assert_eq!(told, "MobulaTokenError,unavailable", "{status} {body}");
        assert_eq!(server.books().asked, number, "{status} {body}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_silent_keeps_nobody_for_longer_than_they_will_wait() {
    let Some((browser, server, _)) = page().await else {
        return;
    };
    server.books().sayings.push_back((SILENCE, String::new()));
    let told = "window.mobula = open_one({ maxWait: 1 });
                const controller = new AbortController();
                const leaves = ask({ signal: controller.signal }).catch(({ name }) => name);
                const stays = ask().catch(({ kind }) => kind);
                controller.abort();
                const first = await Promise.race([leaves, stays]);
                return [first, await stays].join()";
    assert_eq!(browser.run_async(told).await, "AbortError,unavailable");
    assert_eq!(server.books().asked, 1, "whoever leaves ends nothing");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_given_back_expires() {
    let Some((browser, server, _)) = page().await else {
        return;
    };
    let unnamed = r#"{"token":"t","id":null,"expiresIn":60000,"requestLimit":5}"#;
    server.books().sayings.push_back((200, unnamed.into()));
    let given_back = browser
        .run_async("await ask(); await mobula.giveBack(); return mobula.state.requestLimit")
        .await;
    assert_eq!(given_back, 0);
    assert!(server.books().given_back.is_empty(), "all of the user's");
    server.books().is_gone = true;
    let gone = "await ask(); await mobula.giveBack(); return mobula.state.requestLimit";
    assert_eq!(browser.run_async(gone).await, 0);
    assert_eq!(server.books().given_back, ["id-1"]);
    browser.close().await;
}
