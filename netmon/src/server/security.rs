//! Who is answered over TCP, if the user wants to know: what a [`Secure`] asks of each request, and the headers that it adds.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
};

use super::Secure;

/// Puts the check of credentials inside `guard`, so that a refusal has its headers, and the user's headers outside.
pub(super) fn around(
    router: Router,
    security: Option<Arc<dyn Secure>>,
    guard: impl FnOnce(Router) -> Router,
) -> Router {
    let Some(security) = security else { return guard(router) };
    let checking = Arc::clone(&security);
    let check = move |request, next| checked(Arc::clone(&checking), request, next);
    let add = move |request, next| with_headers(Arc::clone(&security), request, next);
    guard(router.layer(middleware::from_fn(check))).layer(middleware::from_fn(add))
}

/// Returns whether a request came over TCP. Who may use a unix socket is what the mode of its file says.
fn is_over_tcp(request: &Request) -> bool {
    request.extensions().get::<ConnectInfo<SocketAddr>>().is_some()
}

async fn checked(security: Arc<dyn Secure>, request: Request, next: Next) -> Response {
    if is_over_tcp(&request)
        && let Err(refusal) = security.check(request.headers()).await
    {
        return *refusal;
    }
    next.run(request).await
}

async fn with_headers(security: Arc<dyn Secure>, request: Request, next: Next) -> Response {
    let wanted = if is_over_tcp(&request) { security.headers() } else { Vec::new() };
    let mut response = next.run(request).await;
    response.headers_mut().extend(wanted);
    response
}
