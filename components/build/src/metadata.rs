//! What cargo knows of the workspace: where its packages are and which of them depend on which.
//! It knows nothing of packages from a registry: their versions are in Cargo.lock, which is watched as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::environment;

/// The packages of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    packages: BTreeMap<String, Package>,
}

#[derive(Debug)]
struct Package {
    folder: PathBuf,
    /// Folders of the packages that it depends on by path, development's included.
    depends_on: Vec<PathBuf>,
}

impl Workspace {
    /// Asks cargo, in a folder of the workspace.
    pub(crate) fn load(folder: &Path) -> Self {
        let mut cargo = Command::new(environment::required("CARGO"));
        cargo.current_dir(folder).args(["metadata", "--no-deps", "--format-version", "1"]);
        environment::detach(&mut cargo);
        let output = cargo.output().unwrap_or_else(|error| panic!("cannot run cargo metadata: {error}"));
        assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
        let metadata = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
        Self::from_metadata(&metadata)
    }

    fn from_metadata(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let packages = list(&metadata["packages"]).into_iter().map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let depends_on = list(&package["dependencies"]);
            let depends_on = depends_on.iter().filter_map(|one| one["path"].as_str().map(PathBuf::from)).collect();
            let folder = manifest.parent().map(Path::to_owned).unwrap_or_default();
            (text(&package["name"]), Package { folder, depends_on })
        });
        Self { root: PathBuf::from(text(&metadata["workspace_root"])), packages: packages.collect() }
    }

    /// The workspace's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Every file and folder that the package's code comes from: its own, those of the packages of the workspace that it
    /// depends on, and the workspace's manifest and lock file.
    pub(crate) fn inputs_of(&self, package: &str) -> Vec<PathBuf> {
        let known = || self.packages.keys().cloned().collect::<Vec<_>>().join(", ");
        let first = self.packages.get(package);
        let first = first.unwrap_or_else(|| panic!("no package `{package}` in the workspace; there are: {}", known()));
        let mut folders = BTreeSet::new();
        let mut open = vec![first.folder.clone()];
        while let Some(folder) = open.pop() {
            if folders.insert(folder.clone())
                && let Some(package) = self.packages.values().find(|package| package.folder == folder)
            {
                open.extend(package.depends_on.iter().cloned());
            }
        }
        let parts = ["Cargo.toml", "build.rs", "src", "examples", "wit"];
        let of_packages = folders.iter().flat_map(|folder| parts.iter().map(|part| folder.join(part)));
        let of_workspace = ["Cargo.toml", "Cargo.lock"].iter().map(|part| self.root.join(part));
        // A path that is not there would make cargo run the build script every time.
        of_packages.chain(of_workspace).filter(|path| path.exists()).collect()
    }
}

/// Whether a package id of cargo's messages (`path+file:///a/b#name@1.0.0`, or `path+file:///a/name#1.0.0`) is that of a
/// package.
pub(crate) fn is_package(id: &str, name: &str) -> bool {
    let (location, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.rsplit_once('@') {
        Some((named, _)) => named == name,
        None => location.rsplit('/').next() == Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::is_package;

    #[test]
    fn a_package_is_known_by_either_form_of_its_id() {
        assert!(is_package("path+file:///home/me/search-files#0.1.0", "search-files"));
        assert!(is_package("path+file:///home/me/artifacts#taskwright-components@0.1.0", "taskwright-components"));
        assert!(!is_package("path+file:///home/me/guest-sdk#taskwright-guest@0.1.0", "search-files"));
    }
}
