//! What goes on while requests come in.

use bookshelf::demo::tier::Lanes;
use clap::ValueEnum;

use crate::burden::Burden;

/// What goes on while requests come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Nothing else
    Idle,
    /// An import
    Import,
    /// The same by `bookshelf import`, which is measured only when asked for
    File,
    /// An import with one more handler of every book, which waits for 50 ms
    Slow,
    /// An import with one more handler of every book, which uses 20 ms of a processor
    Burn,
    /// An import on the lane that everything travels on
    Off,
}

impl Phase {
    /// What is measured unless something is asked for.
    pub(crate) const ALL: [Self; 5] = [Self::Idle, Self::Import, Self::Slow, Self::Burn, Self::Off];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Import => "import",
            Self::File => "file",
            Self::Slow => "slow",
            Self::Burn => "burn",
            Self::Off => "off",
        }
    }

    pub(crate) const fn imports(self) -> bool {
        !matches!(self, Self::Idle)
    }

    /// Whether requests are to be as fast as in an idle shop, or nearly.
    pub(crate) const fn is_bound(self) -> bool {
        matches!(self, Self::Import | Self::File | Self::Slow | Self::Burn)
    }

    /// Whether it says anything without requests: how fast an import is, with lanes and without.
    pub(crate) const fn needs_requests(self) -> bool {
        !matches!(self, Self::Import | Self::File | Self::Off)
    }

    /// The program and the arguments that import a catalog, which come before its name.
    pub(crate) const fn importer(self) -> (&'static str, &'static [&'static str]) {
        const COMMAND: [&str; 5] = [
            "import",
            "--command",
            "AddBook",
            "--map",
            "price_amount=price",
        ];
        match self {
            Self::File => ("bookshelf", &COMMAND),
            _ => ("import_vintage_press", &[]),
        }
    }

    pub(crate) const fn lanes(self) -> Lanes {
        match self {
            Self::Off => Lanes::One,
            _ => Lanes::Two,
        }
    }

    pub(crate) const fn burden(self) -> Option<Burden> {
        match self {
            Self::Slow => Some(Burden::Slow),
            Self::Burn => Some(Burden::Burn),
            _ => None,
        }
    }
}
