//! Pages of lists, and the limit that held for one.
//! Does not know what is listed.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;

use crate::UnreadableRow;
use crate::unreadable::{Read, parted};

/// How many were asked for, and how many a page could hold after that was clamped. Whoever was given fewer than asked for can
/// tell a short list from a short page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PageLimit {
    /// What the request said.
    pub asked: usize,
    /// What held: at least 1, and at most what one page can hold.
    pub applied: usize,
}

impl PageLimit {
    /// The limit of a page that can hold so many.
    pub(crate) fn clamp(asked: usize, most: usize) -> Self {
        Self { asked, applied: asked.clamp(1, most.max(1)) }
    }

    /// Whether another limit held than the one that was asked for.
    #[must_use]
    pub fn was_clamped(self) -> bool {
        self.asked != self.applied
    }
}

impl fmt::Display for PageLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.was_clamped() {
            write!(f, "{} were asked for and a limit of {} held", self.asked, self.applied)
        } else {
            write!(f, "a limit of {} held", self.applied)
        }
    }
}

/// A page of a list that goes on behind its last item. Reads like the slice of its items.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What it holds, in order.
    pub items: Vec<T>,
    /// Whether there are others that it did not hold.
    pub more: bool,
    /// The limit that held.
    pub limit: PageLimit,
    /// What would stand in the page, and cannot be read.
    pub unreadable: Vec<UnreadableRow>,
}

impl<T> Page<T> {
    /// A page of nothing.
    pub(crate) fn empty(limit: PageLimit) -> Self {
        Self { items: Vec::new(), more: false, limit, unreadable: Vec::new() }
    }

    /// The page of a list that was read one further than the limit.
    pub(crate) fn cut(mut rows: Vec<Read<T>>, limit: PageLimit) -> Self {
        let more = rows.len() > limit.applied;
        rows.truncate(limit.applied);
        let (items, unreadable) = parted(rows);
        Self { items, more, limit, unreadable }
    }
}

impl<T> Deref for Page<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'p, T> IntoIterator for &'p Page<T> {
    type Item = &'p T;
    type IntoIter = std::slice::Iter<'p, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<T: PartialEq> PartialEq<[T]> for Page<T> {
    fn eq(&self, items: &[T]) -> bool {
        self.items == items
    }
}

impl<T: PartialEq, const N: usize> PartialEq<[T; N]> for Page<T> {
    fn eq(&self, items: &[T; N]) -> bool {
        self.items == items
    }
}

impl<T: PartialEq> PartialEq<Vec<T>> for Page<T> {
    fn eq(&self, items: &Vec<T>) -> bool {
        self.items == *items
    }
}
