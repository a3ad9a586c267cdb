//! The life of tasks, through the library: real components, a real sandbox, each store.
//! Does not test what a single part promises: each part has tests of its own.

mod bench_of_one;
mod cancel;
mod drain;
mod fence;
mod hibernate;
mod input;
mod refusal;
mod retry;
mod run;
mod wake;

/// Runs each case over each store.
#[macro_export]
macro_rules! over_each_store {
    ($($(#[$attr:meta])* $name:ident),* $(,)?) => {
        mod memory {
            $($(#[$attr])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::bench_of_one::within(super::$name($crate::bench_of_one::Bench::over_memory().await)).await;
            })*
        }
        mod sqlite {
            $($(#[$attr])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::bench_of_one::within(super::$name($crate::bench_of_one::Bench::over_sqlite().await)).await;
            })*
        }
    };
}
