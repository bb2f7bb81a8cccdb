//! Threads that stand back, and what threads use of the processors.

use std::time::Duration;

/// How many times its share a thread may have at most. Production has several threads that want a
/// processor, and a message of backfill is worked on by several threads in turn, each of which
/// waits for one.
const SHARE_HEADROOM: f64 = 8.0;

/// What a thread is worth to the scheduler of Linux grows by this with each step that it is less
/// nice (sched(7)).
const WORTH_PER_STEP: f64 = 1.25;

/// Makes the calling thread stand back: it runs when no other thread of the machine wants its
/// processor, and makes room at once for one that does. For work that nobody waits for, such as
/// backfill handlers and importers: `tokio::runtime::Builder::on_thread_start(stand_back)`.
///
/// A thread that was merely nicer would go on until its slice of time is over, some milliseconds,
/// while an order waits. So it must not hold for long what others wait for: the threads that write
/// to a store do not stand back.
///
/// Elsewhere than on Linux, and where the operating system refuses it, the thread stays as it is.
pub fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let thread = thread_native_id();
        let lowest = thread_priority::ThreadPriority::Min;
        if let Err(error) = set_thread_priority_and_policy(thread, lowest, idle) {
            tracing::debug!(?error, "a thread does not stand back");
        }
    }
}

/// The same, for work that is owed `min_share` of what is done while production wants all
/// processors (L6): the idle class would not give it that, so the thread is merely nicer than
/// others, as much as leaves it its share. With nothing owed it is [`stand_back`].
pub fn stand_back_but_for(min_share: f64) {
    let Some(steps) = niceness(min_share) else {
        return stand_back();
    };
    // On Linux a thread has a niceness of its own; elsewhere it would be that of the process.
    #[cfg(target_os = "linux")]
    {
        let thread = rustix::thread::gettid();
        if let Err(error) = rustix::process::setpriority_process(Some(thread), steps) {
            tracing::debug!(%error, steps, "a thread does not stand back");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = steps;
}

/// The steps of niceness at which a thread is worth its share of others; `None` when it has none.
fn niceness(min_share: f64) -> Option<i32> {
    if min_share <= 0.0 {
        return None;
    }
    let worth = SHARE_HEADROOM * min_share / (1.0 - min_share).max(f64::EPSILON);
    let steps = -worth.ln() / WORTH_PER_STEP.ln();
    #[allow(clippy::cast_possible_truncation, reason = "from 0 to 19")]
    Some(steps.clamp(0.0, 19.0) as i32)
}

/// How long the calling thread has used a processor so far, since it began.
#[must_use]
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// A field of proc_pid_stat(5) for the calling thread.
    fn stat(field: usize) -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        // Two fields are before and at the name.
        after_name.split(' ').nth(field - 3).unwrap().to_owned()
    }

    fn class_and_niceness() -> (String, String) {
        (stat(41), stat(19))
    }

    #[test]
    fn a_thread_that_stands_back_has_the_policy_for_it() {
        let thread = std::thread::spawn(|| {
            let before = class_and_niceness();
            stand_back_but_for(0.0);
            (before, class_and_niceness())
        });
        let pair = |class: &str, nice: &str| (class.to_owned(), nice.to_owned());
        let expected = (pair("0", "0"), pair("5", "0"));
        assert_eq!(thread.join().unwrap(), expected);
    }

    #[test]
    fn a_thread_that_is_owed_a_share_is_nice_by_what_it_is_owed() {
        let of = |share| {
            let thread = std::thread::spawn(move || {
                stand_back_but_for(share);
                class_and_niceness()
            });
            let (class, nice) = thread.join().unwrap();
            assert_eq!(class, "0");
            nice
        };
        assert_eq!([0.001, 0.01, 0.05, 0.3].map(of), ["19", "11", "3", "0"]);
    }
}
