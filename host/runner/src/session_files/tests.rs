//! What a session's files promise wherever they are: in a folder, in memory, in a bucket.
//! Does not test logs: `output_log` does.

use taskwright_registry::{NewTask, create};
use taskwright_test_bucket::TestBucket;

use super::*;
use crate::output_log::{OutputLog, OutputTail};

struct Places {
    folder: tempfile::TempDir,
    bucket: TestBucket,
}

impl Places {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), bucket: TestBucket::start() }
    }

    fn all(&self) -> Vec<SessionFiles> {
        let folder = SessionFiles::folder(self.folder.path().join("files")).unwrap();
        vec![folder, SessionFiles::in_memory(), self.in_bucket("s3://tasks/here", &self.bucket.environment())]
    }

    fn in_bucket(&self, address: &str, settings: &[(&str, String)]) -> SessionFiles {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        SessionFiles::bucket(address.parse().unwrap(), settings, self.folder.path().join("scratch")).unwrap()
    }
}

fn task(number: u8) -> Task {
    let id = TaskId::new(chrono::DateTime::UNIX_EPOCH, [number; 10]);
    create(NewTask::new(id, "s".parse().unwrap(), "probe", serde_json::Value::Null), chrono::DateTime::UNIX_EPOCH)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_as_it_was_written_under_any_name() {
    let places = Places::new();
    for files in places.all() {
        let folder = task(1).folder();
        for name in ["result.json", "artifacts/1.1/a b.txt", "artifacts/1.1/ü€+%&=?#1", "artifacts/1.1/..txt"] {
            let path = format!("{folder}/{name}");
            files.put(&path, name.as_bytes().to_vec()).await.unwrap();
            assert_eq!(files.read(&path).await.unwrap(), name.as_bytes());
            files.put_copy(&path, b"anew".to_vec()).await.unwrap();
            let pieces: Vec<Bytes> = files.pieces(&path).await.unwrap().try_collect().await.unwrap();
            assert_eq!(pieces.concat(), b"anew");
            files.remove(&path).await.unwrap();
            assert!(matches!(files.read(&path).await, Err(FilesError::NotFound { .. })));
            files.remove(&path).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_appears_when_it_is_finished_and_not_before() {
    let places = Places::new();
    // One that goes to a bucket in one request, and one that goes in parts.
    for (chunks, len) in [(3, 1_000), (21, 1 << 20)] {
        for files in places.all() {
            let path = format!("{}/artifacts/1.1/{chunks}", task(1).folder());
            let mut draft = files.draft(&path);
            for number in 0..chunks {
                draft.append(vec![number; len]).await.unwrap();
                assert!(matches!(files.read(&path).await, Err(FilesError::NotFound { .. })));
            }
            assert_eq!(draft.finish().await.unwrap(), u64::from(chunks) * len as u64);
            let read = files.read(&path).await.unwrap();
            let whole: Vec<u8> = (0..chunks).flat_map(|number| vec![number; len]).collect();
            assert!(read == whole, "{} bytes came back of {}", read.len(), whole.len());
        }
    }
    // The folder of this process goes with the last that shares it.
    let left = std::fs::read_dir(places.folder.path().join("scratch")).unwrap().count();
    assert_eq!(left, 0, "what was on its way is gone from this machine");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn drafts_hold_no_descriptor_between_two_writes() {
    let places = Places::new();
    let open_below = |folder: &Path| {
        let targets = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fd.unwrap().path().read_link().ok());
        targets.filter(|target| target.starts_with(folder) && !target.ends_with("lock")).count()
    };
    let mut drafts = Vec::new();
    for files in places.all() {
        for number in 0..32 {
            let mut draft = files.draft(&format!("{}/artifacts/1.1/{number}", task(1).folder()));
            draft.append(vec![number; 300 * 1024]).await.unwrap();
            drafts.push(draft);
        }
    }
    assert_eq!(open_below(places.folder.path()), 0);
    for draft in drafts {
        draft.discard().await;
    }
    let left = std::fs::read_dir(places.folder.path().join("files").join(&task(1).folder()[1..]).join("artifacts/1.1"));
    assert_eq!(left.unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_is_discarded_leaves_nothing() {
    let places = Places::new();
    for files in places.all() {
        let path = format!("{}/artifacts/1.1/half", task(1).folder());
        let mut draft = files.draft(&path);
        draft.append(vec![1; 1 << 20]).await.unwrap();
        draft.discard().await;
        assert!(matches!(files.read(&path).await, Err(FilesError::NotFound { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_task_removes_all_it_has_and_nothing_of_its_neighbour() {
    let places = Places::new();
    for files in places.all() {
        let (gone, neighbour) = (task(1), task(2));
        for task in [&gone, &neighbour] {
            files.put(&format!("{}/result.json", task.folder()), b"1".to_vec()).await.unwrap();
            files.put(&format!("{}/artifacts/1.1/a", task.folder()), b"2".to_vec()).await.unwrap();
            let log = OutputLog::new(files.output_logs(task), task.fence(), 100);
            log.append("said\n").await.unwrap();
            log.flush().await;
        }
        files.remove_task(&gone.id).await.unwrap();
        files.remove_task(&gone.id).await.unwrap();
        for name in ["result.json", "artifacts/1.1/a"] {
            let read = files.read(&format!("{}/{name}", gone.folder())).await;
            assert!(matches!(read, Err(FilesError::NotFound { .. })), "{name}");
            files.read(&format!("{}/{name}", neighbour.folder())).await.unwrap();
        }
        assert_eq!(OutputTail::new(files.output_logs(&gone)).read().await.unwrap(), "");
        let mut kept = OutputTail::new(files.output_logs(&neighbour));
        assert_eq!(kept.read().await.unwrap() + &kept.read().await.unwrap(), "said\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_prefixes_of_one_bucket_have_nothing_in_common() {
    let places = Places::new();
    let environment = places.bucket.environment();
    let (one, other) =
        (places.in_bucket("s3://tasks/a", &environment), places.in_bucket("s3://tasks/ab", &environment));
    let path = format!("{}/result.json", task(1).folder());
    one.put(&path, b"1".to_vec()).await.unwrap();
    assert!(matches!(other.read(&path).await, Err(FilesError::NotFound { .. })));
    other.remove_task(&task(1).id).await.unwrap();
    assert_eq!(one.read(&path).await.unwrap(), &b"1"[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_bucket_is_said_with_what_to_do_about_it() {
    let places = Places::new();
    let environment = places.bucket.environment();
    places.in_bucket("s3://tasks/here", &environment).check().await.unwrap();

    let missing = places.in_bucket("s3://elsewhere", &environment).check().await.unwrap_err().to_string();
    assert!(missing.contains("s3://elsewhere") && missing.contains("make the bucket first"), "{missing}");

    let stranger = environment.iter().map(|(name, value)| match *name {
        "AWS_SECRET_ACCESS_KEY" => (*name, "another".to_owned()),
        _ => (*name, value.clone()),
    });
    let stranger: Vec<_> = stranger.collect();
    let refused = places.in_bucket("s3://tasks", &stranger).check().await.unwrap_err().to_string();
    assert!(refused.contains("credentials"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_nobody_serves_is_given_up_after_a_while() {
    let Places { folder, bucket } = Places::new();
    let settings: Vec<_> = bucket.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let files = SessionFiles::bucket("s3://tasks".parse().unwrap(), settings, folder.path()).unwrap();
    let _stopped = bucket.stop();
    let within = std::time::Duration::from_secs(60);
    let put = tokio::time::timeout(within, files.put("/.tasks/t/a", b"1".to_vec())).await.expect("it gives up");
    let said = put.unwrap_err().to_string();
    assert!(said.contains("AWS_ENDPOINT_URL") && said.contains("refused"), "{said}");
}
