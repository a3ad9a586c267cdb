//! Who says which addresses a name has.
//! Does not judge them: `policy` does, and the one that was judged is the one that is connected to.

use std::net::{SocketAddr, ToSocketAddrs};
use std::{fmt, fs, io};

use async_trait::async_trait;

/// Names that the machine itself knows, and how much of the list is read.
const HOSTS: &str = "/etc/hosts";
const HOSTS_BYTES: u64 = 1 << 20;

/// Resolves names.
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a name, which is in ASCII and no address itself.
    ///
    /// # Errors
    /// If it has none, or nobody knows.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system. A name is looked up as it stands, whatever the system would complete it with: `api`
/// is not `api.corp.example` because that is in its search list. Each lookup holds a thread until the system has answered.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let found = (asked_for(host), port).to_socket_addrs()?;
            Ok(found.collect())
        });
        looking.await.map_err(io::Error::other)?
    }
}

/// What the system is asked for: the name with a dot at its end, so that it is taken for absolute. Those of the machine's own list
/// have none, and are found before anything is completed.
fn asked_for(host: String) -> String {
    if is_listed(&hosts(), &host) { host } else { format!("{host}.") }
}

fn hosts() -> String {
    use io::Read;
    let mut bytes = Vec::new();
    let read = fs::File::open(HOSTS).and_then(|file| file.take(HOSTS_BYTES).read_to_end(&mut bytes));
    read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Whether a list of lines `ADDRESS NAME ...` has this name.
fn is_listed(hosts: &str, host: &str) -> bool {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split_ascii_whitespace().skip(1)).any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_as_absolute() {
        assert_eq!(asked_for("api.invalid".to_owned()), "api.invalid.");
        assert_eq!(asked_for("metadata".to_owned()), "metadata.");
        let hosts = "127.0.0.1 localhost\n10.0.0.5\tdb.inner  DB # not this\n";
        for (name, listed) in
            [("localhost", true), ("db", true), ("this", false), ("10.0.0.5", false), ("inner", false)]
        {
            assert_eq!(is_listed(hosts, name), listed, "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_of_the_machine_itself_is_found() {
        let found = SystemResolver.resolve("localhost", 80).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty(), "{found:?}");
    }
}
