//! Servers that break in every way that a connection can break.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server does with each connection, one after the other. In the end it closes it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Reads until it was sent something.
    Read,
    /// Reads the HTTP/2 preface, and frames until one with a request's headers.
    ReadRequest,
    Send(&'static [u8]),
    /// Sends one thing over and over.
    SendForEver(&'static [u8]),
    /// Sends back what it was sent, after these bytes.
    Echo(&'static [u8]),
    /// Breaks the connection off, with what may be under way.
    Reset,
    /// Neither says nor closes anything.
    Hang,
    /// Shakes hands with a certificate.
    Tls(Certificate),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Certificate {
    Good,
    OfNobodyKnown,
    OfAnotherName,
    Expired,
}

/// The certificates, and which of them a client trusts.
#[derive(Clone)]
pub(crate) struct Certificates {
    good: TlsAcceptor,
    of_nobody_known: TlsAcceptor,
    of_another_name: TlsAcceptor,
    expired: TlsAcceptor,
    pub(crate) trusted: Vec<CertificateDer<'static>>,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let (good, good_der) = certificate("localhost", false);
        let (of_nobody_known, _) = certificate("localhost", false);
        let (of_another_name, another_der) = certificate("another.invalid", false);
        let (expired, expired_der) = certificate("localhost", true);
        Self {
            good,
            of_nobody_known,
            of_another_name,
            expired,
            trusted: vec![good_der, another_der, expired_der],
        }
    }

    fn acceptor(&self, certificate: Certificate) -> &TlsAcceptor {
        match certificate {
            Certificate::Good => &self.good,
            Certificate::OfNobodyKnown => &self.of_nobody_known,
            Certificate::OfAnotherName => &self.of_another_name,
            Certificate::Expired => &self.expired,
        }
    }
}

fn certificate(name: &str, expired: bool) -> (TlsAcceptor, CertificateDer<'static>) {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 2);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// Starts a server, and tells its port.
pub(crate) async fn start(steps: &'static [Step], certificates: &Certificates) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let certificates = certificates.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let certificates = certificates.clone();
            tokio::spawn(async move { serve(stream, steps, &certificates).await });
        }
    });
    port
}

/// A port on which nobody listens.
pub(crate) async fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn serve(
    mut stream: TcpStream,
    steps: &[Step],
    certificates: &Certificates,
) -> io::Result<()> {
    let mut received = vec![0; 65_536];
    for step in steps {
        match step {
            Step::Read => {
                let _some = stream.read(&mut received).await?;
            }
            Step::ReadRequest => {
                stream.read_exact(&mut received[..24]).await?;
                let mut head = [0; 9];
                while head[3] != 1 {
                    stream.read_exact(&mut head).await?;
                    let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                    stream.read_exact(&mut received[..len]).await?;
                }
            }
            Step::Send(bytes) => stream.write_all(bytes).await?,
            Step::SendForEver(bytes) => loop {
                stream.write_all(bytes).await?;
            },
            Step::Echo(before) => {
                let len = stream.read(&mut received).await?;
                stream.write_all(before).await?;
                stream.write_all(&received[..len]).await?;
            }
            Step::Reset => return stream.set_zero_linger(),
            Step::Hang => tokio::time::sleep(Duration::MAX).await,
            Step::Tls(certificate) => {
                let mut tls = certificates.acceptor(*certificate).accept(stream).await?;
                let _some = tls.read(&mut received).await?;
                // It ends without a close_notify, in the middle of an answer.
                tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                    .await?;
                return tls.flush().await;
            }
        }
    }
    Ok(())
}
