//! The floor: an axum server that does nothing, in a process of its own as the node is.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::routing::get;

/// Bytes of the answer: about those of one entity.
const BODY: usize = 1_024;

/// Serves until it is killed: `GET /` gives 1 KB, `PATCH /` reads a body.
pub(crate) fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let body = Bytes::from(vec![b'x'; BODY]);
        let kilobyte = async move || ([(header::CONTENT_TYPE, "application/json")], body.clone());
        let swallow = async |_body: Bytes| StatusCode::NO_CONTENT;
        let router = Router::new().route("/", get(kilobyte).patch(swallow));
        let listener = tokio::net::TcpListener::bind(listen).await?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}
