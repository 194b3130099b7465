//! The tenant of a request stands in its answer too [CIM-009 §6.3.14].

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderName;

static TENANT: HeaderName = HeaderName::from_static("ngsild-tenant");

/// Echoes the header `NGSILD-Tenant`.
pub(crate) async fn echo(request: Request, next: Next) -> Response {
    let tenant = request.headers().get(&TENANT).cloned();
    let mut response = next.run(request).await;
    if let Some(tenant) = tenant {
        response.headers_mut().insert(TENANT.clone(), tenant);
    }
    response
}
