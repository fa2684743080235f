//! How does the media thread come before ordinary work?

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Below the sound callback, which JACK runs at 5 and more, and above everything else.
const REALTIME: u8 = 3;

/// Gives the calling thread a low realtime priority if the system lets us (LimitRTPRIO); true if
/// so. Without it calls still work, with more delay under load.
pub(super) fn raise() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    ThreadPriorityValue::try_from(REALTIME)
        .ok()
        .and_then(|value| {
            let priority = ThreadPriority::Crossplatform(value);
            set_thread_priority_and_policy(thread_native_id(), priority, policy).ok()
        })
        .is_some()
}
