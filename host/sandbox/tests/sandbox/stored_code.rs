//! The cache of compiled code: used when it is genuine, rebuilt when it is not.
//! Other tests do without it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

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

/// A folder in which the guest was compiled once, the entry, and what it held.
async fn compiled() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    sandbox(dir.path()).unwrap().load(guests::HONEST).await.unwrap();
    let entry = entries(dir.path()).pop().expect("an entry");
    let genuine = fs::read(&entry).unwrap();
    (dir, entry, genuine)
}

/// The guest loads, and a plain file with genuine code is where it should be.
async fn rebuilt(dir: &Path, entry: &Path, genuine: &[u8]) {
    assert_eq!(sandbox(dir).unwrap().load(guests::HONEST).await.unwrap().description().kind, "test-guest");
    assert!(fs::symlink_metadata(entry).unwrap().is_file());
    assert!(fs::read(entry).unwrap() == genuine);
}

#[tokio::test]
async fn a_link_in_place_of_an_entry_is_not_followed_and_what_it_leads_to_stays() {
    let (dir, entry, genuine) = compiled().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = elsewhere.path().join("outside");
    // Even genuine code is not taken from elsewhere, and nothing is read that never ends.
    for target in [outside.as_path(), Path::new("/dev/zero"), Path::new("/nowhere")] {
        fs::write(&outside, &genuine).unwrap();
        fs::remove_file(&entry).unwrap();
        symlink(target, &entry).unwrap();
        rebuilt(dir.path(), &entry, &genuine).await;
        assert!(fs::read(&outside).unwrap() == genuine);
    }
}

#[tokio::test]
async fn a_pipe_or_a_folder_in_place_of_an_entry_holds_nobody_up() {
    let (dir, entry, genuine) = compiled().await;
    fs::remove_file(&entry).unwrap();
    assert!(Command::new("mkfifo").arg(&entry).status().unwrap().success());
    rebuilt(dir.path(), &entry, &genuine).await;
    fs::remove_file(&entry).unwrap();
    fs::create_dir_all(entry.join("with/more")).unwrap();
    rebuilt(dir.path(), &entry, &genuine).await;
}

#[tokio::test]
async fn a_huge_entry_is_thrown_away_and_not_read() {
    let (dir, entry, genuine) = compiled().await;
    // A terabyte of nothing, which takes no room on the disk.
    fs::OpenOptions::new().write(true).open(&entry).unwrap().set_len(1 << 40).unwrap();
    rebuilt(dir.path(), &entry, &genuine).await;
}

#[tokio::test]
async fn an_entry_cut_off_anywhere_is_rebuilt() {
    let (dir, entry, genuine) = compiled().await;
    for length in [0, 1, 31, 32, 33, genuine.len() - 1] {
        fs::write(&entry, &genuine[..length]).unwrap();
        rebuilt(dir.path(), &entry, &genuine).await;
    }
}

#[tokio::test]
async fn a_key_that_others_may_know_is_refused_with_what_to_do() {
    let (dir, entry, genuine) = compiled().await;
    let key = dir.path().join("key");
    for mode in [0o644, 0o660, 0o602] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = sandbox(dir.path()).unwrap_err().to_string();
        let told =
            format!("can be used by others: its mode is {mode:o}, expected 600; remove `{}`", dir.path().display());
        assert!(error.contains(&told), "{error}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    rebuilt(dir.path(), &entry, &genuine).await;
}

#[tokio::test]
async fn a_link_or_a_pipe_in_place_of_the_key_is_refused() {
    let (dir, _, _) = compiled().await;
    let (key, elsewhere) = (dir.path().join("key"), dir.path().join("elsewhere"));
    fs::rename(&key, &elsewhere).unwrap();
    symlink(&elsewhere, &key).unwrap();
    let error = sandbox(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is no key; remove it"), "{error}");
    fs::remove_file(&key).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&key).status().unwrap().success());
    let error = sandbox(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is no key; remove it"), "{error}");
}

#[tokio::test]
async fn a_folder_or_a_key_of_another_user_is_refused() {
    let (dir, _, _) = compiled().await;
    let give = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), None);
    let key = dir.path().join("key");
    if give(&key, 12_345).is_err() {
        // Only root can give files away; for anybody else the other tests have to do.
        return;
    }
    let error = sandbox(dir.path()).unwrap_err().to_string();
    assert!(error.contains("belongs to the user 12345, expected 0"), "{error}");
    give(&key, 0).unwrap();
    give(dir.path(), 12_345).unwrap();
    let error = sandbox(dir.path()).unwrap_err().to_string();
    assert!(error.contains("it belongs to the user 12345; use a folder of your own"), "{error}");
}

#[tokio::test]
async fn the_oldest_entries_go_when_there_are_too_many_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let limited = |cache_bytes| {
        let cache_dir = Some(dir.path().to_owned());
        Sandbox::new(SandboxConfig { cache_dir, cache_bytes, max_instances: 4, ..SandboxConfig::default() }).unwrap()
    };
    let age = |path: &Path, seconds| {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    };
    limited(u64::MAX).load(guests::HONEST).await.unwrap();
    let first = entries(dir.path()).pop().unwrap();
    age(&first, 7_200);
    limited(u64::MAX).load(guests::FAILS).await.unwrap();
    let second = entries(dir.path()).into_iter().find(|path| *path != first).unwrap();
    age(&second, 3_600);
    let bytes = |path: &Path| fs::metadata(path).unwrap().len();
    let (begun, left) = (dir.path().join(".new-begun"), dir.path().join(".new-left"));
    fs::write(&begun, "").unwrap();
    fs::write(&left, "").unwrap();
    age(&left, 7_200);

    limited(u64::MAX).load(guests::TRAPS).await.unwrap();
    let third = entries(dir.path()).into_iter().find(|path| *path != first && *path != second).unwrap();
    // Room for all of them but for one byte, when the last one is made again.
    let room = bytes(&first) + bytes(&second) + bytes(&third) - 1;
    fs::remove_file(&third).unwrap();
    limited(room).load(guests::TRAPS).await.unwrap();
    assert_eq!((first.exists(), second.exists(), entries(dir.path()).len()), (false, true, 2));
    assert_eq!((begun.exists(), left.exists()), (true, false), "what is being written stays");
    // What was compiled last stays even if it is too large by itself.
    limited(1).load(guests::HONEST).await.unwrap();
    assert_eq!(entries(dir.path()), [first]);
}
