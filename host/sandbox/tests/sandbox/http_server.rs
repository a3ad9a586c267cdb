//! Servers on loopback that answer as a test says, names that stand for what a test says, and a sandbox that knows both.
//! Does not judge anything.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use taskwright_sandbox::{
    Budget, Grants, HttpConfig, HttpGrant, Kind, LiveGrants, Resolve, RootCertificate, Sandbox, SandboxConfig,
    SecretGrant, SecretText,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::support::*;

/// What names stand for: the answers one after the other, the last of them for ever.
#[derive(Debug)]
struct Names;

static ANSWERS: LazyLock<Mutex<HashMap<String, Vec<Vec<IpAddr>>>>> = LazyLock::new(Mutex::default);
static ASKED: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let nth = {
            let mut asked = ASKED.lock().unwrap();
            let count = asked.entry(host.to_owned()).or_default();
            *count += 1;
            *count - 1
        };
        let answers = ANSWERS.lock().unwrap();
        let answer = answers.get(host).and_then(|answers| answers.get(nth).or(answers.last()));
        let answer = answer.ok_or_else(|| std::io::Error::other("no such name"))?;
        Ok(answer.iter().map(|address| SocketAddr::new(*address, port)).collect())
    }
}

/// Lets a name stand for addresses; each list is one answer.
pub(crate) fn name(host: &str, answers: &[&[&str]]) {
    let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
    ANSWERS.lock().unwrap().insert(host.to_owned(), answers.iter().map(parse).collect());
}

/// How often a name was asked for.
pub(crate) fn asked(host: &str) -> usize {
    ASKED.lock().unwrap().get(host).copied().unwrap_or(0)
}

static CERTIFIED: LazyLock<CertifiedKey<rcgen::KeyPair>> =
    LazyLock::new(|| generate_simple_self_signed(["tls.test".to_owned()]).unwrap());

fn sandbox_with(http: HttpConfig) -> Sandbox {
    let extra_roots = vec![RootCertificate::from_der(CERTIFIED.cert.der().to_vec())];
    let http = HttpConfig { resolver: Arc::new(Names), extra_roots, ..http };
    Sandbox::new(SandboxConfig { max_instances: 100, http, ..SandboxConfig::default() }).unwrap()
}

/// A sandbox that knows the names and the certificate of the tests.
pub(crate) static PATIENT: LazyLock<Sandbox> = LazyLock::new(|| sandbox_with(HttpConfig::default()));

/// One that also gives up early.
pub(crate) static IMPATIENT: LazyLock<Sandbox> = LazyLock::new(|| {
    let idle_timeout = Duration::from_millis(300);
    sandbox_with(HttpConfig {
        head_timeout: idle_timeout,
        idle_timeout,
        max_response_bytes: 100_000,
        ..HttpConfig::default()
    })
});

/// A grant of one target, private addresses included: the servers are on loopback.
pub(crate) fn to(target: &str, methods: &[&str]) -> HttpGrant {
    HttpGrant {
        name: "api".to_owned(),
        targets: vec![target.parse().unwrap()],
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        private: true,
        secrets: Vec::new(),
    }
}

/// The same with a secret.
pub(crate) fn with_secret(grant: HttpGrant, name: &str, value: &str) -> HttpGrant {
    let secrets = vec![SecretGrant { name: name.to_owned(), value: SecretText::new(value.to_owned()) }];
    HttpGrant { secrets, ..grant }
}

pub(crate) fn granted(http: Vec<HttpGrant>) -> LiveGrants {
    Grants { http, ..Grants::default() }.into()
}

/// An instance in one of the sandboxes here.
pub(crate) async fn running(sandbox: &Sandbox, wasm: &[u8], budget: Budget, grants: LiveGrants) -> Running {
    let kind: Arc<Kind> = sandbox.load(wasm).await.unwrap();
    let (sender, reports) = mpsc::unbounded_channel();
    let host = Arc::new(Recorder::new(sender));
    Running { instance: kind.instantiate(host.clone(), budget, grants), host, reports }
}

/// What a guest says at its end, and what it wrote until then.
pub(crate) async fn outcome(running: &mut Running, spec: &str) -> (String, String) {
    let result = running.instance.start(context_with(serde_json::json!(spec))).await;
    let said = summary(result);
    (said, running.text(taskwright_sandbox::OutputStream::Output))
}

/// What is at the other end of a connection.
pub(crate) trait Peer: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Peer for S {}

/// One connection, with the request that came over it.
pub(crate) struct Exchange {
    pub(crate) request: String,
    pub(crate) peer: Box<dyn Peer>,
}

impl Exchange {
    /// Writes, as far as the other side still listens.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.peer.write_all(bytes.as_ref()).await.is_ok() && self.peer.flush().await.is_ok()
    }

    /// A whole response.
    pub(crate) async fn respond(mut self, status: &str, headers: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        self.write(head + body).await;
        let _ = self.peer.shutdown().await;
    }

    /// Waits until the other side has closed.
    pub(crate) async fn closed(mut self) {
        while self.peer.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    }
}

/// A server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Server {
    /// Everything that was sent to it, whole and as it came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Its address as the origin of a url.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Answers each request by calling this.
pub(crate) async fn serve<F: Future<Output = ()> + Send>(
    answer: impl Fn(Exchange) -> F + Clone + Send + Sync + 'static,
) -> Server {
    serve_at("127.0.0.1:0", None, answer).await
}

/// The same with something that each answer gets a clone of.
pub(crate) async fn serve_with<T: Clone + Send + Sync + 'static, F: Future<Output = ()> + Send>(
    shared: &T,
    answer: impl Fn(Exchange, T) -> F + Clone + Send + Sync + 'static,
) -> Server {
    let shared = shared.clone();
    serve(move |exchange| answer(exchange, shared.clone())).await
}

/// The same over TLS, with a certificate for `tls.test`.
pub(crate) async fn serve_tls<F: Future<Output = ()> + Send>(
    certified: Option<&CertifiedKey<rcgen::KeyPair>>,
    answer: impl Fn(Exchange) -> F + Clone + Send + Sync + 'static,
) -> Server {
    let CertifiedKey { cert, signing_key } = certified.unwrap_or(&CERTIFIED);
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    serve_at("127.0.0.1:0", Some(TlsAcceptor::from(Arc::new(config))), answer).await
}

/// The same at a certain address.
pub(crate) async fn serve_at<F: Future<Output = ()> + Send>(
    at: &str,
    tls: Option<TlsAcceptor>,
    answer: impl Fn(Exchange) -> F + Clone + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
    let (log, count) = (requests.clone(), connections.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            let (tls, log, answer) = (tls.clone(), log.clone(), answer.clone());
            tokio::spawn(async move {
                let mut peer: Box<dyn Peer> = match tls {
                    None => Box::new(stream),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => return,
                    },
                };
                let request = read_request(&mut peer).await;
                log.lock().unwrap().push(request.clone());
                answer(Exchange { request, peer }).await;
            });
        }
    });
    Server { address, requests, connections }
}

/// A head and its body, of either framing, as they came.
async fn read_request(peer: &mut Box<dyn Peer>) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            let whole = if head.contains("chunked") { body.ends_with("0\r\n\r\n") } else { body.len() >= length };
            if whole {
                return text;
            }
        }
        let mut piece = [0; 4096];
        match peer.read(&mut piece).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ => return text,
        }
    }
}
