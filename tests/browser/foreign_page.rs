//! U3: pages of other origins, in the browser of somebody who is signed in.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

use crate::browser;
use crate::site;

/// All that a page can do to get a token with the visitor's cookie. What it could read is returned.
const ATTEMPTS: &str = "
    const seen = [];
    const attempt = async (what, init) => {
        try {
            const answer = await fetch(target, { method: 'POST', credentials: 'include', ...init });
            seen.push(`${what}: ${answer.type} ${answer.status} ${await answer.text()}`);
        } catch (error) {
            seen.push(`${what}: ${error.name}`);
        }
    };
    await attempt('plain', {});
    await attempt('json', { headers: { 'content-type': 'application/json' }, body: '{}' });
    await attempt('text', { body: 'x' });
    await attempt('form', { body: new URLSearchParams({ a: 'b' }) });
    await attempt('no-cors', { mode: 'no-cors' });
    await attempt('beacon', { mode: 'no-cors', keepalive: true, body: new Blob(['{}'], { type: 'text/plain' }) });
    navigator.sendBeacon(target, 'x');
    return seen.join('; ');
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u3_a_page_of_another_origin_gets_no_token() {
    let Some(browser) = browser::open().await else {
        return;
    };
    let site = site::open().await;
    let target = format!("{}/token", site.url);
    browser.go_to(&site.url).await;
    let log_in = "return (await fetch('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, \
                  body: JSON.stringify({ name: 'ann', password: 'to the moon' }) })).status";
    assert_eq!(browser.run_async(log_in).await, 204);

    let foreign = Router::new().route("/", get(async || Html("<!doctype html><body>free tokens")));
    // Another port of the same host, whose pages send the session's cookie along, and another host.
    let same_site = site::serve(foreign).await;
    let cross_site = same_site.replace("127.0.0.1", "localhost");
    for page in [&same_site, &cross_site] {
        let before = site.recorder.answers().len();
        browser.go_to(page).await;
        let seen = browser
            .run_async(&format!("const target = '{target}'; {ATTEMPTS}"))
            .await;
        let expected = "plain: TypeError; json: TypeError; text: TypeError; form: TypeError; no-cors: opaque 0 ; beacon: opaque 0 ";
        assert_eq!(seen, expected, "{page}");

        // A form shows what it is told to the visitor, and that is a refusal.
        let post = format!(
            "const form = document.createElement('form'); form.method = 'post'; form.enctype = 'text/plain'; \
             form.action = '{target}'; document.body.append(form); form.submit();"
        );
        browser.run(&post).await;
        browser
            .until("document.body.innerText.includes('forbidden_origin')")
            .await;

        let answers = site.recorder.answers().split_off(before);
        assert!(answers.len() >= 6, "{page} was not heard");
        for answer in answers
            .iter()
            .filter(|answer| answer.to.ends_with("/token"))
        {
            assert!(
                matches!(answer.status, 403 | 405 | 415),
                "{page}: {answer:?}"
            );
            assert!(!answer.text.contains("requestLimit"), "{page}: {answer:?}");
            assert!(
                !answer.text.contains("access-control-allow-origin"),
                "{page}: {answer:?}"
            );
            assert_eq!(answer.origin.as_deref(), Some(&**page));
        }
    }
    assert_eq!(site.emulator.counts().create.received, 0);

    // The visitor's own page gets one: it is not the session that was refused.
    browser.go_to(&site.url).await;
    browser
        .until("document.getElementById('token-id').textContent != 'none yet'")
        .await;
    browser.close().await;
}
