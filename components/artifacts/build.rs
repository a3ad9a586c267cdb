//! Compiles the shipped kinds to components, so that plain `cargo` commands suffice.
//! It does not check them: the tests of this crate and the sandbox do.

fn main() {
    taskwright_guest_build::Guests::new().package("search-files").package("walkthrough").build().write_rust("kinds.rs");
}
