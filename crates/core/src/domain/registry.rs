//! What a domain consists of, gathered from its parts when it is opened.

use std::any::type_name;
use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Domain, Handle, Has, Intake, PartOf, Payload, Project, ProjectMany, React, ReactMany, RoutedIn,
};
use crate::message::Message;
use crate::schema::{Record, Schema};
use crate::unit::{Rows, Unit, Units};
use crate::{BoxFuture, Failure, naming};

/// What a subscription does with its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscriber {
    /// Handles commands.
    CommandHandler,
    /// Reacts to events.
    EventHandler,
    /// Keeps a projection up to date.
    Projector,
}

/// A handler's way of taking one type of message, with the type erased.
pub type Route<D> = Arc<
    dyn for<'a, 's> Fn(&'a D, &'a str, &'a mut Unit<'s>) -> BoxFuture<'a, Result<(), Failure>>
        + Send
        + Sync,
>;

/// A handler's way of taking several messages of one type together, with the type erased.
pub type RouteMany<D> = Arc<
    dyn for<'a, 's> Fn(
            &'a D,
            &'a [&'a str],
            &'a mut Units<'s>,
        ) -> BoxFuture<'a, Result<(), Failure>>
        + Send
        + Sync,
>;

/// One handler on one stream: a consumer group.
pub struct Subscription<D> {
    /// The handler's name: `BookCatalogProjector`.
    pub name: &'static str,
    /// The stream it reads: `bookshelf::book`.
    pub stream: Arc<str>,
    /// What it does.
    pub subscriber: Subscriber,
    routes: HashMap<String, Route<D>>,
    together: HashMap<String, RouteMany<D>>,
}

impl<D> Subscription<D> {
    /// How the handler takes messages of this type; `None` when it does not care for them.
    #[must_use]
    pub fn route(&self, type_name: &str) -> Option<&Route<D>> {
        self.routes.get(type_name)
    }

    /// How the handler takes several messages of this type together, if it does.
    #[must_use]
    pub fn route_many(&self, type_name: &str) -> Option<&RouteMany<D>> {
        self.together.get(type_name)
    }
}

/// The subscriptions, tables and commands of one domain.
pub struct Registry<D> {
    domain: &'static str,
    subscriptions: Vec<Subscription<D>>,
    tables: Vec<&'static Schema>,
    intakes: Vec<Intake>,
}

impl<D: Domain> Registry<D> {
    /// What `D` consists of.
    #[must_use]
    pub fn of() -> Self {
        let mut registry = Self {
            domain: D::NAME,
            subscriptions: Vec::new(),
            tables: Vec::new(),
            intakes: Vec::new(),
        };
        D::register(&mut registry);
        registry
    }
}

impl<D> Registry<D> {
    /// Every subscription, in the order of the domain's fields.
    #[must_use]
    pub fn subscriptions(&self) -> &[Subscription<D>] {
        &self.subscriptions
    }

    /// The schemas of every aggregate and projection.
    #[must_use]
    pub fn tables(&self) -> &[&'static Schema] {
        &self.tables
    }

    /// The commands that the domain handles, in the order of their handlers.
    #[must_use]
    pub fn commands(&self) -> &[Intake] {
        &self.intakes
    }

    /// The command with this name, `AddBook`, or this message type, `Bookshelf.AddBook.v1`; of
    /// several versions with one name the newest.
    #[must_use]
    pub fn command_named(&self, name: &str) -> Option<&Intake> {
        self.intakes
            .iter()
            .filter(|known| known.name() == name || known.type_name() == name)
            .max_by_key(|known| known.version)
    }

    /// How the one handler of a command takes it.
    pub(crate) fn route_of(&self, command: &Message) -> Option<&Route<D>> {
        let known = self.subscriptions.iter();
        known
            .filter(|known| *known.stream == *command.stream)
            .find_map(|known| known.route(&command.type_name))
    }

    fn table(&mut self, schema: &'static Schema) {
        if !self.tables.iter().any(|known| known.table == schema.table) {
            self.tables.push(schema);
        }
    }

    fn route<H>(&mut self, subscriber: Subscriber, stream: String, of: String, route: Route<D>) {
        let subscription = self.subscription::<H>(subscriber, stream);
        subscription.routes.insert(of, route);
    }

    fn route_many<H>(
        &mut self,
        subscriber: Subscriber,
        (stream, of): (String, String),
        route: RouteMany<D>,
    ) where
        D: Send + Sync + 'static,
    {
        let subscription = self.subscription::<H>(subscriber, stream);
        let one = alone(route.clone());
        subscription.routes.insert(of.clone(), one);
        subscription.together.insert(of, route);
    }

    fn subscription<H>(&mut self, subscriber: Subscriber, stream: String) -> &mut Subscription<D> {
        let name = short_name::<H>();
        let mut known = self.subscriptions.iter();
        let known = known.position(|known| known.name == name && *known.stream == stream);
        let nth = known.unwrap_or_else(|| {
            self.subscriptions.push(Subscription {
                name,
                stream: stream.into(),
                subscriber,
                routes: HashMap::new(),
                together: HashMap::new(),
            });
            self.subscriptions.len() - 1
        });
        &mut self.subscriptions[nth]
    }
}

impl<D: Send + Sync + 'static> Registry<D> {
    /// Registers the handler of a command.
    pub fn command<C: RoutedIn<D>>(&mut self) {
        let schema = <C::Aggregate as Record>::SCHEMA;
        self.table(schema);
        self.intakes.push(Intake::of::<C>(self.domain));
        let stream = naming::command_stream(self.domain, schema.table);
        let of = naming::message_type(self.domain, C::NAME, C::VERSION);
        let route: Route<D> = Arc::new(|domain, data, unit| {
            Box::pin(async move {
                let command = decode::<C>(data)?;
                C::handler(domain).handle(command, unit).await.map(drop)
            })
        });
        self.route::<C::Handler>(Subscriber::CommandHandler, stream, of, route);
    }

    /// Registers a handler's reaction to an event.
    pub fn reaction<H: React<E>, E: PartOf>(&mut self)
    where
        D: Has<H>,
    {
        let (stream, of) = self.event::<E>();
        let route: Route<D> = Arc::new(|domain, data, unit| {
            Box::pin(async move {
                let event = decode::<E>(data)?;
                <D as Has<H>>::part(domain).react(event, unit).await
            })
        });
        self.route::<H>(Subscriber::EventHandler, stream, of, route);
    }

    /// Registers what a projector does with an event.
    pub fn projection<H: Project<E>, E: PartOf>(&mut self)
    where
        D: Has<H>,
    {
        self.table(<H::Projection as Record>::SCHEMA);
        let (stream, of) = self.event::<E>();
        let route: Route<D> = Arc::new(|domain, data, unit| {
            Box::pin(async move {
                let event = decode::<E>(data)?;
                let mut rows = Rows::new(unit);
                <D as Has<H>>::part(domain).project(event, &mut rows).await
            })
        });
        self.route::<H>(Subscriber::Projector, stream, of, route);
    }

    /// Registers a handler's reaction to several events together.
    pub fn reaction_to_many<H: ReactMany<E>, E: PartOf>(&mut self)
    where
        D: Has<H>,
    {
        let place = self.event::<E>();
        let route: RouteMany<D> = Arc::new(|domain, data, units| {
            Box::pin(async move {
                let events = decode_all::<E>(data)?;
                let handler = <D as Has<H>>::part(domain);
                handler.react_many(events, units).await
            })
        });
        self.route_many::<H>(Subscriber::EventHandler, place, route);
    }

    /// Registers what a projector does with several events together.
    pub fn projection_of_many<H: ProjectMany<E>, E: PartOf>(&mut self)
    where
        D: Has<H>,
    {
        self.table(<H::Projection as Record>::SCHEMA);
        let place = self.event::<E>();
        let route: RouteMany<D> = Arc::new(|domain, data, units| {
            Box::pin(async move {
                let events = decode_all::<E>(data)?;
                let mut rows = Rows::new(units.of(0));
                let projector = <D as Has<H>>::part(domain);
                projector.project_many(events, &mut rows).await
            })
        });
        self.route_many::<H>(Subscriber::Projector, place, route);
    }

    fn event<E: PartOf>(&mut self) -> (String, String) {
        let schema = <E::Aggregate as Record>::SCHEMA;
        self.table(schema);
        let stream = naming::event_stream(self.domain, schema.table);
        (
            stream,
            naming::message_type(self.domain, E::NAME, E::VERSION),
        )
    }
}

/// The way of one message into a handler that takes several together.
fn alone<D: Send + Sync + 'static>(many: RouteMany<D>) -> Route<D> {
    Arc::new(move |domain, data, unit| {
        let many = many.clone();
        Box::pin(async move {
            let mut units = Units::take(unit);
            many(domain, &[data], &mut units).await?;
            *unit = units.into_unit();
            Ok(())
        })
    })
}

fn decode_all<P: Payload>(data: &[&str]) -> Result<Vec<P>, Failure> {
    data.iter().map(|one| decode(one)).collect()
}

fn decode<P: Payload>(data: &str) -> Result<P, Failure> {
    serde_json::from_str(data).map_err(|error| {
        crate::failure::Reason::Undecodable(format!("{}: {error}", P::NAME)).into()
    })
}

/// The last part of a type's path, without its generics: `BookCatalogProjector`.
fn short_name<T>() -> &'static str {
    let path = type_name::<T>();
    let path = path.split_once('<').map_or(path, |(path, _)| path);
    path.rsplit("::").next().unwrap_or(path)
}
