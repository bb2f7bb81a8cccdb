//! `[retention]`: how long what is done with is kept.

use std::str::FromStr;
use std::time::Duration;

use super::table::Table;
use crate::port::retention::Kind;

const DAY: Duration = Duration::from_secs(86_400);

/// How an age is written.
const WANTED: &str = "an age such as \"90d\" (in s, m, h, d or w, at most 36500 days), or \"off\" \
     to keep it for ever";

/// The greatest age, a century: with more, moments would not be dates any more.
const AGE_MAX: Duration = Duration::from_secs(86_400 * 36_500);

/// How old something has to be before it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It is kept for ever.
    Never,
    /// This old.
    After(Duration),
}

/// A text that is no age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAge;

impl FromStr for Age {
    type Err = NoAge;

    fn from_str(text: &str) -> Result<Self, NoAge> {
        if matches!(text, "off" | "0") {
            return Ok(Self::Never);
        }
        let (at, unit) = text.char_indices().last().ok_or(NoAge)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(NoAge),
        };
        let count: u32 = text[..at].parse().map_err(|_| NoAge)?;
        match Duration::from_secs(seconds * u64::from(count)) {
            Duration::ZERO => Ok(Self::Never),
            age if age > AGE_MAX => Err(NoAge),
            age => Ok(Self::After(age)),
        }
    }
}

/// How long what is done with is kept. Events are kept for ever: they are the facts of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `commands`: those that everybody has handled.
    pub commands: Age,
    /// `markers`: idempotency keys. A command that is sent again with its key after that is a new
    /// one.
    pub markers: Age,
    /// `traces`: what was done with messages.
    pub traces: Age,
    /// `imports`: records of imports that have ended.
    pub imports: Age,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            commands: Age::After(90 * DAY),
            markers: Age::After(90 * DAY),
            traces: Age::After(30 * DAY),
            imports: Age::After(365 * DAY),
        }
    }
}

impl Retention {
    /// How old something of a kind has to be before it goes.
    #[must_use]
    pub const fn age(&self, kind: Kind) -> Age {
        match kind {
            Kind::Commands => self.commands,
            Kind::Markers => self.markers,
            Kind::Traces => self.traces,
            Kind::Imports => self.imports,
            // Nobody looks at one that is older than some seconds.
            Kind::Gauges => Age::After(DAY),
        }
    }

    pub(super) fn read(&mut self, mut table: Table<'_>) {
        for (key, slot) in [
            ("commands", &mut self.commands),
            ("markers", &mut self.markers),
            ("traces", &mut self.traces),
            ("imports", &mut self.imports),
        ] {
            table.parsed(key, WANTED, slot);
        }
        table.finish();
    }
}
