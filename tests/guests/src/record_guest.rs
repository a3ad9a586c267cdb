//! Records a guest of this version of the contract, so that later hosts are tested with what was built against it.
//! Does not replace a recording of a released version: delete the file first if you know that it never was released.

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), String> {
    native::record()
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::path::Path;

    pub(crate) fn record() -> Result<(), String> {
        let mut versions = Vec::new();
        let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        for entry in std::fs::read_dir(contracts).map_err(|error| error.to_string())? {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            versions.extend(name.to_str().and_then(|name| name.strip_prefix("since_v")).map(str::to_owned));
        }
        versions.sort();
        let again = std::env::args().any(|arg| arg == "--again");
        let newest = versions.last().ok_or("there is no contract in wit/")?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded").join(format!("{newest}.wasm"));
        if file.exists() && !again {
            return Err(format!(
                "{} is there already. A recording of a released version is never replaced; of one that is not released yet it is, with --again",
                file.display()
            ));
        }
        std::fs::write(&file, taskwright_test_guests::WHOLE_CONTRACT).map_err(|error| error.to_string())?;
        let told = format!("recorded {} bytes as {}\n", taskwright_test_guests::WHOLE_CONTRACT.len(), file.display());
        std::io::Write::write_all(&mut std::io::stdout(), told.as_bytes()).map_err(|error| error.to_string())
    }
}
