//! Where credentials may go.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;

use crate::error::{Error, Kind};
use crate::request_origin::RequestOrigin;

/// The hosts that take Mobula's credentials, by docs.mobula.io and Mobula's own apps. The demo host is not
/// among them: it takes no credential.
const MOBULA: [&str; 4] = [
    "api.mobula.io",
    "api-2.mobula.io",
    "pulse-v2-api.mobula.io",
    "graphql.mobula.io",
];

/// The origins that a credential may be sent to, compared by exact scheme, host and port (RFC 6454).
///
/// The default is Mobula's documented hosts over https, and loopback (`localhost`, `127.0.0.0/8`, `[::1]`) on any
/// port. No subdomain, no prefix, no other scheme ever matches. A request to any other origin goes out without
/// a credential, and so does one over plain http that reqwest would send through a
/// [proxy of the environment](Self::danger_ignore_env_proxy).
///
/// ```
/// use mobula_auth::Origins;
///
/// let origins = Origins::default().and("https://mobula-proxy.example.com:8443")?;
/// # let _ = origins;
/// # Ok::<(), mobula_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct Origins {
    allowed: Arc<[Origin]>,
    loopback: bool,
    proxied: bool,
    any: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
    /// As most requests name it: the host, and the port unless that is 443. For an http origin, what no request can name.
    https_authority: Box<str>,
}

impl Origins {
    /// Only the given origins, each `https://HOST[:PORT]`, or `http://` for a loopback host.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for anything but a scheme, a host and a port.
    pub fn only<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let allowed: Result<Vec<Origin>, Error> = origins
            .into_iter()
            .map(|origin| Origin::parse(origin.as_ref()))
            .collect();
        Ok(Self {
            allowed: allowed?.into(),
            loopback: false,
            proxied: false,
            any: false,
        })
    }

    /// These origins and one more.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for anything but a scheme, a host and a port.
    pub fn and(self, origin: impl AsRef<str>) -> Result<Self, Error> {
        let added = Origin::parse(origin.as_ref())?;
        let allowed = self.allowed.iter().cloned().chain([added]).collect();
        Ok(Self { allowed, ..self })
    }

    /// These origins without loopback, except where a loopback origin was added by name.
    #[must_use]
    pub fn without_loopback(self) -> Self {
        Self {
            loopback: false,
            ..self
        }
    }

    /// These origins, plain http to loopback among them even where the environment sends it through a proxy.
    ///
    /// A reqwest client takes its proxies from the environment (`HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), for loopback too, and
    /// a proxy reads all of a plain-http request. So a reqwest request that would go that way gets no credential. That is
    /// too careful for a client built with `no_proxy()`, which no layer can see: say so with this, or better with
    /// `NO_PROXY=localhost,127.0.0.1,::1` in the environment.
    #[must_use]
    pub fn danger_ignore_env_proxy(self) -> Self {
        Self {
            proxied: true,
            ..self
        }
    }

    /// Every origin, over plain http too: whoever can redirect or misconfigure the client gets the credential.
    #[must_use]
    pub fn danger_any() -> Self {
        Self {
            allowed: Arc::new([]),
            loopback: true,
            proxied: true,
            any: true,
        }
    }

    /// Whether this is, to the letter, how an allowed https origin is mostly named: the short way for nearly every request.
    /// What is not may be allowed all the same.
    #[inline]
    pub(crate) fn names(&self, https_authority: &str) -> bool {
        let authority = https_authority.as_bytes();
        let mut allowed = self.allowed.iter();
        allowed.any(|it| is_same(it.https_authority.as_bytes(), authority))
    }

    /// Whether a request for this origin may carry a credential. [`RequestOrigin::Absent`] may not: only a
    /// layer that was told that its peer is pinned sends one there.
    #[must_use]
    pub fn allows(&self, origin: RequestOrigin<'_>) -> bool {
        match origin {
            RequestOrigin::Absent => false,
            RequestOrigin::Unclear => self.any,
            RequestOrigin::Known { https, host, port } => {
                self.any
                    || self.allowed.iter().any(|allowed| {
                        allowed.port == port
                            && allowed.https == https
                            && allowed.host.eq_ignore_ascii_case(host)
                    })
                    || (self.loopback && is_loopback(host))
            }
            RequestOrigin::Proxied { host, port } => {
                let https = false;
                self.proxied && self.allows(RequestOrigin::Known { https, host, port })
            }
        }
    }
}

impl Default for Origins {
    fn default() -> Self {
        let allowed = MOBULA.map(|host| Origin::new(true, host, 443)).into();
        Self {
            allowed,
            loopback: true,
            proxied: false,
            any: false,
        }
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any {
            return f.write_str("Origins(any)");
        }
        let mut list = f.debug_list();
        list.entries(self.allowed.iter());
        if self.loopback {
            list.entry(&format_args!("loopback"));
        }
        if self.proxied {
            list.entry(&format_args!("proxied"));
        }
        list.finish()
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self, Error> {
        let uri: Uri = text.parse().map_err(|_| Self::not_an_origin())?;
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(Self::not_an_origin());
        }
        match RequestOrigin::of_uri(&uri) {
            RequestOrigin::Known {
                https: false, host, ..
            } if !is_loopback(host) => Err(Error::new(
                Kind::InvalidConfiguration,
                "an http origin must be a loopback host: over plain http anybody on the way reads \
                     the credential, use https",
            )),
            RequestOrigin::Known { https, host, port } => Ok(Self::new(https, host, port)),
            RequestOrigin::Absent | RequestOrigin::Unclear | RequestOrigin::Proxied { .. } => {
                Err(Self::not_an_origin())
            }
        }
    }

    fn new(https: bool, host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        let https_authority = match (https, port) {
            (true, 443) => host.clone(),
            (true, _) => format!("{host}:{port}"),
            (false, _) => "not https".to_owned(),
        };
        Self {
            https,
            host: host.into(),
            port,
            https_authority: https_authority.into(),
        }
    }

    fn not_an_origin() -> Error {
        Error::new(
            Kind::InvalidConfiguration,
            "an origin is a scheme, a host and perhaps a port, such as https://api.mobula.io",
        )
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// `==`, without a call for the short names that most hosts have.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let halves = (one.first_chunk::<8>(), one.last_chunk::<8>());
    match halves {
        // The two overlap.
        (Some(_), Some(_)) if one.len() <= 16 => {
            halves == (other.first_chunk(), other.last_chunk())
        }
        _ => one == other,
    }
}

fn is_loopback(host: &str) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    address
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &Origins, uri: &str) -> bool {
        let uri: Uri = uri.parse().unwrap();
        let allowed = origins.allows(RequestOrigin::of_uri(&uri));
        if let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) {
            let named = origins.names(authority.as_str());
            assert!(allowed || !named, "{uri}: the short way allows more");
        }
        allowed
    }

    #[test]
    fn most_requests_go_the_short_way() {
        let origins = Origins::only(["https://API.example", "https://a.example:8443"]).unwrap();
        assert!(origins.names("api.example") && origins.names("a.example:8443"));
        for authority in ["API.example", "api.example:443", "a.example", "", "http"] {
            assert!(!origins.names(authority), "{authority}");
        }
        let loopback = Origins::only(["http://127.0.0.1"]).unwrap();
        assert!(!loopback.names("127.0.0.1"), "an http origin");
    }

    #[test]
    fn every_byte_of_an_authority_counts() {
        for host in MOBULA.into_iter().chain(["a.b", "a.b.cde", "a.b.cdef"]) {
            let origins = Origins::only([format!("https://{host}")]).unwrap();
            assert!(origins.names(host), "{host}");
            for at in 0..host.len() {
                let mut other = host.to_owned();
                other.replace_range(at..=at, "x");
                assert!(!origins.names(&other), "{other}");
                assert!(!origins.names(&host[..at]) && !origins.names(&host[at + 1..]));
            }
        }
    }

    /// L1, L3, L7, L11: only the exact origin, whatever the spelling tricks.
    #[test]
    fn the_default_takes_mobula_over_https_and_loopback() {
        let origins = Origins::default();
        for uri in [
            "https://api.mobula.io/api/1/all",
            "https://api.mobula.io:443/",
            "https://API.Mobula.IO/",
            "https://api-2.mobula.io/",
            "https://pulse-v2-api.mobula.io/",
            "https://graphql.mobula.io/graphql",
            "http://localhost:3000/",
            "http://127.0.0.1:8080/",
            "http://127.8.9.1/",
            "http://[::1]:8080/",
            "https://localhost/",
        ] {
            assert!(allowed(&origins, uri), "{uri}");
        }
        for uri in [
            "http://api.mobula.io/",
            "http://api.mobula.io:443/",
            "https://api.mobula.io:8443/",
            "https://api.mobula.io./",
            "https://api.mobula.io.evil.example/",
            "https://evil-api.mobula.io/",
            "https://x.api.mobula.io/",
            "https://mobula.io/",
            "https://demo-api.mobula.io/",
            "https://api.mobula.io@evil.example/",
            "https://api.mobula.io:443@evil.example/",
            "https://user@api.mobula.io/",
            "https://user:pass@api.mobula.io/",
            "https://api.mobula.io:99999/",
            "https://api.mobula.io:+443/",
            "https://xn--api-mobula-io.example/",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://128.0.0.1/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://[127.0.0.1]/",
            "http://[localhost]/",
            "http://localhost[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "ftp://api.mobula.io/",
            "wss://api.mobula.io/",
            "api.mobula.io:443",
            "/api/1/all",
            "*",
        ] {
            if uri.parse::<Uri>().is_ok() {
                assert!(!allowed(&origins, uri), "{uri}");
            }
        }
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for origin in [
            "https://proxy.example.com",
            "https://proxy.example.com/",
            "https://proxy.example.com:8443",
            "http://127.0.0.1:9",
            "http://[::1]:9",
        ] {
            assert!(Origins::only([origin]).is_ok(), "{origin}");
        }
        for origin in [
            "",
            "proxy.example.com",
            "/path",
            "https://",
            "https:///",
            "https://proxy.example.com/path",
            "https://proxy.example.com?query",
            "https://user@proxy.example.com",
            "https://proxy.example.com:port",
            "https://proxy.example.com:65536",
            "http://proxy.example.com",
            "ftp://proxy.example.com",
            "https://*.example.com/*",
            "https://[proxy.example.com]",
        ] {
            assert!(
                Origins::only([origin])
                    .unwrap_err()
                    .is_invalid_configuration(),
                "{origin}"
            );
        }
    }

    #[test]
    fn loopback_can_be_left_out_and_named() {
        let origins = Origins::default().without_loopback();
        assert!(!allowed(&origins, "http://127.0.0.1:80/"));
        let origins = origins.and("http://127.0.0.1:80").unwrap();
        assert!(allowed(&origins, "http://127.0.0.1/"));
        assert!(!allowed(&origins, "http://127.0.0.1:81/"));
        assert!(!allowed(&origins, "https://127.0.0.1:80/"));
        assert!(allowed(&Origins::danger_any(), "http://anywhere.example/"));
    }

    /// L10: named or not, unless it is said that no proxy comes between; and that allows no further origin.
    #[test]
    fn what_a_proxy_reads_has_no_credential() {
        let proxied = |host| RequestOrigin::Proxied { host, port: 80 };
        let named = Origins::only(["http://127.0.0.1"]).unwrap();
        for origins in [Origins::default(), named] {
            assert!(!origins.allows(proxied("127.0.0.1")));
            let origins = origins.danger_ignore_env_proxy();
            assert!(origins.allows(proxied("127.0.0.1")));
            assert!(!origins.allows(proxied("api.mobula.io")));
        }
        assert!(Origins::danger_any().allows(proxied("api.mobula.io")));
    }

    #[test]
    fn debug_lists_the_origins() {
        let origins = Origins::only(["https://a.example"]).unwrap();
        assert_eq!(format!("{origins:?}"), "[https://a.example:443]");
        let origins = origins.danger_ignore_env_proxy();
        assert_eq!(format!("{origins:?}"), "[https://a.example:443, proxied]");
        assert_eq!(format!("{:?}", Origins::danger_any()), "Origins(any)");
    }
}
