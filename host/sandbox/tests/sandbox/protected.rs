//! The host's own files within a folder that is granted: not there, by no name, and no way to take their place.
//! Nothing here is about what a grant does give.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use taskwright_sandbox::{Access, Budget, FolderGrant, Grants, OutputStream};
use taskwright_test_guests as guests;
use tempfile::TempDir;

use crate::support::*;

/// A folder to grant, and one of the host's own at a path below it, with a file in it.
struct Scene {
    folder: TempDir,
    own: PathBuf,
}

impl Scene {
    fn new(own: &str) -> Self {
        let scene = Self::without(own);
        std::fs::create_dir_all(&scene.own).unwrap();
        std::fs::write(scene.own.join("db"), "the host's own").unwrap();
        // As a host does that has just made it: from here on it is known, wherever it is moved.
        sandbox().protect(&scene.own).unwrap();
        scene
    }

    /// The host's own is not there yet.
    fn without(own: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/plain"), "plain").unwrap();
        let own = folder.path().join(own);
        sandbox().protect(&own).unwrap();
        Self { folder, own }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn running(&self, script: &str) -> (Running, tokio::task::JoinHandle<String>) {
        granted(self.folder.path(), script).await
    }

    /// Runs a script. What came of each command.
    async fn script(&self, script: &str) -> Vec<String> {
        let (mut running, start) = self.running(script).await;
        assert_eq!(start.await.unwrap(), "done");
        lines(&mut running)
    }
}

async fn granted(folder: &Path, script: &str) -> (Running, tokio::task::JoinHandle<String>) {
    let grant = FolderGrant { access: Access::Write, ..FolderGrant::read("files", folder) };
    let grants = Grants { folders: vec![grant], ..Grants::default() };
    let running = instantiate(guests::FILE_SCRIPT, Budget::default(), grants).await;
    let (instance, task) = (running.instance.clone(), context_with(serde_json::json!(script)));
    let start = tokio::spawn(async move { summary(instance.start(task).await) });
    (running, start)
}

fn lines(running: &mut Running) -> Vec<String> {
    let text = running.text(OutputStream::Output);
    text.lines().map(|line| line.rsplit_once(": ").map_or(line, |(_, came)| came).to_owned()).collect()
}

/// Waits until the script does, does something on the host, and lets it go on.
async fn meanwhile(running: &mut Running, work: impl FnOnce()) {
    while !matches!(running.next().await, Report::State(_)) {}
    work();
    running.instance.deliver(context(), message("go on")).await.unwrap();
}

#[tokio::test]
async fn what_is_the_hosts_own_is_not_there_by_any_name() {
    let scene = Scene::new("own");
    sandbox().protect(scene.at("own/db")).unwrap();
    std::fs::hard_link(scene.at("own/db"), scene.at("hard")).unwrap();
    symlink("own", scene.at("soft")).unwrap();
    symlink("../soft/db", scene.at("sub/softer")).unwrap();
    let came = scene
        .script(
            "ls /files; text /files/own/db; ls /files/own; len /files/own; text /files/sub/../own/db; ls /files/own/.; \
             ls /files/own/; text /files/soft/db; ls /files/soft; text /files/sub/softer; text /files/hard; \
             len /files/hard; write /files/hard 0; write /files/own/db 0; write /files/own/new 1; mkdir /files/own/new; \
             rm /files/hard; rm /files/own/db; rmall /files/own; mv /files/own /files/x; mv /files/own/db /files/x; \
             mv /files/sub /files/own/sub; mv /files/hard /files/x; text /files/sub/plain; len /files/sub/./../sub/plain",
        )
        .await;
    assert_eq!(came[0], "soft,sub");
    assert!(came[1..23].iter().all(|came| came == "NotFound"), "{came:?}");
    assert_eq!(came[23..], ["plain", "5"]);
    assert_eq!(std::fs::read_to_string(scene.at("hard")).unwrap(), "the host's own");
}

#[tokio::test]
async fn what_is_not_there_yet_can_be_neither_made_nor_seen() {
    let scene = Scene::without("own/config.toml");
    let (mut running, start) = scene
        .running(
            "mkdir /files/own; write /files/own 1; mv /files/sub /files/own; mkdir /files/OWN; mkdir /files/sub/own; \
             wait; ls /files; ls /files/own; write /files/own/config.toml 1; text /files/own/config.toml; \
             write /files/own/other 1; mv /files/own /files/x",
        )
        .await;
    meanwhile(&mut running, || {
        std::fs::create_dir(scene.at("own")).unwrap();
        std::fs::write(scene.at("own/config.toml"), "the host's own").unwrap();
        sandbox().protect(&scene.own).unwrap();
    })
    .await;
    assert_eq!(start.await.unwrap(), "done");
    let after = lines(&mut running);
    // An empty listing is told as `ok`.
    assert_eq!(after, ["own,sub", "ok", "NotFound", "NotFound", "ok", "ResourceBusy"]);
    assert_eq!(std::fs::read_to_string(&scene.own).unwrap(), "the host's own");
    assert_eq!(std::fs::read_dir(scene.at("sub/own")).unwrap().count(), 0, "of another folder it is a name like any");
    assert!(!scene.at("OWN").exists());
}

#[tokio::test]
async fn no_folder_above_the_hosts_own_is_carried_away() {
    let scene = Scene::new("a/b/own");
    symlink("a/b", scene.at("way")).unwrap();
    sandbox().protect(scene.at("way/own")).unwrap();
    let came = scene
        .script(
            "mv /files/a /files/x; mv /files/a/b /files/x; rm /files/way; mv /files/way /files/x; mv /files/sub /files/way; \
             mkdir /files/a/c; mv /files/a/c /files/c; ls /files/a/b; mv /files/sub /files/a/b/sub",
        )
        .await;
    assert_eq!(came[..4], ["ResourceBusy", "ResourceBusy", "ResourceBusy", "ResourceBusy"]);
    assert!(came[4] != "ok" && scene.at("way").is_symlink());
    assert_eq!(came[5..], ["ok", "ok", "ok", "ok"]);
    assert_eq!(std::fs::read_to_string(scene.own.join("db")).unwrap(), "the host's own");
}

#[tokio::test]
async fn what_the_host_moves_stays_its_own() {
    let scene = Scene::new("own");
    let (mut running, start) = scene
        .running("wait; ls /files; text /files/moved/db; ls /files/sub; mv /files/moved /files/x; mkdir /files/own")
        .await;
    meanwhile(&mut running, || {
        std::fs::rename(&scene.own, scene.at("moved")).unwrap();
        sandbox().protect(&scene.own).unwrap();
    })
    .await;
    assert_eq!(start.await.unwrap(), "done");
    assert_eq!(lines(&mut running), ["sub", "NotFound", "plain", "NotFound", "NotFound"]);
}

#[tokio::test]
async fn what_a_guest_holds_open_is_closed_when_it_becomes_the_hosts() {
    let scene = Scene::without("own");
    let (mut running, start) =
        scene.running("keep /files/sub/plain; kread; wait; kread; kwrite 1; ls /files; text /files/sub/plain").await;
    meanwhile(&mut running, || sandbox().protect(scene.at("sub/plain")).unwrap()).await;
    assert_eq!(start.await.unwrap(), "done");
    assert_eq!(lines(&mut running), ["NotFound", "NotFound", "sub", "NotFound"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_swapped_in_again_and_again_is_never_read() {
    let scene = Scene::new("own");
    std::fs::create_dir(scene.at("other")).unwrap();
    std::fs::write(scene.at("other/db"), "other").unwrap();
    let stop = AtomicBool::new(false);
    let (own, other) = (scene.own.clone(), scene.at("other"));
    let script = "text /files/other/db; text /files/own/db; write /files/other/new 1; ls /files;".repeat(150);
    let came = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(rustix::fs::CWD, &own, rustix::fs::CWD, &other, flags).unwrap();
            }
        });
        let came = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(scene.script(&script)));
        stop.store(true, Ordering::Relaxed);
        came
    });
    assert_eq!(came.len(), 600);
    assert!(came.iter().all(|came| !came.contains("host") && !came.contains("own")), "{came:?}");
    let id = |path: &Path| std::fs::read_to_string(path.join("db")).unwrap();
    let host = if id(&own) == "the host's own" { own } else { other };
    assert!(!host.join("new").exists(), "nothing was made there");
}

#[tokio::test]
async fn a_home_of_the_usual_name_is_in_no_granted_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("project/.taskwright/files")).unwrap();
    let (mut running, start) = granted(
        folder.path(),
        "ls /files/project; ls /files/project/.taskwright/files; mkdir /files/.taskwright; mkdir /files/.Taskwright; \
         write /files/project/.taskwright/taskwright.toml 1; mkdir /files/x; mv /files/x /files/.taskwright; ls /files",
    )
    .await;
    assert_eq!(start.await.unwrap(), "done");
    let came = lines(&mut running);
    assert_eq!(came, ["ok", "NotFound", "NotFound", "NotFound", "NotFound", "ok", "NotFound", "project,x"]);
}

#[tokio::test]
async fn one_grant_does_not_change_where_another_leads() {
    let (scene, outside) = (Scene::without("own"), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret"), "outside").unwrap();
    std::fs::create_dir_all(scene.at("proj/data")).unwrap();
    symlink(outside.path(), scene.at("proj/link")).unwrap();
    let grants = |folders| Grants { folders, ..Grants::default() };
    let write = FolderGrant { access: Access::Write, ..FolderGrant::read("files", scene.at("proj")) };
    let data = FolderGrant::read("data", scene.at("proj/data"));
    let script = "mv /files/data /files/away; mv /files/link /files/data; rmdir /files/data; ls /files";
    let mut running = instantiate(guests::FILE_SCRIPT, Budget::default(), grants(vec![write, data.clone()])).await;
    let said = summary(running.instance.start(context_with(serde_json::json!(script))).await);
    assert_eq!(
        (said.as_str(), lines(&mut running)),
        ("done", vec!["ResourceBusy".to_owned(); 3].into_iter().chain(["data,link".to_owned()]).collect())
    );
    let mut other = instantiate(guests::FILE_SCRIPT, Budget::default(), grants(vec![data])).await;
    other.instance.start(context_with(serde_json::json!("ls /data; text /data/secret"))).await.unwrap();
    assert_eq!(lines(&mut other), ["ok", "NotFound"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn processes_are_in_no_granted_folder() {
    let script =
        "len /files/proc/self/environ; text /files/proc/1/environ; ls /files/proc; len /files/dev/fd/0; len /files/tmp";
    let grants = Grants { folders: vec![FolderGrant::read("files", "/")], ..Grants::default() };
    let mut running = instantiate(guests::FILE_SCRIPT, Budget::default(), grants).await;
    running.instance.start(context_with(serde_json::json!(script))).await.unwrap();
    let came = lines(&mut running);
    assert_eq!(came[..4], ["NotFound", "NotFound", "NotFound", "PermissionDenied"]);
    assert!(came[4].parse::<u64>().is_ok(), "{came:?}");
    let grants = Grants { folders: vec![FolderGrant::read("files", "/proc/self")], ..Grants::default() };
    let running = instantiate(guests::FILE_SCRIPT, Budget::default(), grants).await;
    let failure = running.instance.start(context()).await.unwrap_err().into_failure();
    assert!(failure.error.message.contains("the host's own"), "{failure:?}");
}

#[tokio::test]
async fn a_folder_within_the_hosts_own_is_not_granted() {
    let scene = Scene::new("own");
    std::fs::create_dir(scene.own.join("inner")).unwrap();
    symlink("own/inner", scene.at("link")).unwrap();
    for grant in [scene.own.clone(), scene.own.join("inner"), scene.at("link")] {
        let grants = Grants { folders: vec![FolderGrant::read("files", &grant)], ..Grants::default() };
        let running = instantiate(guests::FILE_SCRIPT, Budget::default(), grants).await;
        let failure = running.instance.start(context()).await.unwrap_err().into_failure();
        let message = failure.error.message;
        assert!(message.contains("the host's own") && message.contains("grant another one"), "{message}");
        // It stands in the record: what this machine calls its folders is nobody's business there.
        assert!(message.contains("`files`") && !message.contains(&*scene.folder.path().to_string_lossy()), "{message}");
    }
}
