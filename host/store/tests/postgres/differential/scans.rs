//! That no statement reads a table that grows from one end to the other.
//! Does not look at single statements: the server counts what it reads, whatever was asked.

use rand::SeedableRng;
use rand::rngs::StdRng;
use taskwright_store::{PostgresOptions, PostgresStore};
use tokio_postgres::Client;

use super::draw::Draw;
use super::stores::Stores;
use crate::place::{database, server, talk};

/// Commands, of which each sort comes several times.
const COMMANDS: usize = 500;

/// Waits until every store has left, and with it what its connections have counted.
async fn alone(client: &Client) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND backend_type = 'client backend'";
    let wait = async {
        while client.query_one(others, &[]).await.expect("a count").get::<_, i64>(0) > 0 {
            // There is nothing that could be waited for but the answer.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), wait).await.expect("they leave");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_a_growing_table_from_one_end_to_the_other() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let client = talk(&address).await;
    let seed = 11;
    let schema = format!("seed_{seed}");
    let options = PostgresOptions { schema: schema.clone(), ..PostgresOptions::default() };
    // The tables are made, and indexes over them, before it is counted.
    drop(PostgresStore::open(&address, options).await.expect("a store"));
    alone(&client).await;
    client.batch_execute("SELECT pg_stat_reset()").await.expect("nothing is counted");
    let stores = Stores::open(&address, seed).await;
    let mut draw = Draw::new(StdRng::seed_from_u64(seed));
    for number in 0..COMMANDS {
        let command = draw.command(&stores).await;
        stores.run(&command).await.expect("the same everywhere");
        if number % 100 == 0 {
            stores.observe(&draw, true).await.expect("the same everywhere");
        }
    }
    drop(stores);
    alone(&client).await;
    let counted = "SELECT relname::text, seq_scan, idx_scan FROM pg_stat_user_tables WHERE schemaname = $1";
    let counted = client.query(counted, &[&schema]).await.expect("what was counted");
    let counted: Vec<(String, i64, i64)> =
        counted.iter().map(|row| (row.get(0), row.get(1), row.get::<_, Option<i64>>(2).unwrap_or_default())).collect();
    assert!(counted.iter().any(|(table, _, along)| table == "tasks" && *along > 1_000), "{counted:?}");
    // There are as many leases as hosts, and one version.
    let read: Vec<_> = counted
        .iter()
        .filter(|(table, whole, _)| *whole > 0 && !["hosts", "schema_version"].contains(&table.as_str()))
        .collect();
    assert!(read.is_empty(), "read from one end to the other: {read:?}");
}
