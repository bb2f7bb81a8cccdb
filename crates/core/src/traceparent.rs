//! The W3C trace context of the request that is being answered.
//!
//! What is processed inside a [`scope`] carries it, and so does all that follows from it, whether
//! this process collects spans or not: each process on the way may, or may not.

use std::future::Future;
use std::sync::Arc;

use crate::message::envelope::is_trace_context;

tokio::task_local! {
    static SCOPE: Option<Arc<str>>;
}

/// Runs `work` so that every command processed in it belongs to the trace that this text names, the
/// value of the HTTP header `traceparent`. A text that is none is as good as nothing.
///
/// Scopes nest (the inner one wins), end with the future however it ends, and belong to one task: a
/// task spawned inside does not inherit the scope. A handler that runs is a scope of its own, that
/// of its message.
///
/// # Cancel safety
/// As cancel safe as `work`; dropping the future ends the scope.
pub async fn scope<F: Future>(traceparent: Option<&str>, work: F) -> F::Output {
    let usable = traceparent.map(str::trim).filter(|text| is_valid(text));
    inherit(usable.map(Arc::from), work).await
}

/// Runs a handler in the trace of its message, whatever that says: it is passed on as it is.
pub(crate) async fn inherit<F: Future>(traceparent: Option<Arc<str>>, work: F) -> F::Output {
    SCOPE.scope(traceparent, work).await
}

/// The trace context of the innermost [`scope`] around the current task, if there is one.
#[must_use]
pub fn scoped() -> Option<Arc<str>> {
    SCOPE.try_with(Clone::clone).ok().flatten()
}

/// Whether it is a trace context of version 00, of ids that are not all zeros.
fn is_valid(text: &str) -> bool {
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let mut ids = text.split('-').skip(1).take(2);
    is_trace_context(text) && !ids.any(is_zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn the_inner_scope_wins_and_ends() {
        let other = GIVEN.replace("-01", "-00");
        scope(Some(GIVEN), async {
            assert_eq!(scoped().as_deref(), Some(GIVEN));
            scope(Some(&other), async {
                assert_eq!(scoped().as_deref(), Some(&*other));
            })
            .await;
            assert_eq!(scoped().as_deref(), Some(GIVEN));
        })
        .await;
        assert_eq!(scoped(), None);
    }

    #[tokio::test]
    async fn what_is_no_trace_context_is_nothing() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            let found = scope(Some(text), async { scoped() }).await;
            assert_eq!(found, None, "{text}");
        }
    }
}
