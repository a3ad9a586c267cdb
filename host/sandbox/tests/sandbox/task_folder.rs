//! The folder of a task's own: what can be done there, how much, and that nothing leads out of it.
//! Nothing here is about folders that an operator grants, except where the two meet.

use std::os::unix::fs::symlink;
use std::path::Path;

use taskwright_sandbox::{
    Access, Budget, FolderGrant, Grants, LiveGrants, OutputStream, Sandbox, SandboxConfig, StopReason,
};
use taskwright_test_guests as guests;
use tempfile::TempDir;

use crate::support::*;

const OWN: Grants = Grants { folders: Vec::new(), task_folder: true, http: Vec::new(), spawner: None };

/// What the budget lets lie in the folder.
fn room(file_bytes: u64) -> Budget {
    Budget { file_bytes, ..Budget::default() }
}

async fn running(script: &str, budget: Budget, grants: impl Into<LiveGrants>, folder: &Path) -> (Running, Start) {
    let running = instantiate_in(guests::FILE_SCRIPT, budget, grants, Some(folder)).await;
    let (instance, task) = (running.instance.clone(), context_with(serde_json::json!(script)));
    let start = tokio::spawn(async move { summary(instance.start(task).await) });
    (running, start)
}

type Start = tokio::task::JoinHandle<String>;

/// Runs a script in a folder. Returns what came of each command.
async fn script(script: &str, budget: Budget, grants: Grants, folder: &Path) -> Vec<String> {
    let (mut running, start) = running(script, budget, grants, folder).await;
    assert_eq!(start.await.unwrap(), "done");
    lines(&mut running)
}

fn lines(running: &mut Running) -> Vec<String> {
    let text = running.text(OutputStream::Output);
    text.lines().map(|line| line.rsplit_once(": ").map_or(line, |(_, came)| came).to_owned()).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) mod file_script {
    use super::*;

    #[tokio::test]
    async fn a_task_has_a_folder_of_its_own_to_write_to_and_finds_it_again() {
        let folder = folder();
        let came = script(
            "mkdir /task/a; write /task/a/x 5; append /task/a/x 3; len /task/a/x; mv /task/a/x /task/y; ls /task; \
             size /task/y 2; read /task/y; rmdir /task/a; count /task",
            room(1 << 20),
            OWN,
            folder.path(),
        )
        .await;
        assert_eq!(came, ["ok", "ok", "ok", "8", "ok", "a,y", "ok", "2", "ok", "1"]);
        let again = script("read /task/y; rm /task/y; ls /task", room(1 << 20), OWN, folder.path()).await;
        assert_eq!(again, ["2", "ok", "ok"]);
    }

    #[tokio::test]
    async fn without_the_grant_or_without_a_folder_there_is_none() {
        let folder = folder();
        let came = script("write /task/a 1", room(1 << 20), Grants::default(), folder.path()).await;
        assert_eq!(came, ["NotFound"]);
        let running = instantiate_in(guests::FILE_SCRIPT, Budget::default(), OWN, None).await;
        let failure = running.instance.start(context()).await.unwrap_err().into_failure();
        assert!(failure.error.message.contains("files are in memory here"), "{failure:?}");
        let twice = Grants { folders: vec![FolderGrant::read("task", folder.path())], ..OWN };
        let running = instantiate_in(guests::FILE_SCRIPT, Budget::default(), twice, Some(folder.path())).await;
        let failure = running.instance.start(context()).await.unwrap_err().into_failure();
        assert!(failure.error.message.contains("grant it by another name"), "{failure:?}");
    }

    #[tokio::test]
    async fn what_lies_there_is_bounded_and_what_is_removed_makes_room() {
        let folder = folder();
        let came = script(
            "write /task/a 9000; write /task/b 9000; rm /task/b; size /task/a 100; write /task/c 9000; write /task/c 9000",
            room(18_000),
            OWN,
            folder.path(),
        )
        .await;
        // The second one came as far as it could; the last one replaces itself.
        assert_eq!(came, ["ok", "Io", "ok", "ok", "ok", "ok"]);
        let came = script("ls /task; rm /task/c; write /task/d 8000", room(18_000), OWN, folder.path()).await;
        assert_eq!(came[1..], ["ok", "ok"]);
        let lies = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        assert!(lies.sum::<u64>() <= 18_000);
    }

    #[tokio::test]
    async fn what_an_earlier_instance_left_counts_and_its_peak_is_told() {
        let folder = folder();
        script("write /task/a 6000", room(16_000), OWN, folder.path()).await;
        let (mut running, start) =
            running("write /task/b 3000; rm /task/a; write /task/b 3000", room(16_000), OWN, folder.path()).await;
        start.await.unwrap();
        assert_eq!(lines(&mut running), ["Io", "ok", "ok"]);
        let peak = running.instance.usage().file_peak_bytes;
        assert!((10_000..=16_000).contains(&peak), "{peak}");
    }

    #[tokio::test]
    async fn holes_count_like_bytes() {
        let folder = folder();
        let came = script(
            "write /task/a 0; size /task/a 5000000000000; size /task/a 9000; len /task/a; keep /task/a; kwrite 9000; kwrite 9000",
            room(24_000),
            OWN,
            folder.path(),
        )
        .await;
        assert_eq!(came, ["ok", "QuotaExceeded", "ok", "9000", "ok", "ok", "ok"]);
    }

    #[tokio::test]
    async fn empty_files_and_folders_count_too() {
        let folder = folder();
        let came = script(
            "many /task 1000; rm /task/3; many /task 1; mkdir /task/m; mkdir /task/n",
            room(100 * 4_096),
            OWN,
            folder.path(),
        )
        .await;
        assert_eq!(came, ["100 and QuotaExceeded", "ok", "0 and AlreadyExists", "ok", "QuotaExceeded"]);
    }

    #[tokio::test]
    async fn files_that_are_removed_while_they_are_open_take_room_until_they_are_closed() {
        let folder = folder();
        let came =
            script("ghosts /task 1000 1000; ls /task; close; write /task/a 90000", room(100_000), OWN, folder.path())
                .await;
        // Each is 1,000 bytes and 4,096 for being there.
        assert_eq!(came, ["19 and QuotaExceeded", "ok", "ok", "ok"]);
    }

    #[tokio::test]
    async fn what_is_counted_is_what_the_disk_gives_at_least() {
        use std::os::unix::fs::MetadataExt;

        let folder = folder();
        let text =
            "many /task 20; mkdir /task/d; many /task/d 20; write /task/a 1; write /task/b 4097; write /task/c 70000";
        let (running, start) = running(text, room(1 << 20), OWN, folder.path()).await;
        start.await.unwrap();
        let taken = |path: &Path| -> u64 {
            let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
            entries.map(|about| about.blocks() * 512).sum()
        };
        let disk = taken(folder.path()) + taken(&folder.path().join("d"));
        let counted = running.instance.usage().file_peak_bytes;
        assert!(counted >= disk, "counted {counted}, the disk has given {disk}");
    }

    #[tokio::test]
    async fn files_open_at_one_time_are_limited_and_counted() {
        let folder = folder();
        let few = Budget { open_files: 3, ..room(1 << 20) };
        let text = "write /task/a 5; hoard /task/a; read /task/a; ls /task; close; read /task/a; ls /task";
        let (mut running, start) = running(text, few, OWN, folder.path()).await;
        assert_eq!(start.await.unwrap(), "done");
        let quota = "QuotaExceeded";
        assert_eq!(lines(&mut running), ["ok", "3 and QuotaExceeded", quota, quota, "ok", "5", "a"]);
        assert_eq!(running.instance.usage().open_files_peak, 3);
    }

    async fn play(running: &mut Running, text: &str) -> Vec<String> {
        let task = context_with(serde_json::json!(text));
        assert_eq!(summary(running.instance.start(task).await), "done");
        lines(running)
    }

    #[tokio::test]
    async fn one_session_leaves_descriptors_to_others() {
        let config = SandboxConfig { open_files: Some(40), max_instances: 8, ..SandboxConfig::default() };
        let (sandbox, folder) = (Sandbox::new(config).unwrap(), folder());
        let mut greedy = of_session(&sandbox, "greedy", folder.path(), OWN).await;
        // Three quarters, less the folder and three for the calls of the instance.
        assert_eq!(play(&mut greedy, "write /task/a 1; hoard /task/a").await, ["ok", "26 and ResourceBusy"]);
        let mut other = of_session(&sandbox, "other", folder.path(), OWN).await;
        let came = play(&mut other, "read /task/a; write /task/b 1; rm /task/b; ls /task").await;
        assert_eq!(came, ["1", "ok", "ok", "a"]);
        for running in [greedy, other] {
            running.instance.stop(StopReason::Done);
            running.instance.stopped().await;
        }
        assert_eq!(sandbox.descriptors_in_use(), 0);
    }

    #[tokio::test]
    async fn one_session_leaves_threads_to_others() {
        let config = SandboxConfig { file_threads: 4, max_instances: 16, ..SandboxConfig::default() };
        let (sandbox, folder) = (Sandbox::new(config).unwrap(), folder());
        let mut resident = Vec::new();
        for _ in 0..3 {
            let mut running = of_session(&sandbox, "greedy", folder.path(), OWN).await;
            assert_eq!(play(&mut running, "ls /task").await, ["ok"]);
            resident.push(running);
        }
        let mut waiting = of_session(&sandbox, "greedy", folder.path(), OWN).await;
        let mut other = of_session(&sandbox, "other", folder.path(), OWN).await;
        assert_eq!(play(&mut other, "ls /task").await, ["ok"], "the fourth of the session waits, and nobody for it");
        drop(resident.pop());
        assert_eq!(play(&mut waiting, "ls /task").await, ["ok"]);
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_makes_room() {
        let folder = folder();
        let came = script(
            "write /task/a 4000; write /task/b 4000; mv /task/a /task/b; write /task/c 4000; mv /task/c /task/c; len /task/c",
            room(17_000),
            OWN,
            folder.path(),
        )
        .await;
        assert_eq!(came, ["ok", "ok", "ok", "ok", "ok", "4000"]);
    }

    #[tokio::test]
    async fn folders_lie_in_one_another_to_a_bound_also_when_they_are_moved() {
        let folder = folder();
        let came = script("deep /task 100; mkdir /task/e", room(1 << 20), OWN, folder.path()).await;
        assert_eq!(came[1], "ok");
        assert!(came[0].starts_with("64 and "), "{came:?}");
        let deep = "/d".repeat(40);
        let came = script(
            &format!("rmall /task/d; deep /task 40; mkdir /task/e/f; mv /task/e /task{deep}/e; mv /task{deep}/e /task/e; deep /task/e 30; mv /task/e /task{deep}/e"),
            room(1 << 20),
            OWN,
            folder.path(),
        )
        .await;
        assert_eq!(came[..6], ["ok", "40", "ok", "ok", "ok", "30"]);
        assert_ne!(came[6], "ok");
    }

    #[tokio::test]
    async fn nothing_leads_out_of_the_folder() {
        let outer = folder();
        std::fs::create_dir(outer.path().join("own")).unwrap();
        std::fs::create_dir(outer.path().join("other")).unwrap();
        std::fs::write(outer.path().join("other/secret"), "secret").unwrap();
        let own = outer.path().join("own");
        symlink("../other", own.join("planted")).unwrap();
        symlink("../other/secret", own.join("planted-file")).unwrap();
        symlink("missing", own.join("dangling")).unwrap();
        let secret = outer.path().join("other/secret");
        let secret = secret.display();
        let tries = [
            "text /task/../other/secret".to_owned(),
            "text /task/planted/secret".to_owned(),
            "text /task/planted-file".to_owned(),
            "write /task/planted/new 1".to_owned(),
            "write /task/planted-file 1".to_owned(),
            "write /task/dangling 1".to_owned(),
            format!("text {secret}"),
            "write /task/../other/new 1".to_owned(),
            "write /task/a 1; link /task/a /task/b".to_owned(),
            "symlink ../other /task/c".to_owned(),
            format!("symlink {secret} /task/d"),
            "mv /task/a /task/../other/a".to_owned(),
            "mv /task/../other/secret /task/e".to_owned(),
            "link /task/../other/secret /task/f".to_owned(),
            "rm /task/../other/secret".to_owned(),
            "rm /task/planted/secret".to_owned(),
            "mkdir /task/../other/g".to_owned(),
            "rmdir /task/../other".to_owned(),
            "ls /task/..".to_owned(),
            "ls /task/planted".to_owned(),
        ];
        let came = script(&tries.join(";"), room(1 << 20), OWN, &own).await;
        let allowed: Vec<_> = came.iter().enumerate().filter(|(_, came)| *came == "ok").map(|(at, _)| at).collect();
        assert_eq!(allowed, [8], "the one file of its own: {came:?}");
        assert_eq!(std::fs::read_to_string(outer.path().join("other/secret")).unwrap(), "secret");
        assert_eq!(std::fs::read_dir(outer.path().join("other")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_link_that_is_swapped_in_again_and_again_never_leads_out() {
        let outer = folder();
        let own = outer.path().join("own");
        std::fs::create_dir_all(own.join("real")).unwrap();
        std::fs::write(own.join("real/f"), "inside").unwrap();
        std::fs::create_dir(outer.path().join("other")).unwrap();
        std::fs::write(outer.path().join("other/f"), "secret").unwrap();
        let swapping = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let (go_on, place) = (swapping.clone(), own.clone());
        let swapper = std::thread::spawn(move || {
            while go_on.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = std::fs::rename(place.join("real"), place.join("aside"));
                let _ = symlink("../other", place.join("real"));
                let _ = std::fs::remove_file(place.join("real"));
                let _ = std::fs::rename(place.join("aside"), place.join("real"));
            }
        });
        let text = "text /task/real/f;".repeat(2_000);
        let came = script(&text, room(1 << 20), OWN, &own);
        let came = tokio::time::timeout(std::time::Duration::from_secs(60), came).await;
        swapping.store(false, std::sync::atomic::Ordering::Relaxed);
        swapper.join().unwrap();
        let came = came.unwrap();
        assert!(!came.iter().any(|text| text == "secret"));
        // What it was when it was looked at is chance; that it was looked at is not.
        assert_eq!(came.len(), 2_000);
    }

    #[tokio::test]
    async fn nothing_is_moved_or_linked_between_folders_that_are_counted_apart() {
        let (own, granted) = (folder(), folder());
        std::fs::write(granted.path().join("theirs"), [0; 5_000]).unwrap();
        let writable = FolderGrant { access: Access::Write, ..FolderGrant::read("shared", granted.path()) };
        let grants = Grants { folders: vec![writable], ..OWN };
        let came = script(
            "write /shared/a 100; write /task/b 100; mv /shared/theirs /task/c; mv /task/b /shared/b; \
             link /shared/a /task/d; link /shared/a /shared/e; symlink / /shared/f; size /shared/a 50; rm /shared/a; ls /shared",
            room(8_000),
            grants,
            own.path(),
        )
        .await;
        let crosses = "CrossesDevices";
        let denied = "PermissionDenied";
        assert_eq!(came, ["ok", "ok", crosses, crosses, denied, denied, denied, "ok", "ok", "theirs"]);
    }

    #[tokio::test]
    async fn a_folder_to_read_is_not_written_to_whatever_else_is_granted() {
        let (own, granted) = (folder(), folder());
        std::fs::write(granted.path().join("theirs"), "text").unwrap();
        let grants = Grants { folders: vec![FolderGrant::read("docs", granted.path())], ..OWN };
        let came = script(
            "text /docs/theirs; write /docs/theirs 1; append /docs/theirs 1; size /docs/theirs 0; rm /docs/theirs; \
             mkdir /docs/a; mv /docs/theirs /docs/b; mv /docs/theirs /task/b; link /docs/theirs /task/b; write /docs/c 1",
            room(4_000),
            grants,
            own.path(),
        )
        .await;
        assert_eq!(came[0], "text");
        assert!(came[1..].iter().all(|came| came != "ok"), "{came:?}");
        assert_eq!(std::fs::read_to_string(granted.path().join("theirs")).unwrap(), "text");
        assert_eq!(std::fs::read_dir(own.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn pipes_and_devices_are_not_opened() {
        let granted = folder();
        let pipe = granted.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink("pipe", granted.path().join("to-pipe")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(granted.path().join("socket")).unwrap();
        let grants = Grants { folders: vec![FolderGrant::read("docs", granted.path())], ..Grants::default() };
        let came =
            script("read /docs/pipe; read /docs/to-pipe; read /docs/socket; ls /docs", room(0), grants, granted.path())
                .await;
        assert!(came[..3].iter().all(|came| came == "PermissionDenied"), "{came:?}");
        assert_eq!(came[3], "pipe,socket,to-pipe");
        let devices = Grants { folders: vec![FolderGrant::read("dev", "/dev")], ..Grants::default() };
        let came = script("read /dev/zero; read /dev/tty", room(0), devices, granted.path()).await;
        assert!(came.iter().all(|came| came == "PermissionDenied" || came == "NotFound"), "{came:?}");
    }

    /// Runs the first part of a script, changes the grants, and runs the rest.
    async fn revoke(text: &str, before: Grants, after: Grants, own: &Path) -> Vec<String> {
        let live = LiveGrants::from(before);
        let (mut running, start) = running(text, room(1 << 20), live.clone(), own).await;
        let mut came = Vec::new();
        loop {
            match running.next().await {
                Report::State(_) => break,
                Report::Output(_, line) => came.push(line),
                other => panic!("{other:?}"),
            }
        }
        live.replace(after);
        running.instance.deliver(context(), message("go on")).await.unwrap();
        assert_eq!(start.await.unwrap(), "done");
        lines(&mut running)
    }

    #[tokio::test]
    async fn what_is_revoked_is_refused_from_the_next_call_on_also_through_what_is_open() {
        let (own, granted) = (folder(), folder());
        std::fs::write(granted.path().join("a"), "text").unwrap();
        let docs = FolderGrant { access: Access::Write, ..FolderGrant::read("docs", granted.path()) };
        let before = Grants { folders: vec![docs.clone()], ..OWN };
        let text = "keep /task/kept; keep /docs/a; wait; kread; kwrite 1; text /docs/a; write /docs/b 1; ls /docs; write /task/x 1";
        let came = revoke(text, before.clone(), OWN, own.path()).await;
        let denied = "PermissionDenied";
        assert_eq!(came, [denied, denied, denied, denied, denied, "ok"]);
        let came = revoke(
            "keep /docs/a; keep /task/kept; wait; kread; kwrite 1; text /docs/a; write /task/y 1",
            before.clone(),
            Grants { task_folder: false, ..before.clone() },
            own.path(),
        )
        .await;
        assert_eq!(came, [denied, denied, "text", denied]);
        let narrowed = Grants { folders: vec![FolderGrant { access: Access::Read, ..docs }], ..OWN };
        let came = revoke("keep /docs/a; wait; kread; kwrite 1; rm /docs/a", before, narrowed, own.path()).await;
        assert_eq!(came, ["4", denied, denied]);
    }

    #[tokio::test]
    async fn a_folder_that_is_granted_later_is_for_later_instances() {
        let (own, granted) = (folder(), folder());
        std::fs::write(granted.path().join("a"), "text").unwrap();
        let after = Grants { folders: vec![FolderGrant::read("docs", granted.path())], ..OWN };
        let came = revoke("wait; text /docs/a", OWN, after.clone(), own.path()).await;
        assert_eq!(came, ["NotFound"]);
        let came = script("text /docs/a", room(1 << 20), after, own.path()).await;
        assert_eq!(came, ["text"]);
    }

    #[tokio::test]
    async fn calls_on_files_are_host_calls() {
        let folder = folder();
        let (running, start) = running("write /task/a 1; count /task", room(1 << 20), OWN, folder.path()).await;
        start.await.unwrap();
        let calls = running.instance.usage().host_calls;
        assert!(calls > 6, "{calls}");
        let few = Budget { host_calls: 50, ..room(1 << 30) };
        let running = instantiate_in(guests::FILE_SCRIPT, few, OWN, Some(folder.path())).await;
        let task = context_with(serde_json::json!("many /task 1000"));
        let failure = running.instance.start(task).await.unwrap_err().into_failure();
        assert_eq!(failure.error.detail.as_deref(), Some("host_calls"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_folder_with_very_many_entries_is_listed_as_it_is_read() {
        let granted = folder();
        for n in 0..5_000 {
            std::fs::File::create(granted.path().join(n.to_string())).unwrap();
        }
        let grants = Grants { folders: vec![FolderGrant::read("docs", granted.path())], ..Grants::default() };
        assert_eq!(script("count /docs", room(0), grants.clone(), granted.path()).await, ["5000"]);
        let few = Budget { host_calls: 1_000, ..Budget::default() };
        let running = instantiate_in(guests::FILE_SCRIPT, few, grants, None).await;
        let task = context_with(serde_json::json!("count /docs"));
        let failure = running.instance.start(task).await.unwrap_err().into_failure();
        assert_eq!(failure.error.detail.as_deref(), Some("host_calls"), "{failure:?}");
        running.instance.stop(StopReason::Done);
    }
}
