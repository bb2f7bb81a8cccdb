//! A small domain, and what the tests do with its files.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use protean::domain::{Intake, Registry};
use protean::prelude::*;
use protean_import::{Checked, Error, Mapping, Plan, Reading, Reject, Report, Source};

protean::id! {
    pub(crate) struct ItemId;
}

/// A thing in stock.
#[derive(Debug, Clone, Aggregate)]
pub(crate) struct Item {
    #[id]
    pub(crate) id: ItemId,
}

/// Takes a thing into stock: a field of every kind.
#[derive(Debug, Command)]
#[command(of = Item)]
pub(crate) struct StockItem {
    #[id]
    #[field(default = ItemId::from_uuid(Default::default()))]
    pub(crate) item_id: ItemId,
    #[field(max = 20)]
    pub(crate) title: String,
    #[field(min = 0)]
    pub(crate) unit_price: Decimal,
    #[field(max = 13)]
    pub(crate) isbn: Option<String>,
    pub(crate) pages: Option<u16>,
    pub(crate) weight: Option<f64>,
    #[field(default)]
    pub(crate) sold: bool,
    pub(crate) added_at: Option<Timestamp>,
}

pub(crate) struct ItemCommandHandler;

#[command_handler]
impl ItemCommandHandler {
    #[handle]
    async fn stock(&self, command: StockItem, unit: &mut Unit<'_>) -> Result<(), Failure> {
        let item = Root::new(Item {
            id: command.item_id,
        })?;
        unit.add(item).map(drop)
    }
}

#[derive(Domain)]
#[domain(name = "stock")]
pub(crate) struct Stock {
    pub(crate) items: ItemCommandHandler,
}

/// The command `StockItem`, by name.
pub(crate) fn intake() -> &'static Intake {
    static REGISTRY: OnceLock<Registry<Stock>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(Registry::of);
    registry.command_named("StockItem").unwrap()
}

/// Two workers, so that the order of chunks is put to the test.
pub(crate) fn workers() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

pub(crate) fn open(file: &str, bytes: impl Into<Vec<u8>>) -> Result<Source, Error> {
    open_as(file, bytes, &Reading::default())
}

pub(crate) fn open_as(
    file: &str,
    bytes: impl Into<Vec<u8>>,
    reading: &Reading,
) -> Result<Source, Error> {
    Source::from_reader(file, std::io::Cursor::new(bytes.into()), reading)
}

/// Everything in a file, checked.
pub(crate) fn check(mut source: Source, plan: &Plan) -> Result<Vec<Checked>, Error> {
    let mapping = Mapping::of(intake().schema, &source, plan)?;
    let mut all = Vec::new();
    protean_import::check_in_order(&mut source, &mapping, intake(), workers(), |chunk| {
        all.extend(chunk);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// The commands in a file, without those fields that nobody filled; or why a row is none.
pub(crate) fn outcomes(source: Source) -> Vec<String> {
    let checked = check(source, &Plan::default()).unwrap();
    checked.into_iter().map(outcome).collect()
}

pub(crate) fn outcome(checked: Checked) -> String {
    match checked {
        Ok((row, prepared)) => {
            let data: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(prepared.data()).unwrap();
            let filled = data.into_iter().filter(|(key, value)| {
                !value.is_null() && key != "item_id" && *value != serde_json::Value::Bool(false)
            });
            let fields = filled.map(|(key, value)| format!("{key}={value}"));
            format!("{}: {}", row.line, fields.collect::<Vec<_>>().join(" "))
        }
        Err(reject) => refusal(&reject),
    }
}

pub(crate) fn refusal(reject: &Reject) -> String {
    format!("{}: REJECT {}", reject.line, reject.reason())
}

pub(crate) fn report(mut source: Source) -> Report {
    let mapping = Mapping::of(intake().schema, &source, &Plan::default()).unwrap();
    protean_import::dry_run(&mut source, &mapping, intake(), workers()).unwrap()
}
