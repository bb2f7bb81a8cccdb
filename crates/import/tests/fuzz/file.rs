//! Files at random: what they look like, and what happens to them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use protean_import::{Assignment, Extra, Format, Plan, Reading};

/// A file, and what is said about it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reading: Reading,
    pub(crate) plan: Plan,
    /// Where reading begins a second time.
    pub(crate) from: Index,
}

const NAMES: [&str; 18] = [
    "title",
    "unit_price",
    "isbn",
    "pages",
    "weight",
    "sold",
    "added_at",
    "item_id",
    "Title",
    "unit price",
    "isnb",
    "",
    "price",
    "_line",
    "_field",
    "_reason",
    "a,b",
    "é\u{301}",
];

const VALUES: [&str; 34] = [
    "",
    "Dune",
    "9.99",
    "0",
    "-1",
    "1e3",
    "NaN",
    "true",
    "f",
    "300.0",
    "2026-01-31",
    "2026-01-31 12:00:00+02",
    "0190b6a4-7d3c-7c1e-8d2f-3a5b6c7d8e9f",
    "=1+1",
    "\\N",
    "\\.",
    "\\",
    "a,b",
    "a;b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\r",
    "\"",
    "\"\"",
    "a\"b",
    " ",
    "\0",
    "\u{feff}",
    "é",
    "\u{fffd}",
    "null",
    "{}",
    "99999999999999999999999999999999",
];

/// What stands in the way of readers.
const NOISE: [&[u8]; 22] = [
    b"\"",
    b"\"\"",
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\\",
    b"\\N",
    b"\\.\n",
    b"{",
    b"}",
    b"[",
    b":",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"{\"_reject\":1,\"_raw\":\"",
    b"_line,_field,_reason",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(&VALUES[..]).prop_map(str::to_owned),
        1 => ".{0,30}",
        1 => "[a-z]{0,40}",
    ]
}

fn table() -> impl Strategy<Value = (Vec<String>, Vec<Vec<String>>)> {
    let name = prop_oneof![
        9 => select(&NAMES[..]).prop_map(str::to_owned),
        1 => "[a-z_ ]{1,8}",
    ];
    let likely = select(vec![vec!["title", "unit_price"], vec![]]);
    let names = (likely, vec(name, 0..6)).prop_map(|(likely, more)| {
        let mut names: Vec<String> = likely.into_iter().map(str::to_owned).collect();
        for name in more {
            if !names.contains(&name) || name == "isbn" {
                names.push(name);
            }
        }
        names
    });
    names.prop_flat_map(|names| {
        let width = names.len();
        let row = prop_oneof![
            9 => vec(text(), width),
            1 => vec(text(), 0..width + 3),
        ];
        (Just(names), vec(row, 0..30))
    })
}

fn separated(rows: &[Vec<String>], delimiter: char, end: &str, quoted: bool) -> String {
    let mut file = String::new();
    for row in rows {
        for (nth, field) in row.iter().enumerate() {
            if nth > 0 {
                file.push(delimiter);
            }
            if quoted || field.contains([delimiter, '"', '\n', '\r']) {
                file += &format!("\"{}\"", field.replace('"', "\"\""));
            } else {
                file += field;
            }
        }
        file += end;
    }
    file
}

fn objects(names: &[String], rows: &[Vec<String>]) -> String {
    let mut file = String::new();
    for row in rows {
        let members = names.iter().zip(row).map(|(name, value)| {
            let is_json = serde_json::from_str::<serde_json::Value>(value).is_ok();
            let name = serde_json::Value::from(name.as_str());
            match is_json {
                true => format!("{name}:{value}"),
                false => format!("{name}:{}", serde_json::Value::from(value.as_str())),
            }
        });
        let members: Vec<_> = members.collect();
        file += &format!("{{{}}}\n", members.join(", "));
    }
    file
}

/// A file as programs write it, with what has to be said about it.
fn written() -> impl Strategy<Value = (Vec<u8>, Reading)> {
    let delimiter = select(vec![',', ',', ';', '\t', '|', ' ']);
    let end = select(vec!["\n", "\n", "\r\n", "\r", "\n\n"]);
    let format = select(vec![Format::Csv, Format::Csv, Format::Text, Format::Json]);
    let said = (any::<bool>(), any::<bool>(), any::<bool>());
    (table(), delimiter, end, format, said).prop_map(
        |((names, rows), delimiter, end, format, (quoted, is_said, headless))| {
            let reading = Reading {
                format: (is_said || format == Format::Text).then_some(format),
                delimiter: is_said.then_some(delimiter),
                columns: (headless && is_said && format != Format::Json).then(|| names.clone()),
                ..Reading::default()
            };
            let mut all = rows.clone();
            if reading.columns.is_none() {
                all.insert(0, names.clone());
            }
            let text = match format {
                Format::Json => objects(&names, &rows),
                _ => separated(&all, delimiter, end, quoted),
            };
            (text.into_bytes(), reading)
        },
    )
}

#[derive(Clone, Debug)]
pub(crate) enum Blow {
    Put(Index, &'static [u8]),
    Flip(Index, u8),
    Cut(Index),
    Repeat(Index, usize),
}

pub(crate) fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        4 => (any::<Index>(), select(&NOISE[..])).prop_map(|(at, noise)| Blow::Put(at, noise)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Blow::Flip(at, byte)),
        1 => any::<Index>().prop_map(Blow::Cut),
        1 => (any::<Index>(), 0..300_usize).prop_map(|(at, times)| Blow::Repeat(at, times)),
    ]
}

pub(crate) fn hit(bytes: &mut Vec<u8>, blows: &[Blow]) {
    for blow in blows {
        let room = bytes.len() + 1;
        match blow {
            Blow::Put(at, noise) => {
                let at = at.index(room);
                bytes.splice(at..at, noise.iter().copied());
            }
            Blow::Flip(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= byte;
            }
            Blow::Cut(at) => bytes.truncate(at.index(room)),
            Blow::Repeat(at, times) => {
                let at = at.index(room);
                let part = bytes[at..(at + 20).min(bytes.len())].repeat(*times);
                bytes.splice(at..at, part);
            }
            Blow::Flip(..) => {}
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Packing {
    Plain,
    Gz,
    Zst,
}

fn pack(bytes: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::Plain => bytes.to_vec(),
        Packing::Gz => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zst => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(bytes, level)
        }
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    let name = || select(&NAMES[..]).prop_map(str::to_owned);
    let assignment = |value: BoxedStrategy<String>| {
        let both = (name(), value);
        vec(
            both.prop_map(|(field, value)| Assignment { field, value }),
            0..3,
        )
    };
    let extra = select(vec![Extra::Doubted, Extra::Ignored]);
    let columns = assignment(name().boxed());
    let constants = assignment(text().boxed());
    prop_oneof![
        2 => extra.clone().prop_map(|extra| Plan { extra, ..Plan::default() }),
        1 => (columns, constants, extra).prop_map(|(columns, constants, extra)| Plan {
            columns,
            constants,
            extra,
        }),
    ]
}

/// Any file.
pub(crate) fn files() -> impl Strategy<Value = File> {
    let packing = select(vec![
        Packing::Plain,
        Packing::Plain,
        Packing::Gz,
        Packing::Zst,
    ]);
    let encoding = select(vec![
        "utf-8",
        "utf-8",
        "utf-8",
        "utf-16le",
        "windows-1252",
        "shift_jis",
    ]);
    let blows = prop_oneof![2 => Just(Vec::new()), 3 => vec(blow(), 1..5)];
    let packed_blows = prop_oneof![5 => Just(Vec::new()), 1 => vec(blow(), 1..3)];
    let damage = (blows, packing, packed_blows);
    (written(), encoding, damage, plan(), any::<Index>()).prop_map(
        |((mut bytes, mut reading), encoding, (blows, packing, packed_blows), plan, from)| {
            reading.encoding = encoding.parse().unwrap();
            hit(&mut bytes, &blows);
            let mut bytes = pack(&bytes, packing);
            hit(&mut bytes, &packed_blows);
            File {
                bytes,
                reading,
                plan,
                from,
            }
        },
    )
}
