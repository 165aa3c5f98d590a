//! Chromium, if there is one.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A whole page load, or a swap, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A window of its own, with nothing of other tests in it.
pub(crate) struct Browser {
    pub(crate) client: Client,
    /// Killed when this is dropped, and Chromium with it.
    _driver: Child,
}

pub(crate) async fn open() -> Option<Browser> {
    open_as(&[], &json!({})).await
}

/// Chromium with these arguments besides those that it needs to be quiet and alone, and with these options of `ChromeDriver`.
pub(crate) async fn open_as(arguments: &[&str], options: &Value) -> Option<Browser> {
    let (Some(driver), Some(chromium)) = (found("chromedriver"), found("chromium")) else {
        assert!(
            env::var_os("MOBULA_BROWSER").is_none_or(|it| it != "required"),
            "MOBULA_BROWSER is `required`, and there is no browser: install chromium and chromium-driver"
        );
        eprintln!("*** NOT TESTED IN A BROWSER: there is no chromium and chromedriver on PATH ***");
        return None;
    };
    let mut driver = Command::new(driver)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = timeout(PATIENCE, async {
        loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("chromedriver ended");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        }
    });
    let port = port.await.expect("chromedriver says its port");
    // Read on, so that its pipe never fills.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

    let mut all = vec![
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    all.extend(arguments);
    let mut options = options.clone();
    options["binary"] = json!(chromium);
    options["args"] = json!(all);
    let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
    let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();
    Some(Browser {
        client,
        _driver: driver,
    })
}

fn found(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|file| file.is_file())
}

impl Browser {
    pub(crate) async fn go_to(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn click(&self, css: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let element = wait.for_element(Locator::Css(css)).await.unwrap();
        element.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Waits until an expression of the page's JavaScript is true, or panics with what the page shows.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!(
            "const [done] = arguments; const look = () => {{ \
                 let it; try {{ it = ({expression}) }} catch {{ it = false }} \
                 it ? done(true) : setTimeout(look, 20) }}; look();"
        );
        let looking = self.client.execute_async(&script, vec![]);
        let seen = timeout(PATIENCE, looking).await;
        if !matches!(seen, Ok(Ok(_))) {
            let page = self.run("return document.body.innerText").await;
            panic!("never: {expression}\n{seen:?}\n{page}");
        }
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// The value that the body of an async function returns.
    pub(crate) async fn run_async(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {body} }})().then(done, (error) => done('threw ' + error));"
        );
        let running = self.client.execute_async(&script, vec![]);
        timeout(PATIENCE, running).await.unwrap().unwrap()
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector('{css}').textContent");
        self.run(&script).await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}
