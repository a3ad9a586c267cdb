//! The macro that makes a component of a kind.
//! It does nothing natively, so that a kind's tests build without it.

/// Makes a component of a kind when its crate is compiled to `wasm32-wasip2` with the crate type `cdylib`. One kind for
/// each component: `taskwright_guest::export!(MyKind);`.
#[macro_export]
macro_rules! export {
    ($kind:ty) => {
        const _: () = {
            fn _is_a_kind<K: $crate::Kind>() {}
            let _ = _is_a_kind::<$kind>;
        };
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::component::Exported<$kind>;
    $crate::bindings::export!(Exported with_types_in $crate::bindings);
        };
    };
}
