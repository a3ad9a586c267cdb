//! Folders that are granted, and everything around them that is not.
//! Nothing here is about limits.

use std::os::unix::fs::symlink;

use taskwright_sandbox::{AttemptError, Budget, FolderGrant, Grants, OutputStream, Step, StopReason};
use taskwright_test_guests as guests;
use tempfile::TempDir;

use crate::support::*;

fn folder() -> (TempDir, Grants) {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("inner");
    std::fs::create_dir_all(inner.join("sub")).unwrap();
    std::fs::write(outer.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(inner.join("hello.txt"), "hello").unwrap();
    symlink(outer.path().join("secret.txt"), inner.join("link")).unwrap();
    symlink("..", inner.join("dir-link")).unwrap();
    let grants = Grants { folders: vec![FolderGrant::read("files", inner)], ..Grants::default() };
    (outer, grants)
}

pub(crate) mod file_reader {
    use super::*;

    #[tokio::test]
    async fn a_granted_folder_can_be_read_and_nothing_else_be_done() {
        let (outer, grants) = folder();
        let mut running = instantiate(guests::FILE_READER, Budget::default(), grants).await;
        assert_eq!(summary(running.instance.start(context()).await), "tried");
        let text = running.text(OutputStream::Output);
        let expected = "read /files/hello.txt: ok hello\n\
             read /files/../secret.txt: no\n\
             read /files/sub/../../secret.txt: no\n\
             read /files/link: no\n\
             read /files/dir-link/secret.txt: no\n\
             read /etc/passwd: no\n\
             read /other/secret.txt: no\n\
             write: no\n\
             append: no\n\
             remove: no\n\
             mkdir: no\n\
             rename: no\n\
             list /files: ok dir-link,hello.txt,link,sub\n\
             list /: no";
        assert_eq!(text, expected);
        assert_eq!(std::fs::read_to_string(outer.path().join("inner/hello.txt")).unwrap(), "hello");
    }

    #[tokio::test]
    async fn without_a_grant_there_is_no_file_at_all() {
        let (result, mut running) = run(guests::FILE_READER, Budget::default()).await;
        assert_eq!(summary(result), "tried");
        let text = running.text(OutputStream::Output);
        assert!(!text.contains(": ok"), "{text}");
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_said_by_name() {
        let folders = vec![FolderGrant::read("files", "/no/such/folder")];
        let running =
            instantiate(guests::FILE_READER, Budget::default(), Grants { folders, ..Grants::default() }).await;
        let failure = running.instance.start(context()).await.unwrap_err().into_failure();
        // By the name that the kind knows: the host's path is for its log, and not for the record.
        let said = &failure.error.message;
        assert!(said.contains("`files`") && !said.contains("/no/such/folder"), "{failure:?}");
    }
}

pub(crate) mod file_walker {
    use super::*;

    /// A folder with one plain file, and a walk through it that does not end by itself.
    async fn walk() -> (TempDir, Running, tokio::task::JoinHandle<Result<Step, AttemptError>>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "a").unwrap();
        let folders = vec![FolderGrant::read("files", folder.path())];
        let running =
            instantiate(guests::FILE_WALKER, Budget::default(), Grants { folders, ..Grants::default() }).await;
        let (instance, task) = (running.instance.clone(), context_with(serde_json::json!(u32::MAX)));
        let start = tokio::spawn(async move { instance.start(task).await });
        (folder, running, start)
    }

    #[tokio::test]
    async fn a_cancel_reaches_a_guest_in_the_middle_of_its_files() {
        let (_folder, mut running, start) = walk().await;
        running.next().await;
        running.instance.cancel(context()).await.unwrap();
        assert_eq!(start.await.unwrap(), Ok(Step::Canceled { summary: Some("heard".to_owned()) }));
    }

    #[tokio::test]
    async fn a_guest_in_the_middle_of_its_files_is_stopped() {
        let (_folder, mut running, start) = walk().await;
        running.next().await;
        running.instance.stop(StopReason::Canceled);
        running.instance.stopped().await;
        assert_eq!(start.await.unwrap(), Err(AttemptError::Stopped(StopReason::Canceled)));
    }

    #[tokio::test]
    async fn a_guest_that_hangs_in_a_named_pipe_holds_up_nobody() {
        let (folder, mut running, start) = walk().await;
        running.next().await;
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (result, _) = run(guests::HONEST, Budget::default()).await;
        result.unwrap();
        running.instance.stop(StopReason::Canceled);
        running.instance.stopped().await;
        start.await.unwrap().unwrap_err();
    }
}
