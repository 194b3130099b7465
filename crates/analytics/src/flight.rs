//! Arrow Flight SQL: the same questions, with the same rights, for tools that speak it.

mod actions;
mod auth;
mod info;
mod keys;
mod listen;
mod plans;
mod service;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use base::Tasks;
use tokio::net::TcpListener;
use tonic::transport::Server;
use web::Guard;

use crate::running::Desk;

use service::Service;

/// Bytes of one message that is received: the values of parameters, above all.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Questions under way on one connection.
const STREAMS_MAX: u32 = 64;

/// What the door is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where queries are handed in.
    pub desk: Arc<Desk>,
    /// Knows who holds which token.
    pub guard: Arc<dyn Guard>,
    /// The tasks of the node.
    pub tasks: Tasks,
}

/// Listens, and says where. The listening ends with the tasks.
pub async fn listen(address: SocketAddr, parts: Parts) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let Parts { desk, guard, tasks } = parts;
    let service = FlightServiceServer::new(Service::new(desk, guard))
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let server = Server::builder()
        .http2_keepalive_interval(Some(listen::ALIVE_EVERY))
        .http2_keepalive_timeout(Some(listen::ALIVE_WITHIN))
        .max_concurrent_streams(STREAMS_MAX)
        .concurrency_limit_per_connection(STREAMS_MAX as usize)
        .add_service(service);
    let incoming = listen::incoming(listener);
    let signal = tasks.clone();
    tasks.spawn("listen for Flight SQL", async move {
        let until = async move { signal.stopped().await };
        let ended = server.serve_with_incoming_shutdown(incoming, until);
        if let Err(error) = ended.await {
            tracing::error!(%error, "Flight SQL is not answered any more");
        }
    });
    Ok(address)
}
