//! What is known about the messages of a lane that have not been fetched yet.

/// Whether a lane may hold messages that have not been fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supply {
    /// Nobody has looked yet, or something was published since.
    Unknown,
    /// Somebody is looking.
    Fetching,
    /// Somebody is looking, and something was published meanwhile.
    FetchingAgain,
    /// There is more than the last look took.
    More,
    /// There was nothing left at the last look.
    Dry,
}

impl Supply {
    /// Something may have been published.
    pub(super) const fn published(&mut self) {
        *self = match self {
            Self::Fetching | Self::FetchingAgain => Self::FetchingAgain,
            Self::More => Self::More,
            Self::Unknown | Self::Dry => Self::Unknown,
        };
    }

    /// Somebody has looked.
    pub(super) const fn fetched(&mut self, more: bool) {
        *self = match (&self, more) {
            (_, true) => Self::More,
            (Self::FetchingAgain, false) => Self::Unknown,
            (_, false) => Self::Dry,
        };
    }

    /// Whether somebody should look; if so, somebody does from now on.
    pub(super) const fn take(&mut self) -> bool {
        let wanted = matches!(self, Self::Unknown | Self::More);
        if wanted {
            *self = Self::Fetching;
        }
        wanted
    }

    /// Whether somebody is looking.
    pub(super) const fn is_being_read(self) -> bool {
        matches!(self, Self::Fetching | Self::FetchingAgain)
    }

    /// Whether there may be messages that nobody has fetched.
    pub(super) const fn may_hold_news(self) -> bool {
        !matches!(self, Self::Dry)
    }
}
