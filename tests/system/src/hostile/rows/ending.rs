//! Guests that end in ways that do not fit.
//! What they say then is in `values` and `ids_and_texts`.

use serde_json::json;
use taskwright_test_guests as guests;

use crate::hostile::{End, Row, Script};

pub(crate) fn ends_as_it_likes() -> Vec<Row> {
    let row = |name, what, way: &str, end| Row::new(name, what, guests::ENDS_AS_IT_LIKES, end).spec(json!(way));
    let word = "word_word_word_word_word_word_word_word_word_word_word_word_word_";
    vec![
        row(
            "ends_as_it_likes: canceled",
            "says that it was canceled, and nobody asked",
            "canceled",
            End::Failed("invalid_result", None, "nobody has asked for its end"),
        ),
        row(
            "ends_as_it_likes: success after a cancel",
            "answers a cancel with success",
            "success after a cancel",
            End::Succeeded("as asked"),
        )
        .script(Script::Cancel),
        row(
            "ends_as_it_likes: sleeping for ever",
            "sleeps for 2^64 ms; canceled",
            "sleeping for ever",
            End::Canceled(""),
        )
        .script(Script::CancelAfter(1)),
        row(
            "ends_as_it_likes: tried again at once",
            "fails and wants to be tried again after 0 ms",
            "tried again at once",
            End::Failed("again", None, "and again"),
        )
        .attempts(3),
        row(
            "ends_as_it_likes: tried again never",
            "fails and wants to be tried again after 2^64 ms",
            "tried again never",
            End::Failed("again", None, "in a long while"),
        )
        .attempts(3),
        row(
            "ends_as_it_likes: giant word",
            "fails with a word of 100 kB",
            "with a giant word",
            End::Failed(&word[..64], None, "text text"),
        ),
        row(
            "ends_as_it_likes: giant summary",
            "succeeds with a summary of 800 kB",
            "with a giant summary",
            End::Succeeded("…"),
        ),
        row("ends_as_it_likes: exit 0", "exits with 0", "exit 0", End::Failed("trap", None, "exit(0)")),
        row("ends_as_it_likes: exit 7", "exits with 7", "exit 7", End::Failed("trap", None, "exit(1)")),
        row("ends_as_it_likes: abort", "aborts", "abort", End::Failed("trap", None, "unreachable")),
    ]
}
