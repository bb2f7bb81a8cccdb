//! Numbers and times as people type them.

use std::time::Duration;

/// The units of a time, in seconds.
const UNITS: [(&str, f64); 5] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];

/// What may follow a number; `m` are minutes.
const FACTORS: [(char, f64); 2] = [('k', 1e3), ('M', 1e6)];

/// A number that is not negative, perhaps in thousands or millions: `10k`.
pub(super) fn count(text: &str) -> Option<f64> {
    let factors = FACTORS.into_iter();
    let mut scaled =
        factors.filter_map(|(letter, factor)| Some((text.strip_suffix(letter)?, factor)));
    match scaled.next() {
        Some((number, factor)) => Some(plain(number)? * factor),
        None => plain(text),
    }
}

/// A time with its units, great ones first: `1h30m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut rest = text;
    let mut smaller_than = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|char: char| !char.is_ascii_alphabetic());
        let (unit, tail) = tail.split_at(letters.unwrap_or(tail.len()));
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        if factor >= smaller_than {
            return None;
        }
        smaller_than = factor;
        seconds = plain(number)?.mul_add(factor, seconds);
        rest = tail;
    }
    let typed = smaller_than.is_finite();
    typed
        .then(|| Duration::try_from_secs_f64(seconds).ok())
        .flatten()
}

/// Digits, with a point perhaps.
fn plain(text: &str) -> Option<f64> {
    let is_plain = text
        .chars()
        .all(|char| char.is_ascii_digit() || char == '.');
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_units_in_order() {
        let millis = |text| duration(text).map(|time| time.as_millis());
        assert_eq!(millis("90s"), Some(90_000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1.5m"), Some(90_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("2d"), Some(172_800_000));
        for senseless in [
            "", "10", "m", "1m1h", "1m1m", "1x", "-1s", "1..2s", "1s ", "9e99s", "é",
        ] {
            assert_eq!(millis(senseless), None, "{senseless}");
        }
        assert_eq!(duration(&format!("{}d", "9".repeat(400))), None);
    }

    #[test]
    fn counts_may_be_thousands() {
        assert_eq!(count("100"), Some(100.0));
        assert_eq!(count("10k"), Some(10_000.0));
        assert_eq!(count("1.5M"), Some(1_500_000.0));
        for senseless in ["", "k", "1m", "-1", "inf", "1e3", "1_000", "é"] {
            assert_eq!(count(senseless), None, "{senseless}");
        }
    }
}
