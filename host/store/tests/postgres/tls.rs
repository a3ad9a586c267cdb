//! TLS: what is verified, and what a refusal says.
//! Does not test the library that does it for its own sake.

use std::ops::ControlFlow;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use taskwright_store::{
    MigrateOptions, Migrated, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, StoreError, migrate,
};
use taskwright_test_postgres::{Server, skipped};

use crate::place::{new_task, open, unavailable};

/// Who signs.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A server with a certificate for these names.
fn server(names: &[&str], authority: &CertifiedIssuer<'static, KeyPair>) -> Result<Server, String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(names).expect("names").signed_by(&key, authority).expect("a certificate");
    let mut server = Server::make()?;
    server.put("server.crt", &certificate.pem())?;
    server.put("server.key", &key.serialize_pem())?;
    // Whoever comes without TLS is sent away.
    server.put("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n")?;
    server.set("ssl=on");
    server.begin()?;
    Ok(server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_trusted_by_its_certificate_and_its_name() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let server = match server(&["127.0.0.1"], &ours) {
        Ok(server) => server,
        Err(why) => return skipped(&why),
    };
    let folder = tempfile::tempdir().unwrap();
    let root = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ours, theirs) = (root("ours root.pem", ours.pem()), root("theirs.pem", theirs.pem()));
    let address = server.address();
    for mode in ["require", "verify-full", "prefer"] {
        let store = open(&format!("{address}?sslmode={mode}&sslrootcert={}", ours.replace(' ', "%20"))).await;
        let store = store.unwrap_or_else(|error| panic!("{mode}: {error}"));
        store.create(new_task(&store)).await.expect("a task");
    }
    // What listens, listens through TLS too, and a program may name the certificates by itself.
    let options = PostgresOptions { root_certificates: Some(ours.clone().into()), ..PostgresOptions::default() };
    PostgresStore::open(&address, options).await.expect("a store");
    // So may one that moves a registry there.
    let file = folder.path().join("registry.db");
    drop(SqliteStore::open(&file, SqliteOptions::default()).expect("a file"));
    let (schema, root_certificates) = ("moved".to_owned(), Some(ours.clone().into()));
    let options = MigrateOptions { schema, root_certificates, ..MigrateOptions::default() };
    let moved = migrate(&file, &format!("{address}?sslmode=require"), &options, |_| ControlFlow::Continue(())).await;
    assert!(matches!(moved, Ok(Migrated::Complete(_))), "{moved:?}");

    let unknown = unavailable(open(&format!("{address}?sslmode=require&sslrootcert={theirs}")).await);
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("sslrootcert=PATH"), "{unknown}");
    // Nobody has said whom to trust: those whom the web trusts.
    let unknown = unavailable(open(&address).await);
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("sslrootcert=PATH"), "{unknown}");
    let other_name = address.replace("127.0.0.1", "localhost");
    let other_name = unavailable(open(&format!("{other_name}?sslmode=require&sslrootcert={ours}")).await);
    assert!(other_name.contains("use the name that the server's certificate is for"), "{other_name}");
    let without = unavailable(open(&format!("{address}?sslmode=disable")).await);
    assert!(without.contains("no encryption") && without.contains("28000"), "{without}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let Some(address) = crate::place::server() else { return };
    let refused = unavailable(open(&format!("{address}?sslmode=require")).await);
    assert!(refused.contains("does not support TLS") && refused.contains("ssl = on"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_an_address_is_said_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = format!("sslmode=require&sslrootcert={}", empty.display());
    for (query, said) in [
        ("sslmode=verify-ca", "expected disable, prefer, require or verify-full"),
        ("sslmode=allow", "expected disable, prefer, require or verify-full"),
        ("sslmode=require&sslrootcert=/nowhere/at/all.pem", "/nowhere/at/all.pem"),
        (empty.as_str(), "no certificate"),
    ] {
        // Nothing listens there.
        match open(&format!("postgres://nobody@127.0.0.1:1/none?{query}")).await {
            Err(StoreError::Corrupt { reason }) => assert!(reason.contains(said), "{query}: {reason}"),
            other => panic!("{query}: {other:?}"),
        }
    }
}
