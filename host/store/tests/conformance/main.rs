//! The conformance suite: what every store must do, verb by verb, run against each of them.
//! Does not test the core's rules for their own sake: `taskwright-registry` does; here they must survive being stored.

mod world;

/// Makes a test of each case for each store.
macro_rules! for_every_store {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $case() { crate::world::memory(super::$case); })+
        }
        mod sqlite {
            $(#[test] fn $case() { crate::world::sqlite(super::$case); })+
        }
        mod postgres {
            $(#[test] fn $case() { crate::world::postgres(super::$case); })+
        }
    };
}

/// Makes a test of each case for each store and each state of the task that it is about.
macro_rules! for_every_store_and_state {
    ($($case:ident),+ $(,)?) => {
        for_every_store_and_state!(@store memory $($case),+);
        for_every_store_and_state!(@store sqlite $($case),+);
        for_every_store_and_state!(@store postgres $($case),+);
    };
    (@store $store:ident $($case:ident),+) => {
        mod $store {
            $(mod $case {
                use taskwright_registry::State;
                use crate::world::{World, $store};
                for_every_store_and_state!(@state $store $case
                    queued Queued, running Running, awaiting_input AwaitingInput,
                    succeeded Succeeded, failed Failed, canceled Canceled);
            })+
        }
    };
    (@state $store:ident $case:ident $($name:ident $state:ident),+) => {
        $(#[test] fn $name() { $store(async |world: World| super::super::$case(world, State::$state).await); })+
    };
}

mod attempts;
mod backlog;
mod cancel;
mod children;
mod claim;
mod concurrency;
mod content;
mod create;
mod events;
mod external;
mod fence;
mod leases;
mod limits;
mod lineage;
mod list;
mod messages;
mod nesting;
mod questions;
mod retention;
mod scope;
mod session_life;
mod trace;
mod transfer;
mod turns;
mod update;
mod wake_claims;
mod wakes;
mod woken;
