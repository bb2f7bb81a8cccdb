//! Numbers as people read them.

use std::time::Duration;

/// A whole number with a comma after each three digits: `32,451`.
///
/// ```
/// assert_eq!(protean_cli::grouped(50_000), "50,000");
/// assert_eq!(protean_cli::grouped(999), "999");
/// ```
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time span in its two greatest units: `3s`, `2m 09s`, `1h 05m`, `3d 02h`.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(protean_cli::span(Duration::from_secs(134)), "2m 14s");
/// assert_eq!(protean_cli::span(Duration::from_millis(400)), "0s");
/// ```
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        let text = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(text(59), "59s");
        assert_eq!(text(129), "2m 09s");
        assert_eq!(text(3_900), "1h 05m");
        assert_eq!(text(266_400), "3d 02h");
    }

    #[test]
    fn commas_stand_between_groups_of_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(32_451), "32,451");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
