//! What the engine has a fixed number of (memories, tables, stacks), and the host's memory for instances, shared out.
//! Does not allocate any of it: the engine does, and it is made with at least as much as is shared out here.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::component::Component;

use crate::component_size::Consists;
use crate::engine::STACK_BYTES;
use crate::shared_pool::{NotFree, PATIENCE, PoolShare, SharedPool, Taken};
use crate::{AttemptError, LoadError};

/// How many of each a component may have: more than any tool makes, and so few that one always fits.
const MOST_MEMORIES: u32 = 8;
const MOST_TABLES: u32 = 200;
/// Components in it whose functions can be called; each may hold a stack while it waits.
const MOST_CALLABLE: u32 = 64;

/// How many of each an instance has on average; nearly all have one memory and four tables, a guest in Python about thirty.
const MEMORIES_PER_INSTANCE: u32 = 2;
const TABLES_PER_INSTANCE: u32 = 16;
const STACKS_PER_INSTANCE: u32 = 4;

/// Stacks of an instance beside those of calls that wait: the one that takes the next call, the one that the engine keeps for
/// later, and that of a function of the host's which gives up a handle.
const OWN_STACKS: u32 = 3;

/// How many of each there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) memories: u32,
    pub(crate) tables: u32,
    pub(crate) stacks: u32,
}

impl Places {
    /// What this many instances share. Three quarters of it, which is what one session may have, hold the largest component.
    pub(crate) fn of(instances: u32) -> Self {
        let places = |each: u32, most: u32| instances.saturating_mul(each).max(most + most / 3 + 1);
        Self {
            memories: places(MEMORIES_PER_INSTANCE, MOST_MEMORIES),
            tables: places(TABLES_PER_INSTANCE, MOST_TABLES),
            stacks: places(STACKS_PER_INSTANCE, MOST_CALLABLE + OWN_STACKS),
        }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            memories: self.memories.saturating_add(other.memories),
            tables: self.tables.saturating_add(other.tables),
            stacks: self.stacks.saturating_add(other.stacks),
        }
    }

    /// The most that one component has.
    pub(crate) const fn most() -> Self {
        Self { memories: MOST_MEMORIES, tables: MOST_TABLES, stacks: MOST_CALLABLE + OWN_STACKS }
    }
}

/// What one instance of a component takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    places: Places,
    /// The host's memory: the engine's data of each core instance, and the stacks that calls may hold.
    host_bytes: u64,
}

fn within(what: &'static str, actual: u64, most: u32) -> Result<u32, LoadError> {
    match u32::try_from(actual) {
        Ok(actual) if actual <= most => Ok(actual),
        _ => Err(LoadError::TooMany { what, allowed: most.into(), actual }),
    }
}

/// Refuses what the engine would have no room for at any time, by the file, before anything is compiled: that may take a
/// thousand times as long.
///
/// # Errors
/// `TooMany`.
pub(crate) fn refuse_too_many(consists: &Consists) -> Result<(), LoadError> {
    within("memories", consists.memories, MOST_MEMORIES)?;
    within("tables", consists.tables, MOST_TABLES)?;
    within("components with functions in it", consists.callable, MOST_CALLABLE)?;
    Ok(())
}

impl Needs {
    /// Counts them.
    ///
    /// # Errors
    /// As [`refuse_too_many`], by the engine's own count.
    pub(crate) fn of(component: &Component, consists: &Consists) -> Result<Self, LoadError> {
        let Some(resources) = component.resources_required() else {
            let problem = "it takes a core module as an import, so that its size cannot be told".to_owned();
            return Err(LoadError::Invalid { problem });
        };
        let memories = within("memories", resources.num_memories.into(), MOST_MEMORIES)?;
        let tables = within("tables", resources.num_tables.into(), MOST_TABLES)?;
        let callable = within("components with functions in it", consists.callable, MOST_CALLABLE)?;
        let stack_bytes = u64::from(callable.max(1)).saturating_mul(STACK_BYTES as u64);
        Ok(Self {
            places: Places { memories, tables, stacks: callable + OWN_STACKS },
            host_bytes: consists.bytes.saturating_add(stack_bytes),
        })
    }
}

/// The places of a host.
#[derive(Debug)]
pub(crate) struct EnginePlaces {
    memories: Arc<SharedPool>,
    tables: Arc<SharedPool>,
    stacks: Arc<SharedPool>,
}

impl EnginePlaces {
    pub(crate) fn new(places: Places) -> Arc<Self> {
        Arc::new(Self {
            memories: SharedPool::new(places.memories.into()),
            tables: SharedPool::new(places.tables.into()),
            stacks: SharedPool::new(places.stacks.into()),
        })
    }

    /// What one owner's instances share of it; all of it if there is none. `memory` is that owner's share of the memory.
    pub(crate) fn share(&self, owner: Option<&str>, needs: Needs, memory: PoolShare) -> PlacesShare {
        PlacesShare {
            needs,
            memory,
            memories: self.memories.share(owner),
            tables: self.tables.share(owner),
            stacks: self.stacks.share(owner),
        }
    }
}

/// Where an instance takes from what it needs.
#[derive(Debug)]
pub(crate) struct PlacesShare {
    needs: Needs,
    memory: PoolShare,
    memories: PoolShare,
    tables: PoolShare,
    stacks: PoolShare,
}

impl PlacesShare {
    /// Waits for all that the instance needs. It comes back when what is returned is dropped, which has to be after the instance.
    ///
    /// # Errors
    /// `NoMemory` or `NoPlaces`, if something was not free in time. Nothing has begun.
    pub(crate) async fn take(&self) -> Result<TakenPlaces, AttemptError> {
        let Needs { places, host_bytes } = self.needs;
        let (mut taken, until) = (Vec::with_capacity(4), Instant::now() + PATIENCE);
        // Each in the same order: none waits for what another holds that waits for what it holds.
        for (what, share, wanted) in [
            ("stacks", &self.stacks, places.stacks),
            ("tables", &self.tables, places.tables),
            ("memories", &self.memories, places.memories),
        ] {
            let wanted = u64::from(wanted);
            let found = share.take_by(wanted, until).await;
            taken.push(found.map_err(|NotFree { allowed, .. }| AttemptError::NoPlaces { what, wanted, allowed })?);
        }
        let no_memory = |NotFree { allowed, .. }| AttemptError::NoMemory { wanted: host_bytes, allowed, begun: false };
        taken.push(self.memory.take_by(host_bytes, until).await.map_err(no_memory)?);
        Ok(TakenPlaces { _taken: taken })
    }
}

/// What an instance has taken.
#[derive(Debug)]
pub(crate) struct TakenPlaces {
    _taken: Vec<Taken>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_smallest_pool_holds_any_component() {
        let (all, most) = (Places::of(1), Places::most());
        for (all, most) in [(all.memories, most.memories), (all.tables, most.tables), (all.stacks, most.stacks)] {
            assert!(all - all / 4 >= most, "{all} {most}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_without_stacks_waits_and_another_goes_on() {
        let (pools, memory) = (EnginePlaces::new(Places::of(1)), SharedPool::new(1 << 30));
        let stacks = MOST_CALLABLE + OWN_STACKS;
        let needs = |stacks| Needs { places: Places { memories: 1, tables: 1, stacks }, host_bytes: 1 << 20 };
        let share = |owner, stacks| pools.share(Some(owner), needs(stacks), memory.share(Some(owner)));
        let held = share("greedy", stacks).take().await.unwrap();
        let error = share("greedy", stacks).take().await.unwrap_err();
        assert!(matches!(error, AttemptError::NoPlaces { what: "stacks", wanted: 67, allowed: 68 }), "{error:?}");
        share("other", 4).take().await.unwrap();
        drop(held);
        share("greedy", stacks).take().await.unwrap();
        assert_eq!(memory.in_use(), 0);
    }
}
