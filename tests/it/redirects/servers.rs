//! Servers on loopback that redirect by a script and remember all that reaches them, over TLS and without.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use rustls::crypto::aws_lc_rs::default_provider;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// One port on three loopback addresses, and another port. Every host name leads to the first.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    pub(super) port: u16,
    pub(super) other_port: u16,
    cases: Arc<Mutex<HashMap<usize, Case>>>,
}

/// A chain of redirects, and the requests that came of it.
#[derive(Debug)]
struct Case {
    code: u16,
    hops: Vec<String>,
    seen: Vec<Seen>,
}

/// A request as a server saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Whether it came over TLS.
    pub(super) tls: bool,
    /// The address that it came to.
    pub(super) address: SocketAddr,
    /// Its `Host`.
    pub(super) host: String,
    /// How many redirects came before it.
    pub(super) hop: usize,
    /// All of its head, byte for byte.
    pub(super) head: String,
}

impl Servers {
    pub(super) async fn start() -> Self {
        let (listeners, port) = loop {
            if let Some(bound) = bind_all().await {
                break bound;
            }
        };
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let servers = Self {
            port,
            other_port: other.local_addr().unwrap().port(),
            cases: Arc::default(),
        };
        let tls = acceptor();
        for listener in listeners.into_iter().chain([other]) {
            let (servers, tls) = (servers.clone(), tls.clone());
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(servers.clone().serve(stream, tls.clone()));
                }
            });
        }
        servers
    }

    /// Where each host name leads. The port is that of names without one in the URL.
    pub(super) fn of_every_name(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// From now on, requests for the path of this case are redirected to the hops, one after the other.
    pub(super) fn script(&self, case: usize, code: u16, hops: &[String]) {
        let seen = Vec::new();
        let hops = hops.to_vec();
        let mut cases = self.cases.lock().unwrap();
        cases.insert(case, Case { code, hops, seen });
    }

    pub(super) fn path(case: usize, hop: usize) -> String {
        format!("/case/{case}/{hop}")
    }

    /// What came of a case. It is over.
    pub(super) fn seen(&self, case: usize) -> Vec<Seen> {
        let case = self.cases.lock().unwrap().remove(&case);
        case.expect("a case that was scripted").seen
    }

    async fn serve(self, stream: TcpStream, tls: TlsAcceptor) {
        let address = stream.local_addr().unwrap();
        let mut first = [0];
        if !matches!(stream.peek(&mut first).await, Ok(1)) {
            return;
        }
        // A TLS handshake begins with this byte, and no HTTP request does: each port speaks both.
        if first[0] == 0x16 {
            if let Ok(stream) = tls.accept(stream).await {
                self.answer_all(stream, address, true).await;
            }
        } else {
            self.answer_all(stream, address, false).await;
        }
    }

    async fn answer_all<S>(&self, mut stream: S, address: SocketAddr, tls: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut received = Vec::new();
        loop {
            let head_end = received.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = head_end {
                let head: Vec<u8> = received.drain(..end + 4).collect();
                let head = String::from_utf8(head).expect("a client sends what it was given");
                let answer = self.answer(head, address, tls);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            } else if !matches!(stream.read_buf(&mut received).await, Ok(1..)) {
                return;
            }
        }
    }

    fn answer(&self, head: String, address: SocketAddr, tls: bool) -> String {
        let (case, hop) = case_and_hop(&head);
        let mut cases = self.cases.lock().unwrap();
        let script = cases.get_mut(&case).expect("a case that is not over");
        script.seen.push(Seen {
            tls,
            address,
            host: header(&head, "host"),
            hop,
            head,
        });
        let code = script.code;
        match script.hops.get(hop) {
            Some(next) => {
                let path = Self::path(case, hop + 1);
                format!("HTTP/1.1 {code} Go\r\nlocation: {next}{path}\r\ncontent-length: 0\r\n\r\n")
            }
            None => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        }
    }
}

fn case_and_hop(head: &str) -> (usize, usize) {
    let path = head.split(' ').nth(1).expect("a path");
    let mut numbers = path.split('/').filter_map(|part| part.parse().ok());
    let numbers = (numbers.next(), numbers.next());
    (numbers.0.expect("a case"), numbers.1.expect("a hop"))
}

fn header(head: &str, name: &str) -> String {
    let of_that_name = |line: &str| {
        let (other, value) = line.split_once(':')?;
        let it_is = other.eq_ignore_ascii_case(name);
        it_is.then(|| value.trim().to_ascii_lowercase())
    };
    head.lines().find_map(of_that_name).unwrap_or_default()
}

/// One port on all three, unless somebody else has it on one of them.
async fn bind_all() -> Option<(Vec<TcpListener>, u16)> {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let mut listeners = vec![first];
    for ip in [
        IpAddr::from([127, 0, 0, 2]),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ] {
        listeners.push(TcpListener::bind((ip, port)).await.ok()?);
    }
    Some((listeners, port))
}

fn acceptor() -> TlsAcceptor {
    let names = vec!["api.mobula.io".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let key = certified.signing_key.serialize_der().try_into().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.into()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
