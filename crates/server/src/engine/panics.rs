//! Handlers that panic.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use protean_core::Failure;

/// Runs a handler; a panic is a failure like any other, and costs only its message.
///
/// What the handler staged is thrown away with it, so no broken state is ever seen.
pub(super) async fn contain<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let poll = AssertUnwindSafe(|| work.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|panic| {
            let text = format!("[PE0302] the handler panicked: {}", message(&*panic));
            std::task::Poll::Ready(Err(Failure::transient(text)))
        })
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let failure = contain(async { Err::<(), _>(panic_with("index 7")) })
            .await
            .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "[PE0302] the handler panicked: index 7"
        );
    }

    fn panic_with(text: &str) -> Failure {
        std::panic::panic_any(text.to_owned())
    }

    #[tokio::test]
    async fn a_value_passes() {
        assert_eq!(contain(async { Ok(7) }).await.unwrap(), 7);
    }
}
