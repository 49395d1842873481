//! Logs: from bytes to events, and from files that grow, are renamed and torn. Knows no jobs.

pub(super) mod cursor;
pub(super) mod dag;
pub(super) mod damage;
pub(super) mod error;
mod files;
pub(super) mod follower;
mod junk;
pub(super) mod logs;
pub(super) mod parser;
pub(super) mod reader;
mod split;
