//! A visit: log in, see prices, watch a swap, lose the token, recover, log out.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::browser::{self, Browser};
use crate::canaries::Canaries;
use crate::site;

const PRICE: &str =
    r"/^\$[\d,]+\.\d\d$/.test(document.getElementById('price-bitcoin').textContent)";

async fn sign_in(browser: &Browser, url: &str) {
    browser.go_to(url).await;
    browser
        .until("!document.getElementById('login').hidden")
        .await;
    browser.fill("#password", "to the moon").await;
    browser.click("#sign-in").await;
    browser.until(PRICE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_sees_prices_through_swaps_a_revocation_and_a_logout() {
    let Some(browser) = browser::open().await else {
        return;
    };
    let site = site::open().await;
    browser.go_to(&site.url).await;
    browser
        .until("!document.getElementById('login').hidden")
        .await;
    browser.fill("#password", "a guess").await;
    browser.click("#sign-in").await;
    browser
        .until("document.getElementById('problem').textContent == 'no such name and password'")
        .await;
    assert_eq!(site.recorder.count("POST /token"), 0);

    sign_in(&browser, &site.url).await;
    assert_eq!(browser.text("#user").await, "ann");
    browser.until("document.getElementById('requests').value > 0 && document.getElementById('seconds').value > 0").await;

    // A swap by a budget that is nearly used up, and another one: no request of the page was refused, or waited for nothing.
    let first = browser.text("#token-id").await;
    browser
        .until("document.getElementById('swaps').textContent >= 2")
        .await;
    assert_ne!(browser.text("#token-id").await, first);
    let counts = site.emulator.counts();
    assert_eq!(counts.data.denied, 0, "{counts:?}");
    assert_eq!(counts.violations, 0);

    // Revoked in front of the visitor's eyes: one 401, another token, and the prices go on.
    browser.click("#revoke").await;
    browser
        .until("document.getElementById('log').textContent.includes('refused the token (401)')")
        .await;
    let seen = site.emulator.counts().data.ok;
    browser
        .until("document.getElementById('log').firstChild.textContent.includes('new token')")
        .await;
    browser.until(PRICE).await;
    wait_for(|| site.emulator.counts().data.ok > seen + 3).await;
    let answers = site.recorder.answers();
    let refused = answers
        .iter()
        .filter(|it| it.to.starts_with("GET /api/") && it.status == 401);
    assert!(refused.count() <= 2, "the one, and one that was under way");

    let live = || {
        site.emulator
            .tokens()
            .into_iter()
            .filter(|it| !it.revoked && it.requests > 0)
    };
    assert!(live().count() > 0);
    assert_eq!(site.backend.issuer().status().waiting, 0);
    browser.click("#sign-out").await;
    browser
        .until("!document.getElementById('login').hidden")
        .await;
    wait_for(|| live().count() == 0).await;
    let status = browser
        .run_async("return (await fetch('/token', { method: 'POST' })).status")
        .await;
    assert_eq!(status, 401);
    assert_eq!(
        browser
            .run_async("return (await fetch('/session')).status")
            .await,
        401
    );
    browser.close().await;
}

/// V8, U5: all that servers said, all that the page is and all that the browser keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v8_the_key_is_nowhere_in_the_browser_and_the_token_in_no_storage() {
    let Some(browser) = browser::open().await else {
        return;
    };
    let site = site::open().await;
    sign_in(&browser, &site.url).await;
    browser
        .until("document.getElementById('swaps').textContent >= 1")
        .await;
    let kept = browser
        .run_async(
            "const databases = await indexedDB.databases();
             return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, databases,
                 await caches.keys(), history.length, location.href])",
        )
        .await;
    let cookies = format!("{:?}", browser.client.get_all_cookies().await.unwrap());
    let page = browser
        .run("return document.documentElement.outerHTML")
        .await;
    let page = page.as_str().unwrap();
    let (kept, key) = (kept.as_str().unwrap(), site.emulator.api_key());
    let answers = site.recorder.answers();
    let said: Vec<_> = answers.iter().flat_map(|it| [&*it.to, &it.text]).collect();
    let said = said.join("\n");
    assert!(
        said.contains("\"requestLimit\":12"),
        "the recorder heard nothing"
    );
    let canaries = Canaries::new([&*key]);
    for (place, text) in [
        ("an answer", &*said),
        ("the page", page),
        ("storage", kept),
        ("a cookie", &cookies),
    ] {
        canaries.assert_absent(place, text);
    }
    // The token came in answers of the issuer, and is in nothing that stays.
    let issued = answers
        .iter()
        .filter(|it| it.to == "POST /token" && it.status == 200);
    let mut tokens = 0;
    for answer in issued {
        let body = answer.text.lines().last().unwrap();
        let json: Value = serde_json::from_str(body).unwrap();
        let token = json["token"].as_str().unwrap();
        tokens += 1;
        for text in [page, kept, &cookies] {
            assert!(!text.contains(token));
        }
        assert!(
            answers.iter().all(|it| !it.to.contains(token)),
            "a URL holds it"
        );
        assert!(answer.text.contains("cache-control: no-store"));
    }
    assert!(tokens >= 2);
    assert!(cookies.contains("http_only: Some(true)"), "{cookies}");
    browser.close().await;
}

/// For whoever looks at the page: PNG files of it. That it is no wider than a phone is held where they are asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look() {
    let Some(folder) = env::var_os("MOBULA_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    let phone = json!({ "mobileEmulation": { "deviceMetrics": { "width": 360, "height": 760, "pixelRatio": 1 } } });
    for (device, width, options) in [("desktop", 1280.0, json!({})), ("phone", 360.0, phone)] {
        for (scheme, preference) in [("light", 1), ("dark", 0)] {
            let scheme_wanted = format!("--blink-settings=preferredColorScheme={preference}");
            let arguments = [&*scheme_wanted, "--window-size=1280,860"];
            let Some(browser) = browser::open_as(&arguments, &options).await else {
                return;
            };
            let site = site::open().await;
            for name in ["login", "prices"] {
                if name == "login" {
                    browser.go_to(&site.url).await;
                    browser
                        .until("!document.getElementById('login').hidden")
                        .await;
                } else {
                    sign_in(&browser, &site.url).await;
                    browser
                        .until("document.getElementById('swaps').textContent >= 2")
                        .await;
                }
                let widest = "return Math.max(...[...document.querySelectorAll('*')]
                    .map((element) => element.getBoundingClientRect().right))";
                let widest = browser.run(widest).await.as_f64().unwrap();
                assert!(widest <= width, "{name} is {widest} wide on a {device}");
                let png = browser.client.screenshot().await.unwrap();
                fs::write(folder.join(format!("{name}-{device}-{scheme}.png")), png).unwrap();
            }
            browser.close().await;
        }
    }
}

/// What the servers count follows what the page does, in a moment.
async fn wait_for(mut is_so: impl FnMut() -> bool) {
    let mut looks = interval(Duration::from_millis(10));
    let looking = async {
        while !is_so() {
            looks.tick().await;
        }
    };
    timeout(browser::PATIENCE, looking).await.unwrap();
}
