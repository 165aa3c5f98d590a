//! One connection of the server.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::Request;
use hyper::{body::Incoming, service::service_fn, upgrade::OnUpgrade};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};
use tower_service::Service;

use super::{Emulator, websocket};

/// Serves a connection until either side ends it, or an injected fault resets it.
pub(super) async fn serve(emulator: Emulator, stream: TcpStream) {
    // small answers must not wait for each other; without it they are only slower
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(Reset::default());
    let io = TokioIo::new(Resettable {
        stream,
        reset: Arc::clone(&reset),
    });
    let opened = Mutex::<Option<OnUpgrade>>::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        let handshake = websocket::handshake(&request);
        if handshake.is_some() {
            *lock(&opened) = Some(hyper::upgrade::on(&mut request));
        }
        let mut emulator = emulator.clone();
        let reset = Arc::clone(&reset);
        async move {
            if let Some(response) = handshake {
                return Ok(response);
            }
            let answer = emulator.call(request);
            let Ok(response) = answer.await else {
                reset.pull();
                // the whole connection ends, and this with it
                return std::future::pending().await;
            };
            Ok::<_, Infallible>(response)
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        biased;
        () = reset.pulled.notified() => {}
        // an error is the client's doing, or ours on purpose
        _ = server.serve_connection_with_upgrades(io, service) => {}
    }
    let opened = lock(&opened).take();
    if let Some(opened) = opened {
        // a connection that broke off before was no socket yet
        if let Ok(io) = opened.await {
            websocket::serve(emulator, io).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers that a connection is to be reset.
#[derive(Debug, Default)]
struct Reset {
    is_pulled: AtomicBool,
    pulled: Notify,
}

impl Reset {
    fn pull(&self) {
        self.is_pulled.store(true, Ordering::Release);
        self.pulled.notify_one();
    }
}

/// A stream that ends with RST instead of FIN, once its reset is pulled.
#[derive(Debug)]
struct Resettable {
    stream: TcpStream,
    reset: Arc<Reset>,
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.reset.is_pulled.load(Ordering::Acquire) {
            // without it the client sees an orderly end, which is still no answer
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
