//! Makes connections: to one address that was judged, over TLS where the url says so.
//! Does not resolve or judge. Keeps no connection, no session of TLS and no proxy: instances have nothing in common.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use taskwright_registry::clean_line;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Scheme;
use super::config::HttpConfig;
use super::destination::Destination;
use super::error::HttpError;
use super::own_addresses::OwnAddresses;
use crate::shared_pool::{SharedPool, Taken};

/// What all requests of a sandbox have in common.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: HttpConfig,
    pub(crate) connections: Arc<SharedPool>,
    pub(crate) lookups: Arc<SharedPool>,
    pub(crate) own: OwnAddresses,
    tls: Arc<ClientConfig>,
}

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

impl Client {
    /// Takes the settings over. The error says which certificate is none.
    pub(crate) fn new(config: HttpConfig) -> Result<Arc<Self>, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for (nth, root) in config.extra_roots.iter().enumerate() {
            let added = roots.add(root.0.clone());
            added.map_err(|error| format!("the extra root certificate number {} is none: {error}", nth + 1))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let versions = versions.map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let mut tls = versions.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A ticket of one task would tell a server that another one is the same host's.
        tls.resumption = Resumption::disabled();
        let connections = SharedPool::new(config.max_connections.into());
        let lookups = SharedPool::new(config.max_lookups.into());
        Ok(Arc::new(Self { config, connections, lookups, own: OwnAddresses::default(), tls: Arc::new(tls) }))
    }

    /// The addresses of a destination: its own, or those of its name. `place` is one among the lookups of all.
    pub(crate) async fn addresses(&self, to: &Destination, place: Option<Taken>) -> Result<Vec<SocketAddr>, HttpError> {
        let port = to.target().port;
        if let Some(address) = to.address() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let host = &to.target().host;
        let (resolver, name) = (self.config.resolver.clone(), host.clone());
        // It goes on until the system answers, also when nobody waits any more, and so long it holds its place.
        let looking = tokio::spawn(async move {
            let found = resolver.resolve(&name, port).await;
            drop(place);
            found
        });
        let found = looking.await.map_err(std::io::Error::other).flatten();
        let found = found.map_err(|error| {
            tracing::debug!(host, %error, "a name was not resolved");
            HttpError::Dns(format!("the name `{host}` cannot be resolved"))
        })?;
        if found.is_empty() {
            return Err(HttpError::Dns(format!("the name `{host}` has no address")));
        }
        // A resolver says which address, and not which port or zone.
        Ok(found.into_iter().map(|found| SocketAddr::new(found.ip(), port)).collect())
    }

    /// Connects to exactly this address.
    pub(crate) async fn connect(&self, to: &Destination, address: SocketAddr) -> Result<Box<dyn Stream>, HttpError> {
        let target = to.target();
        let lost = |error: std::io::Error| {
            HttpError::Connection(format!("no connection to {target}: {}", clean_line(&error.kind().to_string(), 200)))
        };
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        if target.scheme == Scheme::Http {
            return Ok(Box::new(stream));
        }
        let name = match to.address() {
            Some(address) => ServerName::from(address),
            None => ServerName::try_from(target.host.clone())
                .map_err(|_| HttpError::Tls(format!("no certificate can be for the name `{}`", target.host)))?,
        };
        let connected = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let stream =
            connected.map_err(|error| HttpError::Tls(format!("{target}: {}", clean_line(&error.to_string(), 300))))?;
        Ok(Box::new(stream))
    }
}
