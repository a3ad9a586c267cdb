//! Compiles the guests, which are the examples of this same package, for those who test with them.
//! Does nothing when it is the guests that are being compiled.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        return;
    }
    let guests = taskwright_guest_build::Guests::new().examples("taskwright-test-guests").build();
    guests.write_rust("guests.rs");
    println!("cargo::rerun-if-changed=../../docs/guides/http.md");
    taskwright_guest_build::Guests::new().package("watch-page").build().write_rust("guides.rs");
    let is_hostile = |source: &Path| source.parent().is_some_and(|folder| folder.ends_with("examples/hostile"));
    guests.only(|guest| !is_hostile(&guest.source)).write_for_each("foreach_guest.rs", "foreach_guest");
    let mut hostile: Vec<String> = guests
        .guests()
        .iter()
        .filter(|guest| is_hostile(&guest.source))
        .map(|guest| guest.name.replace('-', "_"))
        .collect();
    let texts =
        texts(&Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("examples/hostile"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("text_guests.rs"), constants(&texts)).expect("a file in OUT_DIR");
    hostile.extend(texts.into_iter().map(|(name, _)| name));
    hostile.sort();
    std::fs::write(out.join("foreach_hostile_guest.rs"), for_each(&hostile)).expect("a file in OUT_DIR");
}

/// The guests in the text form: their names and files.
fn texts(folder: &Path) -> Vec<(String, PathBuf)> {
    let files = std::fs::read_dir(folder).expect("the hostile guests").map(|entry| entry.expect("an entry").path());
    let texts = files.filter(|file| file.extension().is_some_and(|kind| kind == "wat"));
    texts.map(|file| (file.file_stem().expect("a name").to_string_lossy().into_owned(), file)).collect()
}

/// What gives each of them, made into a component when it is first asked for.
fn constants(texts: &[(String, PathBuf)]) -> String {
    let mut code = String::new();
    for (name, file) in texts {
        let (constant, file) = (name.to_uppercase(), file.display().to_string());
        let _ = writeln!(code, "/// The component `{name}`, made from its text.");
        let _ = writeln!(
            code,
            "pub static {constant}: std::sync::LazyLock<&'static [u8]> = std::sync::LazyLock::new(|| \
             crate::text_guest::make({name:?}, include_str!({file:?})));"
        );
    }
    code
}

/// As `write_for_each` writes it, for guests of both forms.
fn for_each(names: &[String]) -> String {
    let calls: String = names.iter().map(|name| format!("        $callback!({name});\n")).collect();
    format!(
        "/// Calls a macro with the identifier of every hostile guest.\n#[macro_export]\n\
         macro_rules! foreach_hostile_guest {{\n    ($callback:ident) => {{\n{calls}    }};\n}}\n"
    )
}
