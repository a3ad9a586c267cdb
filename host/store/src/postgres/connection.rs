//! How this process reaches the server: the address, TLS, and what every connection begins with.
//! Does not know what a connection is used for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures::future::BoxFuture;
use percent_encoding::percent_decode_str;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::of_connection;
use super::options::PostgresOptions;
use crate::StoreError;

/// How long the server may take to take a new connection, with all that belongs to it.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may be silent before the other side is asked whether it is still there, and how often it is asked.
const SILENT: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_secs(5);
const ASKED: u32 = 3;
/// How long what was sent may stay without a sign that it came in.
const UNHEARD: Duration = Duration::from_secs(25);
/// How long the server waits for the next statement of a transaction before it rolls it back.
const STANDS_STILL: Duration = Duration::from_secs(5);
/// What the client library has when nobody has said how long a connection may be silent.
const NOT_SAID: Duration = Duration::from_hours(2);

/// What drives a connection.
pub(super) type Wire = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Makes connections to one server.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    /// What a connection begins with. It is no parameter of the connection: a pooler refuses those that it does not know.
    settings: String,
}

impl Connector {
    /// # Errors
    /// `Corrupt` for an address, the name of a schema or certificates that are none.
    pub(super) fn new(address: &str, options: &PostgresOptions) -> Result<Self, StoreError> {
        let schema = &options.schema;
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if schema.is_empty() || schema.len() > 60 || !schema.bytes().all(word) || schema.as_bytes()[0].is_ascii_digit()
        {
            return Err(refused(format!(
                "the schema `{schema}`: expected lower-case letters, digits and `_`, at most 60"
            )));
        }
        let (address, named) = without_roots(address)?;
        let mut config: Config = address.parse().map_err(|error| {
            refused(format!("the address of the store: {error}; expected postgres://USER@HOST:PORT/DATABASE"))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        // A server that is gone without a word is to be noticed before the leases of its hosts are long over.
        if config.get_keepalives_idle() == NOT_SAID {
            config.keepalives_idle(SILENT).keepalives_interval(ASK_EVERY).keepalives_retries(ASKED);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNHEARD);
        }
        config.application_name("taskwright");
        let roots = match named.as_deref().or(options.root_certificates.as_deref()) {
            // Nothing is proved by them.
            _ if config.get_ssl_mode() == SslMode::Disable => RootCertStore::empty(),
            Some(path) => roots_of(path)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(format!("TLS: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // The lock of a session's row has to show what the one before has committed. And whoever stands still in the middle of a
        // transaction, with everything locked that it is about, is not waited for.
        // Every statement has an index to go along, whatever the server thinks of tables that have grown since it looked at
        // them; and none is worth planning anew each time, or compiling.
        let settings = format!(
            "SET search_path = {schema}; SET client_encoding = 'UTF8'; SET default_transaction_isolation = 'read committed'; \
             SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
             SET enable_hashjoin = off; SET enable_mergejoin = off; \
             SET idle_in_transaction_session_timeout = {}",
            STANDS_STILL.as_millis()
        );
        Ok(Self { config, tls: MakeRustlsConnect::new(tls), settings })
    }

    /// A connection on which nothing was said yet, and what drives it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) async fn connect(&self) -> Result<(Client, Wire), StoreError> {
        match tokio::time::timeout(CONNECT, self.config.connect(self.tls.clone())).await {
            Ok(connected) => connected.map_err(|error| of_connection(&error)),
            Err(_) => {
                let reason =
                    format!("no connection to PostgreSQL: the server said nothing within {} s", CONNECT.as_secs());
                Err(StoreError::Unavailable { reason })
            }
        }
    }

    /// At most so many connections, of which the first is there already.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) fn pool(self, connections: usize, first: Driven) -> Result<Pool, StoreError> {
        let config = self.config.clone();
        let begun = Begun { connector: self, first: Mutex::new(Some(first)) };
        let manager = Manager::from_connect(config, begun, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager).max_size(connections.max(1));
        let pool = pool.runtime(Runtime::Tokio1).create_timeout(Some(CONNECT)).build();
        pool.map_err(|error| StoreError::Unavailable { reason: format!("no connection to PostgreSQL: {error}") })
    }
}

/// A connection with the task that drives it.
pub(super) type Driven = (Client, JoinHandle<()>);

/// Drives a connection in the background until its client is gone.
pub(super) fn drive(wire: Wire) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = wire.await {
            tracing::warn!(error = super::failure::chain(&error), "a connection to PostgreSQL has ended");
        }
    })
}

/// Makes the connections of a pool.
struct Begun {
    connector: Connector,
    first: Mutex<Option<Driven>>,
}

impl Connect for Begun {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<Driven, Error>> {
        let config = config.clone();
        Box::pin(async move {
            let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (client, driver) = match first.filter(|(client, _)| !client.is_closed()) {
                Some(first) => first,
                None => {
                    let (client, wire) = config.connect(self.connector.tls.clone()).await?;
                    (client, drive(wire))
                }
            };
            client.batch_execute(&self.connector.settings).await?;
            Ok((client, driver))
        })
    }
}

fn refused(reason: String) -> StoreError {
    StoreError::Corrupt { reason }
}

/// An address as the client library takes it, and the file with certificates that it names: names and certificates are always
/// verified here, so that `verify-full` is what `require` does.
fn without_roots(address: &str) -> Result<(String, Option<PathBuf>), StoreError> {
    let url = address.starts_with("postgres://") || address.starts_with("postgresql://");
    let Some((server, query)) = address.rsplit_once('?').filter(|_| url) else {
        return Ok((address.to_owned(), None));
    };
    let (mut roots, mut kept) = (None, Vec::new());
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("sslrootcert", path)) => {
                let path = percent_decode_str(path).decode_utf8();
                let path = path.map_err(|error| refused(format!("the address of the store: sslrootcert: {error}")))?;
                roots = Some(PathBuf::from(path.as_ref()));
            }
            Some(("sslmode", "verify-full")) => kept.push("sslmode=require"),
            Some(("sslmode", other)) if !["disable", "prefer", "require"].contains(&other) => {
                return Err(refused(format!(
                    "the address of the store: sslmode={other}: expected disable, prefer, require or verify-full; \
                     whenever TLS is used, the certificate and its name are verified"
                )));
            }
            _ => kept.push(part),
        }
    }
    let query = kept.join("&");
    Ok((if query.is_empty() { server.to_owned() } else { format!("{server}?{query}") }, roots))
}

/// The certificates of a file, which alone are trusted then.
fn roots_of(path: &Path) -> Result<RootCertStore, StoreError> {
    let wrong = |error: String| refused(format!("sslrootcert {}: {error}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    Ok(roots)
}
