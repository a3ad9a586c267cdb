//! Guests that report too much, too often or too fast.
//! What is allowed and what is refused stands in the summary that the guest gives itself.

use serde_json::json;
use taskwright_test_guests as guests;

use crate::hostile::{End, Row};

pub(crate) fn report_flood() -> Vec<Row> {
    let row = |name, what, spec: &str, said| {
        Row::new(name, what, guests::REPORT_FLOOD, End::Succeeded(said)).spec(json!(spec))
    };
    vec![
        row(
            "report_flood: output",
            "writes 10,000 lines of 1 kB",
            "output 10000 1000",
            "260 accepted, refused: output_bytes",
        ),
        row("report_flood: state", "sets its state 1,000 times", "state 1000 100", "1000 accepted, refused: nothing"),
        row(
            "report_flood: long state",
            "sets states of 1 MB",
            "state 100 1000000",
            "0 accepted, refused: state_detail_bytes",
        ),
        row("report_flood: progress", "reports 10,000 times", "progress 10000 100", "10000 accepted, refused: nothing"),
        row("report_flood: messages", "posts 1,000 messages", "post 1000 100", "50 accepted, refused: messages"),
        row(
            "report_flood: long messages",
            "posts messages of 1 MB",
            "post 100 1000000",
            "0 accepted, refused: message_bytes",
        ),
        row("report_flood: questions", "asks 1,000 questions", "ask 1000 100", "50 accepted, refused: messages"),
        row("report_flood: links", "adds 1,100 links", "link 1100 20", "1000 accepted, refused: links.resource_ids"),
        row(
            "report_flood: artifacts",
            "leaves 2,000 artifacts of 10 kB",
            "artifact 2000 10000",
            "104 accepted, refused: artifact_bytes",
        ),
        row("report_flood: long links", "adds links of 100 kB", "link 100 100000", "0 accepted, refused: link_bytes"),
        row(
            "report_flood: draft",
            "drafts 1,000 times 10 kB",
            "draft 1000 10000",
            "104 accepted, refused: artifact_bytes",
        ),
        row(
            "report_flood: empty drafts",
            "begins 5,000 drafts without a byte",
            "drafts 5000 0",
            "16 accepted, refused: open_drafts",
        ),
        row(
            "report_flood: many large drafts",
            "begins 1,000 drafts of 60 kB",
            "drafts 1000 60000",
            "16 accepted, refused: open_drafts",
        )
        .budget(|budget| budget.artifact_bytes = 128 << 20),
        row(
            "report_flood: the log",
            "writes checkpoints of 100 kB until the log takes no more",
            "checkpoint 100 100000",
            "20 accepted, refused: record_bytes",
        )
        .budget(|budget| budget.record_bytes = 2 << 20),
        row(
            "report_flood: progress and the log",
            "reports 10,000 times where the log takes little",
            "progress 10000 100",
            "10000 accepted, refused: nothing",
        )
        .budget(|budget| budget.record_bytes = 8 << 10),
        row(
            "report_flood: checkpoints",
            "writes 1,000 checkpoints of 100 kB",
            "checkpoint 1000 100000",
            "1000 accepted, refused: nothing",
        ),
        row(
            "report_flood: long checkpoints",
            "writes checkpoints of 1 MB",
            "checkpoint 100 1000000",
            "0 accepted, refused: checkpoint_bytes",
        ),
        row("report_flood: sleeps", "sleeps for 0 ms, 100 times", "sleep 100 0", "100 accepted, refused: nothing"),
    ]
}

pub(crate) fn rereads_checkpoint() -> Vec<Row> {
    let what = "writes the largest checkpoint, comes back to it, and writes one that is a byte too long";
    vec![Row::new("rereads_checkpoint", what, guests::REREADS_CHECKPOINT, End::Succeeded("checkpoint_bytes"))]
}
