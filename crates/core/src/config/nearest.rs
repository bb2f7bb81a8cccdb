//! Which known word a wrong one was meant to be.

/// More wrong letters than this are another word.
const DISTANCE_MAX: usize = 3;

/// The known word that is nearest to `word`, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known
        .into_iter()
        .map(|known| (distance(word, known), known));
    let (distance, known) = distances.min()?;
    // A word of which nothing is left was not meant.
    let is_near = distance <= DISTANCE_MAX && 2 * distance <= known.chars().count().max(2);
    is_near.then_some(known)
}

/// How many letters have to be put in, taken out or changed, or exchanged with their neighbour
/// (Damerau and Levenshtein, in the restricted form).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let changed = row[j] + usize::from(a != b);
            let mut best = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(above[j - 1] + 1);
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("lane", "lanes"), 1);
        assert_eq!(distance("sevrer", "server"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("größe", "grösse"), 2);
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["priority_lanes", "workers", "ttl"];
        assert_eq!(nearest("priority_lane", known), Some("priority_lanes"));
        assert_eq!(nearest("worker", known), Some("workers"));
        assert_eq!(nearest("caches", known), None);
        assert_eq!(nearest("xyz", known), None);
    }
}
