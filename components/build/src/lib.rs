//! Compiles guests of this workspace to WebAssembly components, from the build script of the crate that embeds them.
//! It does not look into the components: whether one is a task kind is the sandbox's to say.
//!
//! A build script says which guests it wants and where the Rust code that embeds them goes:
//!
//! ```no_run
//! taskwright_guest_build::Guests::new().package("search-files").build().write_rust("guests.rs");
//! ```
//!
//! and the crate includes it: `include!(concat!(env!("OUT_DIR"), "/guests.rs"));`. For every guest there is then a
//! constant such as `SEARCH_FILES: &[u8]`, and `ALL: &[(&str, &[u8])]` holds them all under their names.
//!
//! If the guests' package is, or depends on, the package whose build script builds them, that script is run once more
//! while they are compiled and must do nothing then: `CARGO_CFG_TARGET_ARCH` is `wasm32`.

mod embed;
mod environment;
mod metadata;
mod target;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The target that guests are compiled to.
pub const TARGET: &str = "wasm32-wasip2";

/// The profile of the workspace that guests are compiled with.
pub const PROFILE: &str = "guest";

/// Every host of components has 128-bit vectors. `search-files` took less than half the time with them for a pattern that
/// begins with a character class.
const FLAGS: &str = "-C target-feature=+simd128";

/// Set while guests are compiled, so that a build script that would call itself is told so.
const NESTED: &str = "TASKWRIGHT_GUEST_BUILD";

/// Which guests are to be built.
#[derive(Debug, Default)]
pub struct Guests {
    selections: Vec<Selection>,
}

/// What is built of one package.
#[derive(Debug)]
struct Selection {
    package: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Lib,
    Examples,
}

/// One compiled guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The name of the package or of the example, with `-` rather than `_`.
    pub name: String,
    /// The component.
    pub wasm: PathBuf,
    /// The file that its code begins with.
    pub source: PathBuf,
}

/// What a build brought forth, in the order of the names.
#[derive(Debug, Clone)]
pub struct Built {
    guests: Vec<Guest>,
    out_dir: PathBuf,
}

impl Guests {
    /// No guest yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the library of a package of this workspace. Its crate types must hold `cdylib`.
    pub fn package(mut self, name: &str) -> Self {
        self.selections.push(Selection { package: name.to_owned(), what: What::Lib });
        self
    }

    /// Adds every example of a package of this workspace that has the crate type `cdylib`.
    pub fn examples(mut self, package: &str) -> Self {
        self.selections.push(Selection { package: package.to_owned(), what: What::Examples });
        self
    }

    /// Builds the guests and tells cargo what to watch.
    ///
    /// # Panics
    ///
    /// With a message for the person at the keyboard if the target cannot be installed or a guest does not compile.
    pub fn build(self) -> Built {
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
        assert!(
            std::env::var_os(NESTED).is_none(),
            "the build script of `{package}` builds guests of a package that depends on `{package}`: let it return at \
             once when CARGO_CFG_TARGET_ARCH is wasm32, or move the guests to a package of their own"
        );
        let out_dir = PathBuf::from(environment::required("OUT_DIR"));
        let workspace = metadata::Workspace::load(Path::new(&environment::required("CARGO_MANIFEST_DIR")));
        for selection in &self.selections {
            for path in workspace.inputs_of(&selection.package) {
                environment::tell_cargo("rerun-if-changed", path.display());
            }
        }
        target::ensure();
        let mut guests: Vec<Guest> =
            self.selections.iter().flat_map(|selection| selection.compile(&workspace, &out_dir)).collect();
        guests.sort_by(|one, other| one.name.cmp(&other.name));
        Built { guests, out_dir }
    }
}

impl Selection {
    fn compile(&self, workspace: &metadata::Workspace, out_dir: &Path) -> Vec<Guest> {
        let mut cargo = Command::new(environment::required("CARGO"));
        cargo.current_dir(workspace.root());
        cargo.args(["build", "--target", TARGET, "--profile", PROFILE, "--message-format", "json-render-diagnostics"]);
        cargo.arg("--target-dir").arg(target_dir(out_dir));
        cargo.args(["--package", &self.package]);
        cargo.arg(if self.what == What::Lib { "--lib" } else { "--examples" });
        environment::detach(&mut cargo);
        environment::default(&mut cargo, "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", FLAGS);
        cargo.env(NESTED, "1").stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = cargo.output().unwrap_or_else(|error| panic!("cannot run cargo for the guests: {error}"));
        assert!(
            output.status.success(),
            "the guests of `{}` do not compile for {TARGET}; the compiler's messages are above. To see them alone: \
             cargo build --profile {PROFILE} --target {TARGET} -p {}",
            self.package,
            self.package
        );
        let guests: Vec<Guest> =
            String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| self.guest(line)).collect();
        assert!(
            !guests.is_empty(),
            "`{}` brought forth no component: its {} needs `crate-type = [\"cdylib\"]`",
            self.package,
            if self.what == What::Lib { "[lib]" } else { "[[example]]" }
        );
        guests
    }

    /// The guest that a line of cargo's JSON messages speaks of, if it is one of this selection's.
    fn guest(&self, line: &str) -> Option<Guest> {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["reason"] != "compiler-artifact" {
            return None;
        }
        let target = &message["target"];
        let of_examples = target["kind"].as_array()?.iter().any(|kind| kind == "example");
        if of_examples != (self.what == What::Examples) {
            return None;
        }
        if self.what == What::Lib && !metadata::is_package(message["package_id"].as_str()?, &self.package) {
            return None;
        }
        let files = message["filenames"].as_array()?;
        let wasm = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
        let source = PathBuf::from(target["src_path"].as_str()?);
        Some(Guest { name: target["name"].as_str()?.replace('_', "-"), wasm: PathBuf::from(wasm), source })
    }
}

/// Where guests are compiled: beside the output folders of the build scripts, so that all of them share one build of what
/// the guests depend on, and so that `cargo clean` takes it along. Never in the outer target directory itself, which the
/// outer cargo has locked.
fn target_dir(out_dir: &Path) -> PathBuf {
    let of_build_scripts = out_dir.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    of_build_scripts.unwrap_or(out_dir).join("taskwright-guests")
}

impl Built {
    /// The guests, ordered by name.
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// Those of the guests that satisfy a condition.
    #[must_use]
    pub fn only(&self, condition: impl Fn(&Guest) -> bool) -> Self {
        let guests = self.guests.iter().filter(|guest| condition(guest)).cloned().collect();
        Self { guests, out_dir: self.out_dir.clone() }
    }

    /// Writes Rust code that embeds the guests to a file of `OUT_DIR`: a constant for each, and `ALL`.
    pub fn write_rust(&self, file: &str) -> &Self {
        embed::write(&self.out_dir.join(file), &embed::constants(&self.guests));
        self
    }

    /// Writes a macro to a file of `OUT_DIR` that calls another one with the identifier of every guest. A test that
    /// refers to one function a guest through it does not compile while a guest has no such function.
    pub fn write_for_each(&self, file: &str, macro_name: &str) -> &Self {
        embed::write(&self.out_dir.join(file), &embed::for_each(&self.guests, macro_name));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::target_dir;

    #[test]
    fn all_build_scripts_of_a_profile_compile_guests_in_one_folder() {
        let of = |out_dir| target_dir(Path::new(out_dir));
        let shared = Path::new("/here/target/debug/build/taskwright-guests");
        assert_eq!(of("/here/target/debug/build/components-0123/out"), shared);
        assert_eq!(of("/here/target/debug/build/test-guests-4567/out"), shared);
        assert_eq!(of("/elsewhere/out"), Path::new("/elsewhere/out/taskwright-guests"));
    }
}
