//! Where a redirect can lead: every spelling that a client and a guard could read in two ways.

use super::servers::{Seen, Servers};

/// One kind of redirect: the first request's origin, and where it is sent on to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) kind: &'static str,
    pub(super) first: String,
    pub(super) hops: Vec<String>,
}

pub(super) const MOBULA: &str = "https://api.mobula.io";
const FOREIGN: &str = "https://foreign.example";

/// All kinds. In them, `PORT` and `OTHER` stand for the two ports that servers listen on.
pub(super) fn all(servers: &Servers) -> Vec<Target> {
    let to = |(kind, hop)| (kind, MOBULA, vec![hop]);
    let from_loopback = |(kind, hop)| (kind, "http://127.0.0.1:PORT", vec![hop]);
    let chain = |(kind, hops): (_, &[_])| (kind, MOBULA, hops.to_vec());
    let kinds = ALLOWED
        .into_iter()
        .chain(FOREIGN_HOSTS)
        .chain(CONFUSIONS)
        .map(to)
        .chain(FROM_LOOPBACK.map(from_loopback))
        .chain(CHAINS.map(chain))
        .chain(
            [SAME_PORT_DOWNGRADE]
                .map(|(kind, hop)| (kind, "https://api.mobula.io:PORT", vec![hop])),
        );
    let spelled = |text: &str| {
        text.replace("PORT", &servers.port.to_string())
            .replace("OTHER", &servers.other_port.to_string())
    };
    kinds
        .map(|(kind, first, hops)| Target {
            kind,
            first: spelled(first),
            hops: hops.into_iter().map(spelled).collect(),
        })
        .collect()
}

/// The same origin, or another one that may have a credential, in odd spellings.
const ALLOWED: [(&str, &str); 8] = [
    ("a path", ""),
    ("the same origin", MOBULA),
    ("upper case", "HTTPS://API.MOBULA.IO"),
    ("the default port", "https://api.mobula.io:443"),
    ("an empty port", "https://api.mobula.io:"),
    ("full-width letters", "https://ａｐｉ．ｍｏｂｕｌａ．ｉｏ"),
    ("percent-encoded letters", "https://%61pi%2Emobula%2eio"),
    ("another host of Mobula's", "https://api-2.mobula.io"),
];

const FOREIGN_HOSTS: [(&str, &str); 16] = [
    ("another host", FOREIGN),
    ("another host over http", "http://foreign.example"),
    ("another port", "https://api.mobula.io:OTHER"),
    ("another scheme", "http://api.mobula.io"),
    ("loopback over http", "http://127.0.0.1:PORT"),
    ("another loopback address", "http://127.0.0.2:PORT"),
    (
        "another loopback address over https",
        "https://127.0.0.2:PORT",
    ),
    ("localhost", "http://localhost:PORT"),
    ("IPv6", "https://[::1]:PORT"),
    ("IPv6 over http", "http://[::1]:PORT"),
    ("a subdomain", "https://x.api.mobula.io"),
    ("the domain above", "https://mobula.io"),
    ("the demo host", "https://demo-api.mobula.io"),
    ("a longer first label", "https://evil-api.mobula.io"),
    ("a longer domain", "https://api.mobula.io.foreign.example"),
    (
        "an encoded longer domain",
        "https://api%2Emobula.io%2Eforeign.example",
    ),
];

/// Our layer gives such a URL no credential, though the host is allowed: clients make one of their own of it.
pub(super) const USER_INFORMATION: &str = "user information before an allowed host";

/// What has been read in two ways somewhere.
const CONFUSIONS: [(&str, &str); 12] = [
    (
        "user information that looks allowed",
        "https://api.mobula.io@foreign.example",
    ),
    (
        "user and port that look allowed",
        "https://api.mobula.io:443@foreign.example",
    ),
    (USER_INFORMATION, "https://user:pass@api.mobula.io"),
    ("a Cyrillic letter", "https://аpi.mobula.io"),
    ("its punycode", "https://xn--pi-6kc.mobula.io"),
    ("a trailing dot", "https://api.mobula.io."),
    ("no scheme", "//foreign.example"),
    ("backslashes", r"https:\\foreign.example"),
    ("a path of backslashes", r"/\foreign.example"),
    ("a tab within", "https://foreign.\texample"),
    (
        "a query that looks allowed",
        "https://foreign.example?@api.mobula.io",
    ),
    (
        "a backslash before the allowed",
        r"https://foreign.example\@api.mobula.io",
    ),
];

/// After a first request to an origin over http that may have a credential.
const FROM_LOOPBACK: [(&str, &str); 10] = [
    ("from loopback: the same", "http://127.0.0.1:PORT"),
    ("from loopback: as one number", "http://2130706433:PORT"),
    ("from loopback: in hex", "http://0x7f.1:PORT"),
    ("from loopback: another port", "http://127.0.0.1:OTHER"),
    ("from loopback: another address", "http://127.0.0.2:PORT"),
    ("from loopback: its name", "http://localhost:PORT"),
    ("from loopback: any address", "http://0.0.0.0:PORT"),
    ("from loopback: IPv6", "http://[::1]:PORT"),
    (
        "from loopback: IPv4 in IPv6",
        "http://[::ffff:127.0.0.1]:PORT",
    ),
    (
        "from loopback: https on the same port",
        "https://127.0.0.1:PORT",
    ),
];

const SAME_PORT_DOWNGRADE: (&str, &str) = (
    "another scheme on the same port",
    "http://api.mobula.io:PORT",
);

/// There and back again: a is allowed, b and c are not.
const CHAINS: [(&str, &[&str]); 8] = [
    ("a b a", &[FOREIGN, MOBULA]),
    ("a b b", &[FOREIGN, FOREIGN]),
    ("a b b b", &[FOREIGN, "", FOREIGN]),
    ("a a b", &[MOBULA, FOREIGN]),
    ("a b a b", &[FOREIGN, MOBULA, FOREIGN]),
    ("a b c b", &[FOREIGN, "http://other.example", FOREIGN]),
    ("a b a b b a", &[FOREIGN, MOBULA, FOREIGN, FOREIGN, MOBULA]),
    (
        "a a2 b a c a b",
        &[
            "https://api-2.mobula.io",
            FOREIGN,
            MOBULA,
            "https://api.mobula.io:OTHER",
            MOBULA,
            "http://api.mobula.io",
        ],
    ),
];

/// Whether the server that saw a request may have seen a credential in it: by what came in alone.
pub(super) fn may_see_a_credential(seen: &Seen, servers: &Servers) -> bool {
    let on_port = |host: &str| format!("{host}:{}", servers.port);
    let hosts = if seen.tls {
        vec![
            "api.mobula.io".to_owned(),
            "api-2.mobula.io".to_owned(),
            on_port("api.mobula.io"),
        ]
    } else {
        vec![on_port("127.0.0.1")]
    };
    seen.address == servers.of_every_name() && hosts.contains(&seen.host)
}
