//! Who says which addresses a name has.
//! Does not judge them: `policy` does, and the one that was judged is the one that is connected to.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// How many names may be looked up at one time: each holds a thread until the name server has answered.
const LOOKUPS: usize = 32;

/// Resolves names.
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a name, which is in ASCII and no address itself.
    ///
    /// # Errors
    /// If it has none, or nobody knows.
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug)]
pub struct SystemResolver {
    room: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let room = self.room.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let host = host.to_owned();
        // The thread is held until the system answers, also when nobody waits any more; so is the room.
        let looking = tokio::spawn(async move {
            let found = tokio::net::lookup_host((host, port)).await.map(Iterator::collect);
            drop(room);
            found
        });
        looking.await.map_err(std::io::Error::other)?
    }
}
