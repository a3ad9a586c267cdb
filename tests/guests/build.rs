//! Compiles the guests, which are the examples of this same package, for those who test with them.
//! Does nothing when it is the guests that are being compiled.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        return;
    }
    let guests = taskwright_guest_build::Guests::new().examples("taskwright-test-guests").build();
    guests.write_rust("guests.rs").write_for_each("foreach_guest.rs", "foreach_guest");
}
