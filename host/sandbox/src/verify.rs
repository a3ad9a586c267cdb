//! Looks at a file before anything is compiled: what it is, how large it is, what it imports, what it exports.
//! Does not check types or code: the engine does, when it compiles and links.

use taskwright_registry::clean_line;
use wasmparser::{Encoding, Parser, Payload};
use wasmtime::{Engine, Precompiled};

use crate::component_size::{self, Consists};
use crate::engine_places;
use crate::world::{self, CONTRACT_VERSION, EXECUTOR};
use crate::{ComponentLimits, LoadError};

/// The names at the outside of a component that may be a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The version of the contract that it was made for.
    pub contract_version: String,
}

/// Looks at a file without compiling it: whether it is a component within these limits that exports a kind, and imports
/// nothing that no kind gets. It takes time by the size of the file alone. What the engine thinks of it, and what it says of
/// itself, only loading tells.
///
/// # Errors
/// One line that says what is wrong with the file.
pub fn verify(wasm: &[u8], limits: &ComponentLimits) -> Result<Outside, LoadError> {
    look(wasm, limits).map(|(outside, _)| outside)
}

/// The same, and what an instance of it consists of.
pub(crate) fn look(wasm: &[u8], limits: &ComponentLimits) -> Result<(Outside, Consists), LoadError> {
    if wasm.len() as u64 > limits.bytes {
        return Err(LoadError::TooLarge { allowed: limits.bytes, actual: wasm.len() as u64 });
    }
    check_preamble(wasm)?;
    let consists = component_size::check(wasm, limits)?;
    engine_places::refuse_too_many(&consists)?;
    let (imports, exports) = names(wasm).map_err(|problem| LoadError::Invalid { problem })?;
    let contract_version = contract_version(&exports)?;
    for import in &imports {
        if let Some(reason) = world::refuse_import(import) {
            return Err(LoadError::ForbiddenImport { import: clean_line(import, 200), reason });
        }
    }
    Ok((Outside { imports, exports, contract_version }, consists))
}

fn check_preamble(wasm: &[u8]) -> Result<(), LoadError> {
    match Engine::detect_precompiled(wasm) {
        Some(Precompiled::Component) => {
            return Err(LoadError::AlreadyCompiled { actual: "a component that is already compiled".to_owned() });
        }
        Some(Precompiled::Module) => {
            return Err(LoadError::AlreadyCompiled { actual: "a core module that is already compiled".to_owned() });
        }
        None => {}
    }
    if wasm.starts_with(b"\x7fELF") {
        return Err(LoadError::AlreadyCompiled { actual: "an ELF file of machine code".to_owned() });
    }
    if Parser::is_component(wasm) {
        return Ok(());
    }
    if Parser::is_core_wasm(wasm) {
        return Err(LoadError::CoreModule);
    }
    Err(LoadError::NotWasm { actual: seems_to_be(wasm) })
}

fn seems_to_be(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    if bytes.starts_with(b"\0asm") {
        return "a WebAssembly file of an unknown version".to_owned();
    }
    let beginning = &bytes[..bytes.len().min(40)];
    match std::str::from_utf8(beginning) {
        Ok(text) if text.trim_start().starts_with("(module") || text.trim_start().starts_with("(component") => {
            "WebAssembly in its text form".to_owned()
        }
        Ok(text) => format!("a text that begins with `{}`", clean_line(text, 40).trim()),
        Err(_) => format!("bytes that begin with {}", hex::encode(&bytes[..bytes.len().min(8)])),
    }
}

/// The names of imports and exports of the outermost component.
fn names(wasm: &[u8]) -> Result<(Vec<String>, Vec<String>), String> {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(wasm) {
        let said = |error: wasmparser::BinaryReaderError| clean_line(&error.to_string(), 512);
        match payload.map_err(said)? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != Encoding::Component {
                    return Err("not a component".to_owned());
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.map_err(said)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export.map_err(said)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

fn contract_version(exports: &[String]) -> Result<String, LoadError> {
    let expected = || format!("{EXECUTOR}@{CONTRACT_VERSION}");
    let versions = exports.iter().filter_map(|export| export.strip_prefix(EXECUTOR)?.strip_prefix('@'));
    let mut other = None;
    for version in versions {
        if world::same_contract(version) {
            return Ok(version.to_owned());
        }
        other = Some(clean_line(&format!("{EXECUTOR}@{version}"), 120));
    }
    match other {
        Some(actual) => Err(LoadError::UnsupportedVersion { expected: expected(), actual }),
        None => Err(LoadError::MissingExport { expected: expected(), actual: exports.to_vec() }),
    }
}
