//! The example `issue_tokens` and its `mobula-token.js` in a real browser: headless Chromium, driven through `ChromeDriver`.
//!
//! ```sh
//! cargo test --test browser                              # where there is no Chromium, it says so and goes on
//! MOBULA_BROWSER=required cargo test --test browser      # what CI runs: without Chromium, it fails
//! MOBULA_SCREENSHOTS=/tmp cargo test --test browser look   # the page as PNG files: desktop and phone, light and dark
//! ```
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../examples/issue_tokens/backend.rs"]
mod backend;
mod browser;
#[path = "../it/canaries.rs"]
mod canaries;
mod foreign_page;
#[path = "../../examples/issue_tokens/mobula.rs"]
#[expect(dead_code, reason = "what is tested records what Mobula answers")]
mod mobula;
mod mobula_token_js;
mod recorder;
#[path = "../../examples/issue_tokens/sessions.rs"]
mod sessions;
mod site;
mod visit;

pub(crate) type AnyError = Box<dyn std::error::Error + Send + Sync>;
