//! How long the texts and lists of a record may be, in bytes unless a name says otherwise.
//! Holds no budget of an attempt: those belong to the sandbox, and an operator can change them; these are fixed.

/// Instances of one attempt that may follow each other as fast as the kind likes.
pub const QUICK_INSTANCES: u64 = 100;
/// How long a task lies down at least after those, unless something arrives: each nap costs its host an instance and two
/// writes.
pub const NAP: chrono::TimeDelta = chrono::TimeDelta::seconds(1);
/// The longest span of time that somebody may ask for, in days: a thousand years. A longer one is refused where it is said, and never
/// taken for none.
pub const SPAN_DAYS: u64 = 365_000;
/// The same in milliseconds.
pub const SPAN_MS: u64 = SPAN_DAYS * 86_400_000;
/// Retries of a task that follow as soon as its kind asks for them.
pub const QUICK_RETRIES: u32 = 5;
/// The least that a later one waits for, in milliseconds: its backoff, and no less and no more than these.
pub const SLOW_RETRY_MS: (u64, u64) = (1_000, 60_000);
/// A session id.
pub const SESSION_ID_BYTES: usize = 128;
/// A kind's name.
pub const KIND_BYTES: usize = 64;
/// The digest of a kind's code.
pub const CODE_BYTES: usize = 128;
/// A display name: one line for a person.
pub const DISPLAY_NAME_BYTES: usize = 256;
/// A task's own name.
pub const NAME_BYTES: usize = 64;
/// Who created a task.
pub const PRODUCER_BYTES: usize = 128;
/// How deep any JSON may nest that comes in: specifications, data of messages, results, schemas. What is stored is read back as a
/// part of records and events, by parsers that take 128 levels.
pub const JSON_DEPTH: usize = 64;
/// A specification, as JSON. Larger input belongs into a file that the specification names.
pub const SPEC_BYTES: usize = 256 * 1024;
/// What a task is doing, in a few words.
pub const STATE_DETAIL_BYTES: usize = 256;
/// The unit of progress.
pub const PROGRESS_UNIT_BYTES: usize = 32;
/// The label of progress.
pub const PROGRESS_LABEL_BYTES: usize = 256;
/// A question to the session.
pub const PROMPT_BYTES: usize = 8 * 1024;
/// A JSON Schema that an answer must satisfy.
pub const EXPECTED_BYTES: usize = 64 * 1024;
/// A summary.
pub const SUMMARY_BYTES: usize = 4 * 1024;
/// The message of an error.
pub const ERROR_MESSAGE_BYTES: usize = 4 * 1024;
/// The kind of an error.
pub const ERROR_KIND_BYTES: usize = 64;
/// A reason for a cancel.
pub const REASON_BYTES: usize = 4 * 1024;
/// A result, as JSON. Larger output belongs into an artifact.
pub const RESULT_BYTES: usize = 1024 * 1024;
/// A checkpoint.
pub const CHECKPOINT_BYTES: usize = 256 * 1024;
/// One message, all parts together.
pub const MESSAGE_BYTES: usize = 64 * 1024;
/// Parts in one message.
pub const MESSAGE_PARTS: usize = 64;
/// Undelivered messages of one task.
pub const INBOX_MESSAGES: usize = 1_000;
/// Artifacts of one task.
pub const ARTIFACTS: usize = 1_000;
/// Drafts of artifacts that one instance has open at one time.
pub const OPEN_DRAFTS: usize = 16;
/// An artifact's name.
pub const ARTIFACT_NAME_BYTES: usize = 128;
/// An artifact's media type.
pub const ARTIFACT_TYPE_BYTES: usize = 128;
/// An artifact's address.
pub const ARTIFACT_URL_BYTES: usize = 2_048;
/// Linked resources of one task.
pub const RESOURCE_IDS: usize = 1_000;
/// One linked id.
pub const LINK_BYTES: usize = 512;
/// A caller's key for idempotent creation.
pub const IDEMPOTENCY_KEY_BYTES: usize = 256;
/// What a kind calls something that it does elsewhere, when it asks for an idempotency key.
pub const IDEMPOTENT_CALL_BYTES: usize = 256;
/// The text of a wake.
pub const WAKE_TEXT_BYTES: usize = 1_024;
