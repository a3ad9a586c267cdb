//! A bucket of the protocol of S3 that holds the files of sessions: its address, and a client with bounded patience.
//! Does not say what lies where: `session_files` and the modules below do.

mod client;
pub(crate) mod log;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::limit::LimitStore;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use crate::session_files;

/// Requests of one process at one time; more of them wait.
const REQUESTS: usize = 32;
/// How often a request is repeated that the server did not take or that did not get there.
const RETRIES: usize = 6;
/// After this nothing is repeated any more.
const PATIENCE: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Where a bucket is and what in it is ours: `s3://BUCKET` or `s3://BUCKET/PREFIX`. The server and the credentials are not part of
/// it: those are read from the environment, under the names that every tool for buckets uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAddress {
    bucket: String,
    prefix: object_store::path::Path,
}

/// Why a text is no address of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected s3://BUCKET or s3://BUCKET/PREFIX, got `{got}`: {problem}")]
pub struct BucketAddressError {
    got: String,
    problem: String,
}

impl FromStr for BucketAddress {
    type Err = BucketAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: &str| BucketAddressError { got: text.to_owned(), problem: problem.to_owned() };
        let rest = text.strip_prefix("s3://").ok_or_else(|| wrong("it does not begin with s3://"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("it names no bucket"));
        }
        if !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            return Err(wrong(
                "the name of a bucket has letters, digits, `.`, `-` and `_`; the server is AWS_ENDPOINT_URL",
            ));
        }
        let prefix =
            object_store::path::Path::parse(prefix.trim_end_matches('/')).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.as_ref() {
            "" => write!(f, "s3://{}", self.bucket),
            prefix => write!(f, "s3://{}/{prefix}", self.bucket),
        }
    }
}

impl BucketAddress {
    /// Where a path of the session's files, as a record names it, is in the bucket: for a person, or another tool.
    #[must_use]
    pub fn place_of(&self, path: &str) -> String {
        format!("{self}/{}", session_files::key(path))
    }

    /// A client for it, with settings by their names in an environment, of which others than the protocol's are passed over. Nothing
    /// is asked yet.
    pub(super) fn open(
        &self,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Arc<dyn ObjectStore>, String> {
        let (mut builder, mut authorities) = (AmazonS3Builder::new(), None);
        for (name, value) in settings.into_iter().filter(|(name, _)| name.starts_with("AWS_")) {
            if name == client::CA_BUNDLE {
                authorities = Some(value);
            } else if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
            max_retries: RETRIES,
            retry_timeout: PATIENCE,
        };
        let store = builder
            .with_bucket_name(&self.bucket)
            .with_http_connector(client::Connector::new(authorities.as_deref())?)
            .with_retry(retry)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(PrefixStore::new(LimitStore::new(store, REQUESTS), self.prefix.clone())))
    }
}

/// What an operator can do about an error of a bucket.
pub(super) fn advice(error: &object_store::Error) -> &'static str {
    // What has no variant of its own is told by the word that the protocol has for it.
    let said = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match error {
        object_store::Error::NotFound { .. } => MAKE_IT,
        object_store::Error::Unauthenticated { .. } => WHO_ASKS,
        _ if says(&["NoSuchBucket"]) => MAKE_IT,
        _ if says(&["SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken"]) => WHO_ASKS,
        object_store::Error::PermissionDenied { .. } => {
            "; the credentials must allow to list, read, write and delete under that prefix"
        }
        _ => "; the server is that of AWS_ENDPOINT_URL, or else of AWS_REGION",
    }
}

const MAKE_IT: &str = "; make the bucket first, or look at AWS_ENDPOINT_URL and AWS_REGION";
const WHO_ASKS: &str = "; the credentials are read from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or \
                        from the role of this machine";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_what_in_it_is_ours() {
        for text in ["s3://tasks", "s3://tasks/prod", "s3://tasks/prod/eu-1"] {
            assert_eq!(text.parse::<BucketAddress>().unwrap().to_string(), text);
        }
        assert_eq!("s3://tasks/".parse::<BucketAddress>().unwrap().to_string(), "s3://tasks");
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for text in [
            "",
            "tasks",
            "https://tasks",
            "s3://",
            "s3:///prefix",
            "s3://key:secret@host/tasks",
            "s3://a/b//c",
            "s3://a/../b",
        ] {
            let error = text.parse::<BucketAddress>().unwrap_err().to_string();
            assert!(error.contains("s3://BUCKET/PREFIX"), "{error}");
        }
    }
}
