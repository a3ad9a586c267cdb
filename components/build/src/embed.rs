//! The Rust code that embeds compiled guests in a crate.
//! It does not read the components: the compiler does, through `include_bytes!`.

use std::fmt::Write as _;
use std::path::Path;

use crate::Guest;

/// A constant for each guest, and `ALL`.
pub(crate) fn constants(guests: &[Guest]) -> String {
    let mut code = String::new();
    let mut all = String::new();
    for guest in guests {
        let constant = identifier(&guest.name).to_uppercase();
        let path = guest.wasm.display().to_string();
        let _ = writeln!(code, "/// The component `{}`.", guest.name);
        let _ = writeln!(code, "pub const {constant}: &[u8] = include_bytes!({path:?});");
        let _ = writeln!(all, "    ({:?}, {constant}),", guest.name);
    }
    let _ = writeln!(code, "/// Every component under its name.");
    let _ = writeln!(code, "pub const ALL: &[(&str, &[u8])] = &[\n{all}];");
    code
}

/// A macro that calls another one with each guest's identifier.
pub(crate) fn for_each(guests: &[Guest], macro_name: &str) -> String {
    let calls: String =
        guests.iter().map(|guest| format!("        $callback!({});\n", identifier(&guest.name))).collect();
    format!(
        "/// Calls a macro with the identifier of every guest.\n#[macro_export]\nmacro_rules! {macro_name} {{\n    \
         ($callback:ident) => {{\n{calls}    }};\n}}\n"
    )
}

/// Writes a file unless it holds that already, so that nothing is built again for nothing.
pub(crate) fn write(path: &Path, code: &str) {
    if std::fs::read_to_string(path).is_ok_and(|old| old == code) {
        return;
    }
    std::fs::write(path, code).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn guests() -> Vec<Guest> {
        vec![Guest {
            name: "search-files".to_owned(),
            wasm: PathBuf::from("/out/search_files.wasm"),
            source: PathBuf::from("/src/lib.rs"),
        }]
    }

    #[test]
    fn a_guest_becomes_a_constant_and_an_entry_of_all() {
        let code = constants(&guests());
        assert!(
            code.contains(r#"pub const SEARCH_FILES: &[u8] = include_bytes!("/out/search_files.wasm");"#),
            "{code}"
        );
        assert!(code.contains(r#"("search-files", SEARCH_FILES),"#), "{code}");
    }

    #[test]
    fn the_macro_calls_back_with_every_guest() {
        let code = for_each(&guests(), "for_each_guest");
        assert!(code.contains("$callback!(search_files);"), "{code}");
    }
}
