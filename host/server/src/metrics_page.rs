//! The page of metrics that `serve --metrics` shows, in the text format of Prometheus.
//! Does not say what the metrics are: the parts that count describe them.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::exit_code::refused;

/// Where the page is.
const PATH: &str = "/metrics";
/// How long a request may take to arrive, and how long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at one time. A collector needs one.
const CONNECTIONS: usize = 16;
/// How often what histograms have collected is put in order, so that it does not grow while nobody looks.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// The borders of all times, in seconds: from a claim within a millisecond to a task of a day.
const SECONDS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 14_400.0, 86_400.0];

/// A page that can be asked for from now on.
pub(crate) struct MetricsPage {
    address: SocketAddr,
}

impl MetricsPage {
    /// Counts from now on, and shows what was counted at an address. Needs a tokio runtime; once in a process.
    pub(crate) async fn open(address: SocketAddr, exposed: bool) -> Result<Self> {
        if !address.ip().is_loopback() && !exposed {
            return Err(refused(format!(
                "--metrics {address}: others could read it there, and nobody is asked who they are. Use an address of this machine's own such as 127.0.0.1:{}, or say --metrics-exposed too",
                address.port()
            )));
        }
        let listener = TcpListener::bind(address).await.with_context(|| format!("--metrics {address}"))?;
        let address = listener.local_addr()?;
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .context("the borders of times")?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|_| anyhow!("this process has a recorder of metrics already"))?;
        tokio::spawn(keep_up(handle.clone()));
        tokio::spawn(serve(listener, handle, exposed));
        Ok(Self { address })
    }

    /// Where it is, for a person.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }
}

async fn keep_up(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

async fn serve(listener: TcpListener, handle: PrometheusHandle, exposed: bool) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Too many files are open, perhaps; soon there may be fewer.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let handle = handle.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let answer = answer(&request, &handle, exposed);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            let served = http
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // What goes wrong on a connection is its client's business.
            let _ = tokio::time::timeout(PATIENCE, served).await;
        });
    }
}

/// Whether a request is meant for this machine by what it calls it. A page that a browser has loaded from elsewhere could have its own
/// name stand for this address, and read what is here.
fn is_meant(host: Option<&HeaderValue>) -> bool {
    let authority = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    authority.is_some_and(|authority| {
        let name = authority.host();
        name.eq_ignore_ascii_case("localhost") || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    })
}

fn answer(request: &Request<Incoming>, handle: &PrometheusHandle, exposed: bool) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        _ if !exposed && !is_meant(request.headers().get(HOST)) => {
            (StatusCode::MISDIRECTED_REQUEST, "ask for the page by its address, or by localhost\n".to_owned())
        }
        (&Method::GET | &Method::HEAD, PATH) => (StatusCode::OK, handle.render()),
        (&Method::GET | &Method::HEAD, _) => (StatusCode::NOT_FOUND, format!("there is {PATH}, and nothing else\n")),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "the page can be read, and nothing else\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind =
        if status == StatusCode::OK { "text/plain; version=0.0.4; charset=utf-8" } else { "text/plain; charset=utf-8" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_for_who_asks_for_this_machine() {
        for (host, meant) in [
            ("127.0.0.1:9464", true),
            ("localhost", true),
            ("LocalHost:80", true),
            ("[::1]:9464", true),
            ("rebound.example:9464", false),
            ("127.0.0.1.example", false),
            ("", false),
        ] {
            assert_eq!(is_meant(Some(&HeaderValue::from_static(host))), meant, "{host}");
        }
        assert!(!is_meant(None));
    }
}
