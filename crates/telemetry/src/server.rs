//! The endpoints `/metrics`, `/livez` and `/readyz`.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::{Health, Metrics};

/// Why the endpoints could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address} for metrics: {source}; set telemetry.listen to a free address, or \"\" to switch it off"
    )]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Binds the endpoints and serves them in the background until the runtime ends. Returns the bound address.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(address: &str, metrics: Metrics, health: Health) -> Result<SocketAddr, ServerError> {
    let listen = |source| ServerError::Listen { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let (live, ready, loops) = (health.clone(), health.clone(), health);
    let router = Router::new()
        .route(
            "/metrics",
            get(move || async move {
                loops.measure(&metrics);
                ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
            }),
        )
        .route("/livez", get(move || async move { answer(live.live()) }))
        .route("/readyz", get(move || async move { answer(ready.is_ready()) }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "metrics endpoint ended");
        }
    });
    Ok(bound)
}

fn answer(state: Result<(), String>) -> impl IntoResponse {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn endpoints_answer() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let health = Health::default();
        health.announce("journey");
        let address = runtime.block_on(serve("127.0.0.1:0", Metrics::new(), health.clone())).unwrap();
        assert!(get(address, "/metrics").contains("crumbtrail_build_info"));
        assert!(get(address, "/livez").starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 503"));
        health.ready("journey");
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 200"));
        let taken = runtime.block_on(serve(&address.to_string(), Metrics::new(), health));
        assert!(taken.unwrap_err().to_string().contains("telemetry.listen"));
    }
}
