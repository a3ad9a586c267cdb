//! The one connection of a store that hears what is told on a channel.
//! Does not know what is told.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client};

use super::connection::Connector;
use super::failure::{chain, of_statement};
use crate::StoreError;

/// How long a notice may take to come back before it is clear that none ever will.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// A connection that listens. It ends when this is dropped.
pub(super) struct Listening {
    _client: Client,
    heard: mpsc::UnboundedReceiver<Result<String, String>>,
}

impl Listening {
    /// Listens from now on.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) async fn begin(connector: &Connector, channel: &str) -> Result<Self, StoreError> {
        let (client, mut wire) = connector.connect().await?;
        let (hears, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut messages = futures::stream::poll_fn(move |context| wire.poll_message(context));
            while let Some(message) = messages.next().await {
                let sent = match message {
                    Ok(AsyncMessage::Notification(notice)) => hears.send(Ok(notice.payload().to_owned())),
                    Ok(_) => Ok(()),
                    Err(error) => hears.send(Err(chain(&error))),
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        client.batch_execute(&format!("LISTEN \"{channel}\"")).await.map_err(|error| of_statement(&error))?;
        Ok(Self { _client: client, heard })
    }

    /// The next notice.
    ///
    /// # Errors
    /// Why there is none any more.
    pub(super) async fn next(&mut self) -> Result<String, String> {
        self.heard.recv().await.unwrap_or_else(|| Err("the connection has ended".to_owned()))
    }

    /// Proves that this hears what another connection tells. Behind a pooler that gives each transaction another connection it
    /// never would, and what was set up on a connection would be found by strangers.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) async fn prove(&mut self, other: &Client, channel: &str, notice: &str) -> Result<(), StoreError> {
        // Not prepared: a pooler would not find the statement again.
        let tell = format!("SELECT pg_notify('{channel}', '{notice}')");
        other.batch_execute(&tell).await.map_err(|error| of_statement(&error))?;
        let heard = async {
            while self.next().await? != notice {}
            Ok::<(), String>(())
        };
        let reason = match tokio::time::timeout(HEARD_WITHIN, heard).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => format!("the connection to PostgreSQL that listens: {error}"),
            Err(_) => format!(
                "PostgreSQL took LISTEN, and what was told on another connection was not heard within {} s: the address \
                 leads through a pooler that keeps no connection for a client (PgBouncer's pool_mode = transaction or \
                 statement); use the server's own address, or pool_mode = session",
                HEARD_WITHIN.as_secs()
            ),
        };
        Err(StoreError::Unavailable { reason })
    }
}
