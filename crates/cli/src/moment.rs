//! Moments, as they are typed.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A text that is no moment.
#[derive(Debug, thiserror::Error)]
#[error(
    "[PE0901] expected a moment such as 2026-03-01, 2026-03-01T08:30:00Z or 90m (ago, in s, m, h, d \
     or w), found `{found}`"
)]
pub(crate) struct Unreadable {
    found: String,
}

/// A moment: a timestamp, a date and time in UTC, or how long ago it was.
pub(crate) fn parse(text: &str) -> Result<Timestamp, Unreadable> {
    let unreadable = || Unreadable {
        found: text.to_owned(),
    };
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return TimeZone::UTC.to_timestamp(civil).map_err(|_| unreadable());
    }
    let ago = ago(text).ok_or_else(unreadable)?;
    Timestamp::now().checked_sub(ago).map_err(|_| unreadable())
}

fn ago(text: &str) -> Option<SignedDuration> {
    let (at, unit) = text.char_indices().last()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count: u32 = text[..at].parse().ok()?;
    let seconds = seconds.checked_mul(count.into())?;
    Some(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        let text = |text| parse(text).map(|moment| moment.to_string());
        assert_eq!(text("2026-03-01").unwrap(), "2026-03-01T00:00:00Z");
        assert_eq!(text("2026-03-01T08:30").unwrap(), "2026-03-01T08:30:00Z");
        assert_eq!(
            text("2026-03-01T08:30:00+02:00").unwrap(),
            "2026-03-01T06:30:00Z"
        );
        let before = Timestamp::now();
        let age = before.duration_since(parse("90m").unwrap());
        assert!((89..=90).contains(&age.as_mins()), "{age:?}");
        for wrong in ["", "m", "-5m", "5y", "yesterday", "4000000000w", "日"] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.starts_with("[PE0901] expected a moment"), "{error}");
        }
    }
}
