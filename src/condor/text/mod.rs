//! What text events say after their header. Knows no file, and no ad.

mod body;
mod ending;
mod lines;
mod more;

pub(super) use body::body;
pub(super) use more::{has_head, more};
