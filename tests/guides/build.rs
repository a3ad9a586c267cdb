//! Takes the code out of docs/guides/http.md, so that what the guide teaches is compiled and run.
//! Does not change a letter of it.

use std::path::PathBuf;

const GUIDE: &str = "../../docs/guides/http.md";

fn main() {
    println!("cargo::rerun-if-changed={GUIDE}");
    let guide = std::fs::read_to_string(GUIDE).expect("the guide");
    let mut blocks = guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().expect("a block"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    for name in ["kind.rs", "tests.rs"] {
        let block = blocks.next().expect("the guide has a kind, and then its tests");
        std::fs::write(out.join(name), block).expect("a file in OUT_DIR");
    }
}
