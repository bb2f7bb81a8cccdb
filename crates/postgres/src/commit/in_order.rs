//! Statements that are sent together, in order.

use std::future::poll_fn;
use std::task::Poll;

use protean_core::BoxFuture;

/// Polls futures in their order, so that the statements behind them are sent in it, without waiting
/// for one another's answers; the trailer after all of them, and without waiting for its own.
pub(super) async fn in_order<T>(
    futures: Vec<BoxFuture<'_, T>>,
    trailer: Option<BoxFuture<'_, impl Sized>>,
) -> Vec<T> {
    let mut trailer = trailer;
    let mut futures: Vec<Option<BoxFuture<'_, T>>> = futures.into_iter().map(Some).collect();
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (slot, result) in futures.iter_mut().zip(&mut results) {
            let Some(future) = slot else { continue };
            match future.as_mut().poll(context) {
                Poll::Ready(value) => {
                    *result = Some(value);
                    *slot = None;
                }
                Poll::Pending => waiting = true,
            }
        }
        if let Some(mut trailer) = trailer.take() {
            // That sends it; dropped, its answer is passed over.
            let _ = trailer.as_mut().poll(context);
        }
        if waiting {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
