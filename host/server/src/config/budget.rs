//! Limits of attempts as the configuration and `--budget` give them.
//! Does not say what holds where they meet others: `Budget` does.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use taskwright_registry::{Budget, Dimension};

use super::figure;

/// Limits of some dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits(pub(crate) Budget);

impl Default for Limits {
    fn default() -> Self {
        Self(Budget::UNLIMITED)
    }
}

/// The name of a dimension, with an error at its own place.
struct Name(Dimension);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(Self).map_err(D::Error::custom)
    }
}

/// The limit of one dimension.
struct Limit(Dimension);

impl<'de> DeserializeSeed<'de> for Limit {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Limit {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number, or a text such as \"256 MiB\" or \"10 s\", for `{}`", self.0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::custom(format!("{number} is negative")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        figure::limit(self.0, text).map_err(E::custom)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Limits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of limits such as memory_bytes = \"256 MiB\"")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Limits, M::Error> {
        let mut limits = Budget::UNLIMITED;
        while let Some(Name(dimension)) = map.next_key()? {
            limits.set(dimension, map.next_value_seed(Limit(dimension))?);
        }
        Ok(Limits(limits))
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

/// `NAME=LIMIT`, from the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OneLimit {
    /// What is limited.
    pub(crate) dimension: Dimension,
    /// To how much.
    pub(crate) limit: u64,
}

impl FromStr for OneLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, limit) =
            text.split_once('=').ok_or("expected NAME=LIMIT, such as cpu_ms=10s or memory_bytes=64MiB")?;
        let dimension: Dimension =
            name.parse().map_err(|error: taskwright_registry::UnknownDimension| error.to_string())?;
        Ok(Self { dimension, limit: figure::limit(dimension, limit)? })
    }
}

/// All of them together; the last word on a dimension holds.
pub(crate) fn together(limits: &[OneLimit]) -> Budget {
    let mut budget = Budget::UNLIMITED;
    for OneLimit { dimension, limit } in limits {
        budget.set(*dimension, *limit);
    }
    budget
}
