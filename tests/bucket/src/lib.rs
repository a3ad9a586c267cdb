//! A server that speaks the protocol of S3, on this machine and over a folder of its own, with signed requests.
//! Does not imitate its failures: a test that needs one asks an address where nobody listens, or stops the server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The name of the one bucket.
pub const NAME: &str = "tasks";
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

/// A server with one empty bucket. It ends when this is dropped.
pub struct TestBucket {
    folder: tempfile::TempDir,
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl TestBucket {
    /// Starts a server and waits until it takes connections.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(NAME)).expect("a bucket");
        Self::over(folder, 0)
    }

    fn over(folder: tempfile::TempDir, port: u16) -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let connections = Arc::new(AtomicU64::new(0));
        let (root, count) = (folder.path().to_owned(), connections.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(&root, port, &tell, stopped, &count));
        });
        let address = told.recv().expect("the server listens");
        Self { folder, address, connections, stop: Some(stop), thread: Some(thread) }
    }

    /// What a process must have in its environment to use it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Where it keeps an object, as a file.
    #[must_use]
    pub fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join(NAME).join(key)
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Ends the server: whoever asks from now on finds nobody. What it had is kept for `again`.
    #[must_use]
    pub fn stop(mut self) -> Stopped {
        self.end();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        Stopped { folder, port: self.address.port() }
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for TestBucket {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a server has left that was stopped.
pub struct Stopped {
    folder: tempfile::TempDir,
    port: u16,
}

impl Stopped {
    /// Starts it again, at the same address.
    #[must_use]
    pub fn again(self) -> TestBucket {
        TestBucket::over(self.folder, self.port)
    }
}

async fn serve(
    root: &Path,
    port: u16,
    tell: &mpsc::Sender<SocketAddr>,
    mut stopped: oneshot::Receiver<()>,
    connections: &AtomicU64,
) {
    let mut service = S3ServiceBuilder::new(FileSystem::new(root).expect("a folder"));
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
    tell.send(listener.local_addr().expect("an address")).expect("somebody waits");
    let connection = Builder::new(TokioExecutor::new());
    let mut open = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = stream else { continue };
        connections.fetch_add(1, Ordering::Relaxed);
        let served = connection.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        open.spawn(async move { drop(served.await) });
    }
}
