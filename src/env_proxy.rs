//! The proxies that reqwest takes from the environment.

use std::sync::LazyLock;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Whether a reqwest client of the default settings sends requests for this URL through a proxy (L10).
///
/// By reqwest's own rules and at about its own time: a client reads the environment when it is built, this once.
pub(crate) fn takes(url: &reqwest::Url) -> bool {
    static PROXIES: LazyLock<Matcher> = LazyLock::new(Matcher::from_system);
    url.as_str()
        .parse::<Uri>()
        .map_or(true, |uri| PROXIES.intercept(&uri).is_some())
}
