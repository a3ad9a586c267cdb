//! Guests that hand over values that are none: texts that are no UTF-8 or no JSON, pointers to nowhere, steps unknown.
//! Values that are too many are in `floods` and `memory`.

use serde_json::json;
use taskwright_test_guests as guests;

use crate::hostile::{End, Row};

pub(crate) fn bad_utf8() -> Vec<Row> {
    let end = End::Failed("trap", None, "utf-8");
    vec![Row::new("bad_utf8", "prints a text that is no UTF-8", *guests::BAD_UTF8, end)]
}

pub(crate) fn bad_utf8_result() -> Vec<Row> {
    let end = End::Failed("trap", None, "utf-8");
    vec![Row::new("bad_utf8_result", "succeeds with a summary that is no UTF-8", *guests::BAD_UTF8_RESULT, end)]
}

pub(crate) fn bad_pointer() -> Vec<Row> {
    let end = End::Failed("trap", None, "out of bounds");
    vec![Row::new("bad_pointer", "prints a text that lies outside of its memory", *guests::BAD_POINTER, end)]
}

pub(crate) fn bad_step() -> Vec<Row> {
    let end = End::Failed("trap", None, "discriminant");
    vec![Row::new("bad_step", "returns a step that there is none of", *guests::BAD_STEP, end)]
}

pub(crate) fn malformed_json() -> Vec<Row> {
    let row = |name, what, spec, end| Row::new(name, what, guests::MALFORMED_JSON, end).spec(spec);
    let result = End::Failed("invalid_result", None, "");
    let invalid = End::Succeeded("invalid");
    vec![
        row("malformed_json: result", "has a result that ends early", json!(["result"]), result),
        row("malformed_json: deep result", "has a result 100,000 levels deep", json!(["result", "deep"]), result),
        row("malformed_json: large result", "has a result of 2 MiB", json!(["result", "large"]), result),
        row(
            "malformed_json: numbers",
            "has a result of 1 MB that is 3.6 MB when it is written",
            json!(["result", "numbers"]),
            result,
        ),
        row("malformed_json: huge number", "has a result of 1e999999999", json!(["result", "huge number"]), result),
        row(
            "malformed_json: half a surrogate",
            "has a result with half a character",
            json!(["result", "half a surrogate"]),
            result,
        ),
        row("malformed_json: part", "posts data that ends early", json!(["part"]), invalid),
        row(
            "malformed_json: deep part",
            "posts data 100,000 levels deep",
            json!(["part", "deep"]),
            End::Succeeded("message_bytes"),
        ),
        row("malformed_json: expected", "expects an answer by a schema that ends early", json!(["expected"]), invalid),
        row(
            "malformed_json: deep expected",
            "expects an answer by a schema 100,000 levels deep",
            json!(["expected", "deep"]),
            End::Succeeded("expected_bytes"),
        ),
    ]
}
