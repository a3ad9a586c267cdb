//! Serves a bucket for as long as its standard input is open, to try things out by hand.
//! Does not keep what was put into it.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let bucket = taskwright_test_bucket::TestBucket::start();
    let mut out = std::io::stdout();
    for (name, value) in bucket.environment() {
        writeln!(out, "export {name}={value}")?;
    }
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
