//! Where HTCondor's own reader is wrong.

/// A log that is read in another way than by HTCondor.
#[derive(Debug)]
pub(super) struct Deviation {
    pub(super) log: &'static str,
    /// Why theirs is wrong.
    #[expect(dead_code, reason = "it is for readers")]
    pub(super) why: &'static str,
    /// What we read: `type cluster.proc offset` of events, then what is wrong.
    pub(super) ours: &'static str,
}

pub(super) const DEVIATIONS: &[Deviation] = &[];
