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
    /// Beside each, how much of it there is in a kind in Python (made by componentize-py 0.25.1), the largest sort that we
    /// know: its interpreter, the standard library and three dozen shared libraries.
    fn default() -> Self {
        Self {
            // 20 million.
            bytes: 64 << 20,
            // 38.
            modules: 500,
            // 2.
            components: 200,
            // 2.
            depth: 16,
            // 114.
            instances: 2_000,
            // 13,593.
            functions: 250_000,
            // 426,843. The format allows 7.6 million.
            function_bytes: 4 << 20,
            // 47,987.
            locals: 1_000_000,
            // 1,482.
            types: 50_000,
            // 6,970.
            names: 100_000,
            // 875.
            items: 20_000,
            // 2,596.
            segments: 50_000,
            // 1,527.
            crossings: 50_000,
        }
    }
}
