//! Counts what a component's file consists of, section by section, and compares it with the limits.
//! Does not validate: what makes no sense is left to the engine, which says so when it compiles.

use taskwright_registry::clean_line;
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Parser,
    Payload,
};

use crate::{ComponentLimits, LoadError};

/// Refuses a component that is larger than it may be.
pub(crate) fn check(wasm: &[u8], limits: &ComponentLimits) -> Result<(), LoadError> {
    let mut size = Size { limits, open: Vec::new(), counts: ComponentLimits::none() };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| invalid(&error))?;
        size.add(payload)?;
    }
    Ok(())
}

fn invalid(error: &BinaryReaderError) -> LoadError {
    LoadError::Invalid { problem: clean_line(&error.to_string(), 512) }
}

impl ComponentLimits {
    const fn none() -> Self {
        Self {
            bytes: 0,
            modules: 0,
            components: 0,
            depth: 0,
            instances: 0,
            functions: 0,
            function_bytes: 0,
            locals: 0,
            types: 0,
            names: 0,
            items: 0,
            segments: 0,
            crossings: 0,
        }
    }
}

/// A component or module whose sections are being read.
#[derive(Default)]
struct Open {
    is_component: bool,
    /// How many instances each component that can be named here consists of, by its index.
    components: Vec<u64>,
    /// How many instances it consists of itself, as far as it was read.
    instances: u64,
}

struct Size<'a> {
    limits: &'a ComponentLimits,
    open: Vec<Open>,
    counts: ComponentLimits,
}

impl Size<'_> {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        let most = *self.limits;
        match payload {
            Payload::Version { encoding, .. } => {
                let is_component = encoding == wasmparser::Encoding::Component;
                if is_component && !self.open.is_empty() {
                    count("components", &mut self.counts.components, 1, most.components)?;
                }
                self.open.push(Open { is_component, ..Open::default() });
                let mut depth = 0;
                return count("levels of nesting", &mut depth, self.open.len() as u64, most.depth);
            }
            Payload::End(_) => {
                if let Some(ended) = self.open.pop()
                    && ended.is_component
                    && let Some(outer) = self.open.last_mut()
                {
                    outer.components.push(ended.instances);
                }
            }
            Payload::ModuleSection { .. } => return count("core modules", &mut self.counts.modules, 1, most.modules),
            Payload::FunctionSection(section) => {
                return count("core functions", &mut self.counts.functions, section.count().into(), most.functions);
            }
            Payload::CodeSectionEntry(body) => {
                let mut bytes = 0;
                count("bytes in one function", &mut bytes, body.range().len() as u64, most.function_bytes)?;
                for local in body.get_locals_reader().map_err(|error| invalid(&error))? {
                    let (number, _) = local.map_err(|error| invalid(&error))?;
                    count("local variables", &mut self.counts.locals, number.into(), most.locals)?;
                }
            }
            Payload::TypeSection(section) => return self.types(section.count()),
            Payload::CoreTypeSection(section) => return self.types(section.count()),
            Payload::ComponentTypeSection(section) => return self.types(section.count()),
            Payload::ImportSection(section) => return self.names(section.count()),
            Payload::ExportSection(section) => return self.names(section.count()),
            Payload::GlobalSection(section) => return self.items(section.count()),
            Payload::TableSection(section) => return self.items(section.count()),
            Payload::MemorySection(section) => return self.items(section.count()),
            Payload::TagSection(section) => return self.items(section.count()),
            Payload::DataSection(section) => return self.segments(section.count()),
            Payload::ElementSection(section) => return self.segments(section.count()),
            Payload::ComponentCanonicalSection(section) => return self.crossings(section.count()),
            Payload::InstanceSection(section) => return self.instances(section.count().into()),
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let consists_of = match instance.map_err(|error| invalid(&error))? {
                        ComponentInstance::Instantiate { component_index, .. } => self.named(0, component_index),
                        ComponentInstance::FromExports(_) => 0,
                    };
                    self.instances(consists_of.saturating_add(1))?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                self.crossings(section.count())?;
                for alias in section {
                    match alias.map_err(|error| invalid(&error))? {
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            let consists_of = self.named(count, index);
                            self.name(consists_of);
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                            return Err(as_values());
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                self.names(section.count())?;
                for import in section {
                    if import.map_err(|error| invalid(&error))?.ty.kind() == ComponentExternalKind::Component {
                        return Err(as_values());
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                self.names(section.count())?;
                for export in section {
                    let export = export.map_err(|error| invalid(&error))?;
                    if export.kind == ComponentExternalKind::Component {
                        let consists_of = self.named(0, export.index);
                        self.name(consists_of);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// How many instances a component consists of that the one `outwards` from here can name. One that is not there is a
    /// fault of the file, which the engine finds.
    fn named(&self, outwards: u32, index: u32) -> u64 {
        let at = self.open.len().checked_sub(1 + outwards as usize);
        let open = at.and_then(|at| self.open.get(at));
        open.and_then(|open| open.components.get(index as usize)).copied().unwrap_or(0)
    }

    /// One more component can be named here.
    fn name(&mut self, consists_of: u64) {
        if let Some(open) = self.open.last_mut() {
            open.components.push(consists_of);
        }
    }

    fn instances(&mut self, more: u64) -> Result<(), LoadError> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        count("instances", &mut open.instances, more, self.limits.instances)
    }

    fn types(&mut self, more: u32) -> Result<(), LoadError> {
        count("types", &mut self.counts.types, more.into(), self.limits.types)
    }

    fn names(&mut self, more: u32) -> Result<(), LoadError> {
        count("imports and exports", &mut self.counts.names, more.into(), self.limits.names)
    }

    fn items(&mut self, more: u32) -> Result<(), LoadError> {
        count("globals, tables, memories and tags", &mut self.counts.items, more.into(), self.limits.items)
    }

    fn segments(&mut self, more: u32) -> Result<(), LoadError> {
        count("segments", &mut self.counts.segments, more.into(), self.limits.segments)
    }

    fn crossings(&mut self, more: u32) -> Result<(), LoadError> {
        count("aliases and canonical functions", &mut self.counts.crossings, more.into(), self.limits.crossings)
    }
}

fn as_values() -> LoadError {
    let problem = "it takes a component as an import or from an instance, so that its size cannot be told".to_owned();
    LoadError::Invalid { problem }
}

/// Counts, by what the file announces: what it does not hold after all is refused all the same.
fn count(what: &'static str, so_far: &mut u64, more: u64, allowed: u64) -> Result<(), LoadError> {
    *so_far = so_far.saturating_add(more);
    if *so_far > allowed { Err(LoadError::TooMany { what, allowed, actual: *so_far }) } else { Ok(()) }
}
