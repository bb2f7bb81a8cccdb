//! A publisher's catalog that never was: the same rows every time, and none of them easy.

use std::io;

/// What a title begins with.
const OPENINGS: [&str; 12] = [
    "The Silent",
    "A Brief History of",
    "Notes on",
    "The Last",
    "Beyond the",
    "Letters from",
    "La sombra de",
    "Война и",
    "星の",
    "كتاب",
    "Übers",
    "The \"Unquoted\"",
];

/// What a title ends with.
const SUBJECTS: [&str; 14] = [
    "Harbour",
    "Orchard",
    "Winter, and Other Stories",
    "Mountains",
    "Clockmaker",
    "Gardens",
    "viento",
    "мир",
    "物語",
    "الليل",
    "Meer",
    "River\nA Novel in Two Parts",
    "Archive",
    "Lighthouse",
];

/// Who wrote them.
const AUTHORS: [&str; 11] = [
    "Ada Marsh",
    "Lindqvist, Åsa",
    "Иван Петров",
    "村上 花子",
    "O'Hara, Finn",
    "José Ibarra",
    "ليلى حداد",
    "Grete Baum",
    "Chidi Okafor",
    "Mary \"Mae\" West",
    "Tomás Ó Broin",
];

/// One row in so many has no isbn.
const WITHOUT_ISBN: u64 = 7;

/// Writes a catalog of so many books as CSV: titles with commas, quotes, line breaks and letters
/// from all over the world. No two rows are the same.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_catalog(rows: u64, out: impl io::Write) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["title", "author", "isbn", "price", "format"])?;
    for row in 0..rows {
        csv.write_record(book(row))?;
    }
    csv.flush()?;
    Ok(())
}

fn book(row: u64) -> [String; 5] {
    let seed = mix(row);
    let title = format!(
        "{} {}, Volume {}",
        pick(&OPENINGS, seed),
        pick(&SUBJECTS, seed >> 8),
        row + 1
    );
    let isbn = match row % WITHOUT_ISBN {
        0 => String::new(),
        _ => format!("978{row:010}"),
    };
    let (whole, cents) = (3 + (seed >> 24) % 60, (seed >> 32) % 100);
    [
        title,
        pick(&AUTHORS, seed >> 16).to_owned(),
        isbn,
        format!("{whole}.{cents:02}"),
        "paperback".to_owned(),
    ]
}

fn pick<'a>(among: &[&'a str], seed: u64) -> &'a str {
    let nth = usize::try_from(seed % among.len() as u64).unwrap_or_default();
    among[nth]
}

/// Spreads a counter over all bits (the finalizer of `SplitMix64`).
const fn mix(counter: u64) -> u64 {
    let mut bits = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_catalog_is_the_same_every_time_and_no_row_twice() {
        let catalog = |rows| {
            let mut bytes = Vec::new();
            write_catalog(rows, &mut bytes).unwrap();
            bytes
        };
        assert_eq!(catalog(500), catalog(500));
        let bytes = catalog(2_000);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: HashSet<_> = reader
            .records()
            .map(|row| row.unwrap())
            .map(|row| row[0].to_owned())
            .collect();
        assert_eq!(rows.len(), 2_000);
        let any = |letter| rows.iter().any(|title: &String| title.contains(letter));
        assert!([',', '"', '\n', 'й', '星'].into_iter().all(any));
    }
}
