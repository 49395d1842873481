//! What is shown of a job: a model that is folded from its events, and read row by row.
//!
//! - `fold`: [`Rows`], which takes events in; what it costs is by what has changed, not by how many tasks there are.
//! - `row`: [`JobRow`] and [`TaskRow`], what is read of it at a moment.
//! - `group`: which rows come first.
//! - `entry` and `table`: what is kept of a task, and where it is found.
//! - `list` and `filter`: [`List`], the rows in their order, and [`Filter`], which of them are shown.
//! - `pace`: how fast something goes, and when it will be there.
//!
//! Knows no toolkit, no terminal and no clock: whoever reads says what time it is.

mod entry;
mod filter;
mod fold;
mod group;
mod list;
mod pace;
mod row;
mod table;

pub use filter::Filter;
pub use fold::{Keep, Rows};
pub use group::Group;
pub use list::List;
#[cfg(all(test, feature = "ratatui"))]
pub(in crate::view) use list::READ;
pub use row::{JobRow, TaskRow};
