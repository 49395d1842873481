//! What text events say after their header. Knows no file, and no ad.

mod body;
mod ending;
mod lines;
mod more;

pub(in crate::condor) use body::body;
pub(in crate::condor) use more::{has_head, more};
