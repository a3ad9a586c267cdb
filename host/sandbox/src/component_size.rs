//! Counts what a component's file consists of, section by section, and compares it with the limits.
//! Does not validate: what makes no sense is left to the engine, which says so when it compiles.

use taskwright_registry::clean_line;
use wasmparser::{
    BinaryReaderError, CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, Instance, Parser, Payload,
};

use crate::{ComponentLimits, LoadError};

/// What the engine keeps for each instance of a module or component, whatever it consists of, in bytes.
const INSTANCE_BYTES: u64 = 4 << 10;
/// And for each function, import, export, global, table, memory and segment of it: at most a reference to a function with what
/// belongs to it.
const ENTRY_BYTES: u64 = 48;

/// What one instance of a component consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Consists {
    /// Instances of modules and components.
    pub(crate) instances: u64,
    /// Those of components that have functions of their own, itself included. While a call into one of them waits, no other call
    /// into it begins, so that each holds one stack at most.
    pub(crate) callable: u64,
    /// Memories and tables of the modules, each as often as the module is instantiated.
    pub(crate) memories: u64,
    pub(crate) tables: u64,
    /// Bytes that the engine keeps for all of them: an estimate that is not too low.
    pub(crate) bytes: u64,
}

impl Consists {
    fn and(self, other: Self) -> Self {
        Self {
            instances: self.instances.saturating_add(other.instances),
            callable: self.callable.saturating_add(other.callable),
            memories: self.memories.saturating_add(other.memories),
            tables: self.tables.saturating_add(other.tables),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// Refuses a component that is larger than it may be; says what an instance of one that is not consists of.
pub(crate) fn check(wasm: &[u8], limits: &ComponentLimits) -> Result<Consists, LoadError> {
    let mut size = Size { limits, open: Vec::new(), counts: ComponentLimits::none(), whole: Consists::default() };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| invalid(&error))?;
        size.add(payload)?;
    }
    Ok(size.whole)
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
    /// What each component that can be named here consists of, by its index.
    components: Vec<Consists>,
    /// What an instance of each core module that can be named here takes, by its index.
    modules: Vec<Consists>,
    /// What it consists of itself, as far as it was read.
    consists: Consists,
    /// How many functions, imports, exports, globals, tables, memories and segments it has itself.
    entries: u64,
    /// Memories and tables that it defines itself.
    memories: u64,
    tables: u64,
    /// Whether it makes functions of core functions.
    is_callable: bool,
}

impl Open {
    /// What the engine keeps for an instance of it, without those in it.
    fn own_bytes(&self) -> u64 {
        self.entries.saturating_mul(ENTRY_BYTES).saturating_add(INSTANCE_BYTES)
    }
}

struct Size<'a> {
    limits: &'a ComponentLimits,
    open: Vec<Open>,
    counts: ComponentLimits,
    /// What the outermost component consists of, once it was read.
    whole: Consists,
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
                let Some(ended) = self.open.pop() else { return Ok(()) };
                let consists = ended.consists.and(Consists {
                    instances: 0,
                    callable: ended.is_callable.into(),
                    memories: ended.memories,
                    tables: ended.tables,
                    bytes: ended.own_bytes(),
                });
                match self.open.last_mut() {
                    Some(outer) if ended.is_component => outer.components.push(consists),
                    Some(outer) => outer.modules.push(consists),
                    None => self.whole = consists,
                }
            }
            Payload::ModuleSection { .. } => return count("core modules", &mut self.counts.modules, 1, most.modules),
            Payload::FunctionSection(section) => {
                self.entries(section.count());
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
            Payload::TableSection(section) => {
                if let Some(open) = self.open.last_mut() {
                    open.tables = open.tables.saturating_add(section.count().into());
                }
                return self.items(section.count());
            }
            Payload::MemorySection(section) => {
                if let Some(open) = self.open.last_mut() {
                    open.memories = open.memories.saturating_add(section.count().into());
                }
                return self.items(section.count());
            }
            Payload::TagSection(section) => return self.items(section.count()),
            Payload::DataSection(section) => return self.segments(section.count()),
            Payload::ElementSection(section) => return self.segments(section.count()),
            Payload::ComponentCanonicalSection(section) => {
                self.crossings(section.count())?;
                for function in section {
                    if let CanonicalFunction::Lift { .. } = function.map_err(|error| invalid(&error))?
                        && let Some(open) = self.open.last_mut()
                    {
                        open.is_callable = true;
                    }
                }
            }
            Payload::InstanceSection(section) => {
                self.instances(Consists { instances: section.count().into(), ..Consists::default() })?;
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance.map_err(|error| invalid(&error))? {
                        let consists_of = self.named_module(0, module_index);
                        self.instances(consists_of)?;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let consists_of = match instance.map_err(|error| invalid(&error))? {
                        ComponentInstance::Instantiate { component_index, .. } => self.named(0, component_index),
                        ComponentInstance::FromExports(_) => Consists::default(),
                    };
                    self.instances(consists_of.and(Consists { instances: 1, ..Consists::default() }))?;
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
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                            let consists_of = self.named_module(count, index);
                            self.name_module(consists_of);
                        }
                        ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Component | ComponentExternalKind::Module,
                            ..
                        } => return Err(as_values()),
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                self.names(section.count())?;
                for import in section {
                    let kind = import.map_err(|error| invalid(&error))?.ty.kind();
                    if matches!(kind, ComponentExternalKind::Component | ComponentExternalKind::Module) {
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
                    if export.kind == ComponentExternalKind::Module {
                        let consists_of = self.named_module(0, export.index);
                        self.name_module(consists_of);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn outwards(&self, outwards: u32) -> Option<&Open> {
        self.open.len().checked_sub(1 + outwards as usize).and_then(|at| self.open.get(at))
    }

    /// What a component consists of that the one `outwards` from here can name. One that is not there is a fault of the file,
    /// which the engine finds.
    fn named(&self, outwards: u32, index: u32) -> Consists {
        let open = self.outwards(outwards);
        open.and_then(|open| open.components.get(index as usize)).copied().unwrap_or_default()
    }

    /// The same of a core module.
    fn named_module(&self, outwards: u32, index: u32) -> Consists {
        let open = self.outwards(outwards);
        open.and_then(|open| open.modules.get(index as usize)).copied().unwrap_or_default()
    }

    /// One more component can be named here.
    fn name(&mut self, consists_of: Consists) {
        if let Some(open) = self.open.last_mut() {
            open.components.push(consists_of);
        }
    }

    /// One more core module can be named here.
    fn name_module(&mut self, consists_of: Consists) {
        if let Some(open) = self.open.last_mut() {
            open.modules.push(consists_of);
        }
    }

    fn instances(&mut self, more: Consists) -> Result<(), LoadError> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let mut instances = open.consists.instances;
        open.consists = open.consists.and(more);
        count("instances", &mut instances, more.instances, self.limits.instances)
    }

    fn entries(&mut self, more: u32) {
        if let Some(open) = self.open.last_mut() {
            open.entries = open.entries.saturating_add(more.into());
        }
    }

    fn types(&mut self, more: u32) -> Result<(), LoadError> {
        count("types", &mut self.counts.types, more.into(), self.limits.types)
    }

    fn names(&mut self, more: u32) -> Result<(), LoadError> {
        self.entries(more);
        count("imports and exports", &mut self.counts.names, more.into(), self.limits.names)
    }

    fn items(&mut self, more: u32) -> Result<(), LoadError> {
        self.entries(more);
        count("globals, tables, memories and tags", &mut self.counts.items, more.into(), self.limits.items)
    }

    fn segments(&mut self, more: u32) -> Result<(), LoadError> {
        self.entries(more);
        count("segments", &mut self.counts.segments, more.into(), self.limits.segments)
    }

    fn crossings(&mut self, more: u32) -> Result<(), LoadError> {
        count("aliases and canonical functions", &mut self.counts.crossings, more.into(), self.limits.crossings)
    }
}

fn as_values() -> LoadError {
    let problem =
        "it takes a component or a core module as an import or from an instance, so that its size cannot be told"
            .to_owned();
    LoadError::Invalid { problem }
}

/// Counts, by what the file announces: what it does not hold after all is refused all the same.
fn count(what: &'static str, so_far: &mut u64, more: u64, allowed: u64) -> Result<(), LoadError> {
    *so_far = so_far.saturating_add(more);
    if *so_far > allowed { Err(LoadError::TooMany { what, allowed, actual: *so_far }) } else { Ok(()) }
}
