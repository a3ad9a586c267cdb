//! The cache of compiled code: used when it is genuine, rebuilt when it is not.
//! Other tests do without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use taskwright_sandbox::{Sandbox, SandboxConfig, SandboxError};
use taskwright_test_guests as guests;

fn sandbox(dir: &Path) -> Result<Sandbox, SandboxError> {
    let config = SandboxConfig { cache_dir: Some(dir.to_owned()), max_instances: 4, ..SandboxConfig::default() };
    Sandbox::new(config)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "code")).collect()
}

#[tokio::test]
async fn compiled_code_is_kept_private_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("code");
    sandbox(&dir).unwrap().load(guests::HONEST).await.unwrap();
    let entry = entries(&dir).pop().expect("an entry");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("key")), mode(&entry)), (0o700, 0o600, 0o600));
    let written = fs::metadata(&entry).unwrap().modified().unwrap();
    sandbox(&dir).unwrap().load(guests::HONEST).await.unwrap();
    assert_eq!(fs::metadata(&entry).unwrap().modified().unwrap(), written);
}

#[tokio::test]
async fn an_entry_that_was_tampered_with_is_rebuilt_and_never_loaded() {
    let dir = tempfile::tempdir().unwrap();
    sandbox(dir.path()).unwrap().load(guests::HONEST).await.unwrap();
    let entry = entries(dir.path()).pop().expect("an entry");
    let genuine = fs::read(&entry).unwrap();

    let mut flipped = genuine.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let other_tag = [&[0; 32][..], &genuine[32..]].concat();
    for damaged in [flipped, other_tag, genuine[..genuine.len() / 2].to_vec(), Vec::new()] {
        fs::write(&entry, &damaged).unwrap();
        sandbox(dir.path()).unwrap().load(guests::HONEST).await.unwrap();
        assert_eq!(fs::read(&entry).unwrap(), genuine, "rebuilt");
    }
}

#[tokio::test]
async fn an_entry_of_another_component_or_installation_is_not_loaded() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sandbox(ours.path()).unwrap().load(guests::HONEST).await.unwrap();
    sandbox(theirs.path()).unwrap().load(guests::HONEST).await.unwrap();
    let (our_entry, their_entry) = (entries(ours.path()).pop().unwrap(), entries(theirs.path()).pop().unwrap());
    let genuine = fs::read(&our_entry).unwrap();
    fs::copy(their_entry, &our_entry).unwrap();
    sandbox(ours.path()).unwrap().load(guests::HONEST).await.unwrap();
    assert_eq!(fs::read(&our_entry).unwrap(), genuine);

    sandbox(ours.path()).unwrap().load(guests::FAILS).await.unwrap();
    let other = entries(ours.path()).into_iter().find(|path| *path != our_entry).unwrap();
    fs::copy(other, &our_entry).unwrap();
    let kind = sandbox(ours.path()).unwrap().load(guests::HONEST).await.unwrap();
    assert_eq!(kind.description().kind, "test-guest");
    assert_eq!(fs::read(&our_entry).unwrap(), genuine);
}

#[tokio::test]
async fn a_key_that_is_none_is_an_error_and_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("key"), "short").unwrap();
    let error = sandbox(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is no key"), "{error}");
    assert_eq!(fs::read(dir.path().join("key")).unwrap(), b"short");
}
