//! A PgBouncer between the tests and a server.
//! Does not install one: whoever wants one says that he is skipped where there is none.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::Server;
use crate::server::{command, free_port, give, keep};

/// A pooler. It ends with the value, or with the process.
#[derive(Debug)]
pub struct Pooler {
    folder: PathBuf,
    port: u16,
    running: Option<(Pid, JoinHandle<()>)>,
}

impl Pooler {
    /// Begins one in front of a server, with a `pool_mode`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn begin(server: &Server, mode: &str) -> Result<Self, String> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(Path::new).into_iter().find(|path| path.exists());
        let program = program.ok_or("install Debian's package `pgbouncer`")?;
        let port = free_port()?;
        let folder = std::env::temp_dir().join(format!("taskwright-pgbouncer-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let settings = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres user=taskwright\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n",
            server.port()
        );
        std::fs::write(&settings, text).map_err(|error| error.to_string())?;
        give(&folder)?;
        give(&settings)?;
        let mut serve = command(program);
        serve.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null());
        let pooler = Self { folder, port, running: Some(keep(serve)?) };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err("the pooler takes no connections".to_owned());
            }
            // There is nothing that could be waited for but the answer.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(pooler)
    }

    /// The address of the server's database, through this.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://taskwright@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Some((pid, ended)) = self.running.take() {
            // One that is gone has nothing to stop.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = ended.join();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
