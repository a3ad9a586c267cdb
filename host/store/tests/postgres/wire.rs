//! What lies between a store and a server, and cuts a connection at the message that it is told to.
//! Does not understand the messages, only where they begin and end, and which way they go.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Messages that are counted: a statement in one message, and the end of one in several. What lies between two of them the server
/// does or does not do together.
const COUNTED: [u8; 2] = *b"QS";

/// Which side of a message to the server is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It does not arrive.
    Before,
    /// It arrives, the server does what it says, and nobody hears what it answers.
    After,
    /// It arrives, and from then on whoever sent it stands still, for the server.
    Still,
}

#[derive(Default)]
struct Cut {
    /// How many messages are still let through; negative for all.
    left: AtomicI64,
    side: Mutex<Option<Side>>,
    fired: AtomicBool,
}

/// A wire that a test cuts. It ends with the runtime.
pub(crate) struct Wire {
    cut: Arc<Cut>,
    /// Where the store is to be opened.
    pub(crate) address: String,
}

impl Wire {
    /// Lies in front of a server on this machine.
    pub(crate) async fn to(server: &str) -> Self {
        let (before, after) = server.split_once('@').expect("a user");
        let (place, database) = after.split_once('/').expect("a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let cut = Arc::new(Cut { left: AtomicI64::new(-1), ..Cut::default() });
        let (place, cuts) = (place.to_owned(), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&place).await else { continue };
                tokio::spawn(pass(client, server, cuts.clone()));
            }
        });
        Self { cut, address: format!("{before}@127.0.0.1:{port}/{database}?sslmode=disable") }
    }

    /// Cuts at the message behind so many.
    pub(crate) fn cut(&self, behind: i64, side: Side) {
        self.cut.fired.store(false, Ordering::SeqCst);
        *self.cut.side.lock().expect("no panic under the lock") = Some(side);
        self.cut.left.store(behind, Ordering::SeqCst);
    }

    /// Lets everything through again, and says whether anything was cut.
    pub(crate) fn mend(&self) -> bool {
        self.cut.left.store(-1, Ordering::SeqCst);
        self.cut.fired.load(Ordering::SeqCst)
    }
}

impl Cut {
    /// Whether this message is the one.
    fn is_next(&self) -> bool {
        let next = self.left.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| (left >= 0).then(|| left - 1));
        let is_next = next == Ok(0);
        self.fired.fetch_or(is_next, Ordering::SeqCst);
        is_next
    }
}

async fn pass(client: TcpStream, server: TcpStream, cut: Arc<Cut>) {
    // A message is sent when it is there, not when there are several.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        (from_server, to_client)
    });
    let stop = back.abort_handle();
    match forward(&mut from_client, &mut to_server, &cut).await {
        Ended::Closed => {}
        // The server reads all that has arrived, and ends when there is no more.
        Ended::Cut => {
            stop.abort();
            let _ = to_server.shutdown().await;
        }
        Ended::Still => {
            stop.abort();
            std::future::pending::<()>().await;
        }
    }
    drop(to_server);
    let _ = back.await;
}

enum Ended {
    Closed,
    Cut,
    Still,
}

async fn forward(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, cut: &Cut) -> Ended {
    let mut begun = false;
    loop {
        let Ok(message) = next_message(from, begun).await else { return Ended::Closed };
        // What a connection begins with has no type.
        let counts = std::mem::replace(&mut begun, true);
        if counts && COUNTED.contains(&message[0]) && cut.is_next() {
            let side = *cut.side.lock().expect("no panic under the lock");
            if side != Some(Side::Before) {
                let _ = to.write_all(&message).await;
            }
            return if side == Some(Side::Still) { Ended::Still } else { Ended::Cut };
        }
        if to.write_all(&message).await.is_err() {
            return Ended::Closed;
        }
    }
}

async fn next_message(from: &mut OwnedReadHalf, typed: bool) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; if typed { 5 } else { 4 }];
    from.read_exact(&mut message).await?;
    let head = message.len();
    let length = u32::from_be_bytes(message[head - 4..].try_into().expect("four bytes")) as usize;
    message.resize(head - 4 + length, 0);
    from.read_exact(&mut message[head..]).await?;
    Ok(message)
}
