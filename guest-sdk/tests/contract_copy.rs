//! The SDK's copy of the contract against the contract itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file under a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is under the folder").to_owned();
                found.insert(name, fs::read(&path).expect("the file can be read"));
            }
        }
    }
    found
}

#[test]
fn the_copy_of_the_contract_is_the_contract_byte_for_byte() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (contract, copy) = (files(&sdk.join("../wit")), files(&sdk.join("wit")));
    assert!(!contract.is_empty());
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&copy), names(&contract), "copy wit/ to guest-sdk/wit/");
    for (name, bytes) in &contract {
        assert!(copy[name] == *bytes, "{} differs: copy wit/ to guest-sdk/wit/", name.display());
    }
}
