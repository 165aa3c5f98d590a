//! Serves the emulator over real sockets.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{Emulator, connection};

/// A running server; it stops, with all of its connections, when it is dropped.
///
/// It speaks HTTP/1 and HTTP/2 (with prior knowledge) on one port, without TLS, on a loopback address.
#[must_use = "the server stops when it is dropped"]
pub struct Server {
    addr: SocketAddr,
    listener: Listener,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL without a slash at the end, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) async fn bind(emulator: Emulator, addr: SocketAddr) -> io::Result<Self> {
        if !addr.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the emulator listens on loopback addresses only",
            ));
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let listener = Listener(Arc::new(Mutex::new(Some(listener))));
        let accepting = tokio::spawn(accept(emulator, listener.share()));
        Ok(Self {
            addr,
            listener,
            accepting,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.close();
        // its connections live in this task's set and end with it
        self.accepting.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

async fn accept(emulator: Emulator, listener: Listener) {
    let mut connections = JoinSet::new();
    while let Some(accepted) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(stream) => {
                connections.spawn(connection::serve(emulator.clone(), stream));
            }
            // a client that gave up is nobody else's business; out of descriptors, others must get to close theirs
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// The listening socket, which can be closed while it is being waited on.
struct Listener(Arc<Mutex<Option<TcpListener>>>);

impl Listener {
    fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// `None` once it is closed.
    async fn accept(&self) -> Option<io::Result<TcpStream>> {
        std::future::poll_fn(
            |cx| match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
                None => Poll::Ready(None),
                Some(listener) => listener
                    .poll_accept(cx)
                    .map(|accepted| Some(accepted.map(|(stream, _)| stream))),
            },
        )
        .await
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
