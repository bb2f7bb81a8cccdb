//! A domain that is written by a macro of the application.

use protean::prelude::*;

fn no_spaces(text: &str) -> Result<(), String> {
    if text.contains(' ') {
        Err("must not contain spaces".to_owned())
    } else {
        Ok(())
    }
}

macro_rules! shop {
    ($aggregate:ident, $id:ident, $event:ident, $row:ident, $handler:ident, $projector:ident) => {
        protean::id! {
            struct $id;
        }

        #[derive(Clone, Aggregate)]
        #[aggregate(events($event), invariants = Self::always)]
        struct $aggregate {
            #[id]
            id: $id,
            #[field(max = 5, with = no_spaces, default = "none")]
            title: String,
        }

        impl $aggregate {
            fn always(&self) -> Result<(), Invalid> {
                Ok(())
            }
        }

        #[derive(Clone, Event)]
        struct $event {
            id: $id,
            #[field(with = no_spaces)]
            title: Option<String>,
            #[field(default)]
            pages: i64,
        }

        #[derive(Command)]
        #[command(of = $aggregate, reply = $id)]
        struct Add {
            #[field(min = 1)]
            title: String,
        }

        #[derive(Clone, Projection)]
        struct $row {
            #[id]
            id: $id,
        }

        struct $handler;

        #[command_handler]
        impl $handler {
            #[handle]
            async fn add(&self, command: Add, unit: &mut Unit<'_>) -> Result<$id, Failure> {
                let id = $id::new();
                let mut root = Root::new($aggregate {
                    id,
                    title: command.title,
                })?;
                root.raise($event {
                    id,
                    title: None,
                    pages: 1,
                });
                unit.add(root)
            }
        }

        struct $projector;

        #[projector(into = $row)]
        impl $projector {
            #[on]
            async fn added(&self, event: $event, rows: &mut Rows<'_, $row>) -> Result<(), Failure> {
                rows.put($row { id: event.id }).await
            }
        }

        #[derive(Domain)]
        #[domain(name = "shop")]
        struct Shop {
            handler: $handler,
            projector: $projector,
        }
    };
}

shop!(Book, BookId, BookAdded, BookRow, BookHandler, BookProjector);

#[test]
fn a_domain_may_be_written_by_a_macro() {
    let shop = Shop {
        handler: BookHandler,
        projector: BookProjector,
    };
    assert_eq!(std::mem::size_of_val(&shop), 0);
}
