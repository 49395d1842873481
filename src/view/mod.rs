//! What shows jobs to people. Everything here reads what any reader may read; nothing here runs tasks.

#[cfg(feature = "web")]
pub mod web;
