//! A value that takes no memory before it is needed.

use std::ops::{Deref, DerefMut};

/// A value that is made when it is first to be changed; until then, an empty one is read.
pub(crate) struct Lazily<T>(Option<Box<T>>);

/// What has an empty value to read.
pub(crate) trait Empty: Default + 'static {
    fn empty() -> &'static Self;
}

impl<T> Default for Lazily<T> {
    fn default() -> Self {
        Lazily(None)
    }
}

impl<T: Empty> Deref for Lazily<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => T::empty(),
        }
    }
}

impl<T: Empty> DerefMut for Lazily<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(Default::default)
    }
}
