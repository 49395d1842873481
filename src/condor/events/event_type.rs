//! [`EventType`]: the numbers of HTCondor's events, with their names. Knows nothing of what is in them.

use std::fmt;

/// What kind of event it is, by HTCondor's number. All numbers can be, as newer versions have new ones.
///
/// ```
/// use milepost::condor::EventType;
///
/// assert_eq!(EventType::JOB_TERMINATED.number(), 5);
/// assert_eq!(EventType::new(5).name(), "JOB_TERMINATED");
/// assert_eq!(EventType::new(4711).name(), "UNKNOWN");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(u32);

impl EventType {
    /// The type with that number.
    pub const fn new(number: u32) -> EventType {
        EventType(number)
    }

    /// Its number: what `EventTypeNumber` is in HTCondor's ads, and a text event begins with.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether it is of an execution point's log: it is then of no job, and its ids are those of a slot, which are `SlotId` and
    /// `DSlotId` among its attributes.
    pub const fn is_slot(self) -> bool {
        self.0 >= 100
    }

    fn known(self) -> Option<(&'static str, &'static str)> {
        let found = KNOWN.binary_search_by_key(&self.0, |(number, ..)| *number).ok()?;
        KNOWN.get(found).map(|(_, name, class)| (*name, *class))
    }

    /// Its name, as `JOB_TERMINATED`; `UNKNOWN` if it has none here.
    pub fn name(self) -> &'static str {
        self.known().map_or("UNKNOWN", |(name, _)| name)
    }

    /// What `MyType` is in HTCondor's ads of such events, as `JobTerminatedEvent`.
    pub fn class(self) -> &'static str {
        match self.known() {
            Some((_, class)) => class,
            None if self.0 == 112 => "EPFutureEvent",
            None => "FutureEvent",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

macro_rules! known {
    ($(($number:literal, $name:ident, $class:literal),)*) => {
        /// In the order of their numbers, which are HTCondor's, as are the names.
        const KNOWN: &[(u32, &str, &str)] = &[$(($number, stringify!($name), $class),)*];

        impl EventType {
            $(
                #[doc = concat!("Number ", $number, ".")]
                pub const $name: EventType = EventType($number);
            )*
        }
    };
}

known! {
    (0, SUBMIT, "SubmitEvent"),
    (1, EXECUTE, "ExecuteEvent"),
    (2, EXECUTABLE_ERROR, "ExecutableErrorEvent"),
    (3, CHECKPOINTED, "CheckpointedEvent"),
    (4, JOB_EVICTED, "JobEvictedEvent"),
    (5, JOB_TERMINATED, "JobTerminatedEvent"),
    (6, IMAGE_SIZE, "JobImageSizeEvent"),
    (7, SHADOW_EXCEPTION, "ShadowExceptionEvent"),
    (8, GENERIC, "GenericEvent"),
    (9, JOB_ABORTED, "JobAbortedEvent"),
    (10, JOB_SUSPENDED, "JobSuspendedEvent"),
    (11, JOB_UNSUSPENDED, "JobUnsuspendedEvent"),
    (12, JOB_HELD, "JobHeldEvent"),
    (13, JOB_RELEASED, "JobReleaseEvent"),
    (14, NODE_EXECUTE, "NodeExecuteEvent"),
    (15, NODE_TERMINATED, "NodeTerminatedEvent"),
    (16, POST_SCRIPT_TERMINATED, "PostScriptTerminatedEvent"),
    (17, GLOBUS_SUBMIT, "FutureEvent"),
    (18, GLOBUS_SUBMIT_FAILED, "FutureEvent"),
    (19, GLOBUS_RESOURCE_UP, "FutureEvent"),
    (20, GLOBUS_RESOURCE_DOWN, "FutureEvent"),
    (21, REMOTE_ERROR, "RemoteErrorEvent"),
    (22, JOB_DISCONNECTED, "JobDisconnectedEvent"),
    (23, JOB_RECONNECTED, "JobReconnectedEvent"),
    (24, JOB_RECONNECT_FAILED, "JobReconnectFailedEvent"),
    (25, GRID_RESOURCE_UP, "GridResourceUpEvent"),
    (26, GRID_RESOURCE_DOWN, "GridResourceDownEvent"),
    (27, GRID_SUBMIT, "GridSubmitEvent"),
    (28, JOB_AD_INFORMATION, "JobAdInformationEvent"),
    (29, JOB_STATUS_UNKNOWN, "FutureEvent"),
    (30, JOB_STATUS_KNOWN, "FutureEvent"),
    (31, JOB_STAGE_IN, "FutureEvent"),
    (32, JOB_STAGE_OUT, "FutureEvent"),
    (33, ATTRIBUTE_UPDATE, "AttributeUpdateEvent"),
    (34, PRESKIP, "FutureEvent"),
    (35, CLUSTER_SUBMIT, "ClusterSubmitEvent"),
    (36, CLUSTER_REMOVE, "ClusterRemoveEvent"),
    (37, FACTORY_PAUSED, "FactoryPausedEvent"),
    (38, FACTORY_RESUMED, "FactoryResumedEvent"),
    (39, NONE, "FutureEvent"),
    (40, FILE_TRANSFER, "FileTransferEvent"),
    (41, RESERVE_SPACE, "ReserveSpaceEvent"),
    (42, RELEASE_SPACE, "ReleaseSpaceEvent"),
    (43, FILE_COMPLETE, "FileCompleteEvent"),
    (44, FILE_USED, "FileUsedEvent"),
    (45, FILE_REMOVED, "FileRemovedEvent"),
    (46, DATAFLOW_JOB_SKIPPED, "DataflowJobSkippedEvent"),
    (47, COMMON_FILES, "CommonFilesEvent"),
    (100, EP_STARTUP, "EPStartupEvent"),
    (101, EP_READY, "EPReadyEvent"),
    (102, EP_RECONFIG, "EPReconfigEvent"),
    (103, EP_SHUTDOWN, "EPShutdownEvent"),
    (104, EP_REQUEST_CLAIM, "RequestClaimEvent"),
    (105, EP_RELEASE_CLAIM, "ReleaseClaimEvent"),
    (106, EP_ACTIVATE_CLAIM, "ActivateClaimEvent"),
    (107, EP_DEACTIVATE_CLAIM, "DeactivateClaimEvent"),
    (108, EP_VACATE_CLAIM, "VacateClaimEvent"),
    (109, EP_DRAIN, "DrainEvent"),
    (110, EP_RESOURCE_BREAK, "ResourceBreakEvent"),
    (111, EP_RESOURCE_MEND, "ResourceMendEvent"),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_so_that_they_are_found() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
        for (number, name, class) in KNOWN {
            assert_eq!(
                (EventType::new(*number).name(), EventType::new(*number).class()),
                (*name, *class)
            );
        }
        assert_eq!(EventType::new(48).class(), "FutureEvent");
        assert_eq!(EventType::new(112).class(), "EPFutureEvent");
    }
}
