//! One try at one message.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use protean_core::Failure;
use protean_core::domain::{Domain, Subscriber};
use protean_core::failure::Reason;
use protean_core::message::{Message, UNDECODABLE, while_handling};
use protean_core::port::broker::{Delivery, Settlement, Verdict};
use protean_core::port::store::Commit;
use protean_core::port::trace::Handling;
use protean_core::unit::{Session, Unit};

use super::context::Context;
use super::panics;
use super::span::RunSpan;

/// Runs the handler for a delivery; what it staged commits with the message's settlement (L9).
pub(super) async fn attempt<D: Domain>(
    context: &Context<D>,
    subscription: usize,
    (session, began): (&Session, Timestamp),
    (delivery, span): (&Delivery, &RunSpan),
) -> Result<Commit, Failure> {
    let handling = handling(delivery, began);
    let settlement = settlement(context, subscription, delivery, (Verdict::Done, handling));
    let message: &Arc<Message> = &delivery.message;
    if *message.type_name == *UNDECODABLE {
        let text = format!("the entry cannot be read: {}", message.data);
        return Err(Reason::Undecodable(text).into());
    }
    let registered = context.registered(subscription);
    let Some(route) = registered.route(&message.type_name) else {
        return match registered.subscriber {
            Subscriber::CommandHandler => Err(unknown(registered.name, message)),
            Subscriber::EventHandler | Subscriber::Projector => Ok(Commit {
                settlements: vec![settlement],
                ..Commit::default()
            }),
        };
    };
    let cause = span.cause(&delivery.message);
    let mut unit = Unit::new(session, cause.clone());
    let handling = route(context.app.domain(), &message.data, &mut unit);
    panics::contain(while_handling(cause, handling)).await?;
    panics::contain(context.app.cascade(&mut unit)).await?;
    Ok(context.app.commit_of(unit, vec![settlement]))
}

/// How a delivery is handled, in a run that began then; how long it takes is known at its end.
pub(super) const fn handling(delivery: &Delivery, began: Timestamp) -> Handling {
    Handling {
        started: began,
        took: Duration::ZERO,
        attempt: delivery.failures.saturating_add(1),
        dropped: None,
    }
}

/// The settlement of a delivery with this verdict.
pub(super) fn settlement<D>(
    context: &Context<D>,
    subscription: usize,
    delivery: &Delivery,
    (verdict, handling): (Verdict, Handling),
) -> Settlement {
    Settlement {
        subscription: context.subscriptions[subscription].clone(),
        lane: delivery.lane,
        place: delivery.place,
        position: delivery.position,
        verdict,
        handling: Some(handling),
    }
}

/// An event nobody cares for is passed over; a command that nobody takes is a mistake that somebody
/// has to see.
fn unknown(handler: &str, message: &Message) -> Failure {
    let text = format!("{handler} has no method for {}", message.type_name);
    Reason::Undecodable(text).into()
}
