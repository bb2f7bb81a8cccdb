//! Threads that stand back, and what threads use of the processors.

use std::time::Duration;

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

/// How long the calling thread has used a processor so far, since it began.
#[must_use]
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stands_back_has_the_policy_for_it() {
        let policy = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let after_name = stat.rsplit_once(") ").unwrap().1;
            // Field 41 of proc_pid_stat(5), of which two are before and at the name.
            after_name.split(' ').nth(41 - 3).unwrap().to_owned()
        };
        let thread = std::thread::spawn(move || {
            let before = policy();
            stand_back();
            (before, policy())
        });
        let (other, idle) = ("0".to_owned(), "5".to_owned());
        assert_eq!(thread.join().unwrap(), (other, idle));
    }
}
