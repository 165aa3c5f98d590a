//! Whose pages may ask.

use http::header::{HOST, HeaderMap, ORIGIN};
use http::{HeaderName, StatusCode, Uri};

use super::refusal::Refusal;
use crate::error::{Error, Kind};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins, besides the issuer's own, whose pages may ask; compared byte for byte.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowedOrigins(Vec<Box<str>>);

impl AllowedOrigins {
    pub(super) fn new<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let read = origins.into_iter().map(|origin| read(origin.as_ref()));
        Ok(Self(read.collect::<Result<_, _>>()?))
    }

    /// Refuses what a page of another site made a browser send.
    ///
    /// A browser puts `Origin` on every request whose method is not GET or HEAD (Fetch standard, "append a request `Origin`
    /// header"), and `Sec-Fetch-Site` on every request to https or localhost (W3C Fetch Metadata); no page can set either.
    /// What has neither header comes from no browser of these years.
    pub(super) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        let site = only(headers, SEC_FETCH_SITE)?;
        match (only(headers, ORIGIN)?, site) {
            (Some(origin), _) if self.0.iter().any(|allowed| **allowed == *origin) => Ok(()),
            (Some("null"), _) => Err(forbidden()),
            // The issuer's own pages, by the browser's word. Where a proxy rewrites `Host`, there is no other way to tell.
            (_, Some("same-origin")) | (None, None | Some("none")) => Ok(()),
            // For browsers that know nothing of `Sec-Fetch-Site`.
            (Some(origin), None) if is_own(origin, headers, uri)? => Ok(()),
            _ => Err(forbidden()),
        }
    }
}

/// The one value of a header; what is there twice, or is no text, comes from no browser.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| forbidden()),
        (Some(_), Some(_)) => Err(forbidden()),
    }
}

/// Whether a page of this origin asks its own host.
fn is_own(origin: &str, headers: &HeaderMap, uri: &Uri) -> Result<bool, Refusal> {
    let host = match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => only(headers, HOST)?,
    };
    let of_origin = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    Ok(match (of_origin, host) {
        (Some(of_origin), Some(host)) => {
            !host.is_empty() && !host.contains('@') && of_origin.eq_ignore_ascii_case(host)
        }
        _ => false,
    })
}

/// An origin as a browser writes it (RFC 6454, section 6.2): nothing else would ever match.
fn read(origin: &str) -> Result<Box<str>, Error> {
    let (host, default_port) = match origin.split_once("://") {
        Some(("https", host)) => (host, ":443"),
        Some(("http", host)) => (host, ":80"),
        _ => return Err(invalid()),
    };
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]_".contains(&byte);
    let uri: Option<Uri> = origin.parse().ok();
    let has_host = uri.and_then(|uri| Some(!uri.host()?.is_empty()));
    if has_host != Some(true)
        || !host.bytes().all(plain)
        || host.ends_with(default_port)
        || host.ends_with(':')
    {
        return Err(invalid());
    }
    Ok(origin.into())
}

fn invalid() -> Error {
    Error::new(
        Kind::InvalidConfiguration,
        "an allowed origin is written as browsers do: https://app.example.com, in lower case, with a port only if it is \
         not the default one, without a path or a slash at the end, and without wildcards",
    )
}

fn forbidden() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "forbidden_origin",
        "pages of this origin may not ask for tokens",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_taken_as_browsers_write_it_and_in_no_other_way() {
        for origin in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:5173",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
        ] {
            assert!(AllowedOrigins::new([origin]).is_ok(), "{origin}");
        }
        for origin in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com/page",
            "https://app.example.com?",
            "https://app.example.com#",
            "https://App.example.com",
            "HTTPS://app.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:",
            "https://user@app.example.com",
            "https://b\u{fc}cher.example",
            "ftp://app.example.com",
            "https://app.example.com, https://other.example.com",
        ] {
            let error = AllowedOrigins::new([origin]).unwrap_err();
            assert!(error.is_invalid_configuration(), "{origin}");
        }
    }

    /// U3: exact, whatever stands around it.
    #[test]
    fn u3_only_listed_origins_and_ones_own_may_ask() {
        let allowed = AllowedOrigins::new(["https://app.example.com"]).unwrap();
        let may = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "issuer.example.com".parse().unwrap());
            for &(name, value) in pairs {
                headers.append(name, value.parse().unwrap());
            }
            allowed.check(&headers, &Uri::from_static("/token")).is_ok()
        };
        let site = "sec-fetch-site";
        assert!(may(&[]), "no browser");
        assert!(may(&[(site, "none")]));
        assert!(may(&[(site, "same-origin")]));
        assert!(may(&[("origin", "https://app.example.com")]));
        assert!(may(&[
            ("origin", "https://app.example.com"),
            (site, "same-site")
        ]));
        assert!(may(&[("origin", "https://issuer.example.com")]));
        assert!(may(&[
            ("origin", "https://behind-a-proxy.example.com"),
            (site, "same-origin")
        ]));
        for origin in [
            "null",
            "",
            "*",
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com:443",
            "https://app.example.com.",
            "https://APP.example.com",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "https://evilapp.example.com",
            "https://app.example.com, https://evil.example",
            "https://issuer.example.com.evil.example",
            "https://issuer.example.com:8080",
            "issuer.example.com",
        ] {
            assert!(!may(&[("origin", origin)]), "{origin}");
            assert!(
                !may(&[("origin", origin), (site, "cross-site")]),
                "{origin}"
            );
        }
        assert!(!may(&[("origin", "null"), (site, "same-origin")]));
        assert!(!may(&[(site, "cross-site")]));
        assert!(!may(&[(site, "same-site")]));
        assert!(!may(&[(site, "anything")]));
        assert!(!may(&[
            ("origin", "https://app.example.com"),
            ("origin", "https://app.example.com")
        ]));
        assert!(
            !may(&[
                ("origin", "https://issuer.example.com"),
                (site, "cross-site")
            ]),
            "the browser knows better"
        );
    }
}
