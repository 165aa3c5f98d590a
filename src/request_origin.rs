//! The origin of a request's target.

use std::net::Ipv6Addr;

use http::Uri;

#[cfg(feature = "reqwest")]
use crate::env_proxy;

/// The origin that a request is for, as far as the request itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestOrigin<'a> {
    /// An origin-form target such as `/api/1/market/data`: the peer is fixed elsewhere in the stack.
    Absent,
    /// A target that names a peer in a way that no origin can be told from.
    Unclear,
    /// A scheme, a host and a port, the scheme's default port filled in.
    #[non_exhaustive]
    Known {
        /// Whether the scheme is `https`; the only other one is `http`.
        https: bool,
        /// The host, an IPv6 address in brackets.
        host: &'a str,
        /// The port.
        port: u16,
    },
    /// A host and a port over plain http, by a client that sends it through a proxy of the environment, to be read there.
    #[non_exhaustive]
    Proxied {
        /// The host, an IPv6 address in brackets.
        host: &'a str,
        /// The port.
        port: u16,
    },
}

impl<'a> RequestOrigin<'a> {
    /// L7: what the parser leaves room for (user information, a port that is no number) is never a known origin.
    pub(crate) fn of_uri(uri: &'a Uri) -> Self {
        let Some(authority) = uri.authority() else {
            return if uri.scheme().is_none() {
                Self::Absent
            } else {
                Self::Unclear
            };
        };
        let (https, default_port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Self::Unclear,
        };
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => Some(default_port),
            Some(rest) => rest.strip_prefix(':').and_then(parse_port),
            None => None,
        };
        match port {
            Some(port) if is_host(host) => Self::Known { https, host, port },
            _ => Self::Unclear,
        }
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn of_url(url: &'a reqwest::Url) -> Self {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Self::Unclear,
        };
        match (url.host_str(), url.port_or_known_default()) {
            // reqwest turns user information into a credential of its own: such a URL is not ours.
            (Some(host), Some(port)) if url.username().is_empty() && url.password().is_none() => {
                if !https && env_proxy::takes(url) {
                    Self::Proxied { host, port }
                } else {
                    Self::Known { https, host, port }
                }
            }
            _ => Self::Unclear,
        }
    }
}

/// `http` lets anything stand in brackets; only an IPv6 address may (RFC 3986, section 3.2.2).
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains(['[', ']']),
    }
}

/// `u16::from_str` takes a leading `+`, which no URL has.
fn parse_port(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
