//! How large a component may be, in every way that makes it expensive to look at, compile or instantiate.
//! Does not bound what an instance uses: that is `Budget`.

/// Limits of a component's file, checked before anything is compiled. Each is far above what tools make of honest programs,
/// and there to refuse early, in words, what would otherwise run into the limits of compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentLimits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Core modules in it, nested ones included.
    pub modules: u64,
    /// Components in it, nested ones included, itself not.
    pub components: u64,
    /// How deeply components and modules are nested; the component itself is the first level.
    pub depth: u64,
    /// Instances of modules and components that one instance of it consists of. An inner component that is instantiated
    /// twice counts twice, with all that it consists of: a few bytes can make millions.
    pub instances: u64,
    /// Core functions, in all modules together.
    pub functions: u64,
    /// Bytes of one core function.
    pub function_bytes: u64,
    /// Local variables, of all core functions together. Some bytes declare thousands.
    pub locals: u64,
    /// Types, of modules and components together.
    pub types: u64,
    /// Imports and exports, of modules and components together.
    pub names: u64,
    /// Globals, tables, memories, and tags, in all modules together.
    pub items: u64,
    /// Segments of data and of elements, in all modules together.
    pub segments: u64,
    /// Functions that cross the border between components and modules, and aliases.
    pub crossings: u64,
}

impl Default for ComponentLimits {
    /// The figures of a Python component, which is by far the largest that we know (its interpreter, the standard library and
    /// some twenty shared libraries), beside each.
    fn default() -> Self {
        Self {
            // PY bytes
            bytes: 64 << 20,
            // PY modules
            modules: 500,
            // PY components
            components: 200,
            // PY depth
            depth: 16,
            // PY instances
            instances: 2_000,
            // PY functions
            functions: 250_000,
            // PY function_bytes. The format allows 7.6 million.
            function_bytes: 4 << 20,
            // PY locals
            locals: 4_000_000,
            // PY types
            types: 100_000,
            // PY names
            names: 250_000,
            // PY items
            items: 250_000,
            // PY segments
            segments: 100_000,
            // PY crossings
            crossings: 250_000,
        }
    }
}
