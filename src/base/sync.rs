//! What the hand-written protocols synchronise by. Their files take it from here, so that the tests that include them
//! can put a model checker's in its place.

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{
    AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence,
};

pub(crate) use parking_lot::Mutex;
