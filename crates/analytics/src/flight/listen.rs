//! Connections: bounded in number; those whose other end is gone are noticed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::Connected;

/// Connections at once; further ones wait.
/// Limit: one that says nothing keeps its place until its other end is gone.
const CONNECTIONS_MAX: usize = 256;
/// How often a silent connection is asked whether it lives.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How soon it must answer.
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(20);

/// A connection and its place among those that may be open.
pub(super) struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

/// The connections as they come.
pub(super) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Placed>> {
    let limit = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    stream::unfold((listener, limit), async |(listener, limit)| {
        // It is never closed.
        let place = Arc::clone(&limit).acquire_owned().await.ok()?;
        let accepted = listener.accept().await;
        let connection = accepted.and_then(|(stream, _peer)| {
            stream.set_nodelay(true)?;
            Ok(Placed {
                stream,
                _place: place,
            })
        });
        Some((connection, (listener, limit)))
    })
}

impl Connected for Placed {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
