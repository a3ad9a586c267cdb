//! The life of tasks, through the library: real components in a real sandbox, native kinds, each store.
//! Does not test what a single part promises: each part has tests of its own.

mod admission;
mod bench_of_one;
mod budget;
mod cancel;
mod children;
mod drain;
mod explorer;
mod fence;
mod grants;
mod guides;
mod hibernate;
mod input;
mod recovery;
mod refusal;
mod retry;
mod run;
mod session;
mod task_folder;
mod upgrade;
mod user;
mod wake;

/// Runs cases over one store with one kind of walk.
#[macro_export]
macro_rules! cases {
    ($module:ident, $data:ident, $code:ident, $($name:ident),*) => {
        mod $module {
            use $crate::bench_of_one::{Bench, Code, Data, within};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if Data::$data.is_there() {
                    within(super::$name(Bench::new(Data::$data, Code::$code).await)).await;
                }
            })*
        }
    };
}

/// Runs cases again and again, each time with a store that fails at the next call.
#[macro_export]
macro_rules! explored {
    ($module:ident, $data:ident, $code:ident, $($name:ident),*) => {
        mod $module {
            use $crate::bench_of_one::{Code, Data};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if Data::$data.is_there() {
                    $crate::explorer::explore(stringify!($name), Data::$data, Code::$code, super::$name).await;
                }
            })*
        }
    };
}

/// Runs each case over each store.
#[macro_export]
macro_rules! over_each_store {
    ($($name:ident),* $(,)?) => {
        $crate::cases!(memory, Memory, Component, $($name),*);
        $crate::cases!(sqlite, Sqlite, Component, $($name),*);
        $crate::cases!(postgres, Postgres, Component, $($name),*);
        $crate::explored!(memory_failing, Memory, Component, $($name),*);
        $crate::explored!(sqlite_failing, Sqlite, Component, $($name),*);
        $crate::explored!(postgres_failing, Postgres, Component, $($name),*);
    };
}

/// Runs each case over each store, with the walkthrough as a component and as native code. For cases with no other kind.
#[macro_export]
macro_rules! over_each_store_and_code {
    ($($name:ident),* $(,)?) => {
        $crate::cases!(memory_component, Memory, Component, $($name),*);
        $crate::cases!(sqlite_component, Sqlite, Component, $($name),*);
        $crate::cases!(memory_native, Memory, Native, $($name),*);
        $crate::cases!(sqlite_native, Sqlite, Native, $($name),*);
        $crate::cases!(postgres_component, Postgres, Component, $($name),*);
        $crate::cases!(postgres_native, Postgres, Native, $($name),*);
        $crate::explored!(memory_native_failing, Memory, Native, $($name),*);
        $crate::explored!(sqlite_native_failing, Sqlite, Native, $($name),*);
        $crate::explored!(postgres_native_failing, Postgres, Native, $($name),*);
    };
}
