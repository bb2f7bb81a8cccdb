//! Parquet files that are damaged, and what must hold of every one.

use std::io::Cursor;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseError;
use protean_import::{Read, Source};

use crate::file::{Blow, blow, hit};
use crate::hold::in_order;

/// What is damaged: every encoding, packing and type is in one of them.
const FILES: [&str; 9] = [
    "way_plain",
    "way_dictionary_snappy",
    "way_groups_gzip",
    "way_v2_zstd",
    "way_delta",
    "way_delta_v1",
    "types",
    "types_integers",
    "int96",
];

/// More rows than a file has that is not damaged: one that is may say that it has any number.
const ROWS_MAX: usize = 1_000;

/// A damaged file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    name: &'static str,
    blows: Vec<Blow>,
    /// A byte behind the pages that is another: what a file says of itself is found by few blows.
    described: Vec<(Index, u8)>,
    /// Where reading begins a second time.
    from: Index,
}

/// Any damaged file.
pub(crate) fn files() -> impl Strategy<Value = File> {
    let described = vec((any::<Index>(), any::<u8>()), 0..3);
    let blows = vec(blow(), 0..3);
    (select(&FILES[..]), blows, described, any::<Index>()).prop_map(
        |(name, blows, described, from)| File {
            name,
            blows,
            described,
            from,
        },
    )
}

impl File {
    fn bytes(&self) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/parquet");
        let path = folder.join(format!("{}.parquet", self.name));
        let mut bytes = std::fs::read(path).unwrap();
        let mut length = [0; 4];
        length.copy_from_slice(&bytes[bytes.len() - 8..bytes.len() - 4]);
        let start = bytes.len() - 8 - u32::from_le_bytes(length) as usize;
        for (at, byte) in &self.described {
            let at = start + at.index(bytes.len() - start);
            bytes[at] ^= byte;
        }
        hit(&mut bytes, &self.blows);
        bytes
    }
}

/// The rows that are read from a place on, and what ended them, if anything did.
fn read(source: Source) -> (Vec<Read>, Option<String>) {
    let mut reads = Vec::new();
    for read in source.take(ROWS_MAX) {
        match read {
            Ok(read) => reads.push(read),
            Err(error) => return (reads, Some(error.to_string())),
        }
    }
    (reads, None)
}

/// Rows are numbered and have a field for each column, and reading goes on anywhere.
pub(crate) fn holds(file: &File) -> Result<(), TestCaseError> {
    let bytes = file.bytes();
    let Ok(source) = Source::parquet("file", Cursor::new(bytes.clone())) else {
        return Ok(());
    };
    let (reads, end) = read(source);
    in_order(&reads)?;
    let from = file.from.index(reads.len() + 1);
    let again = Source::parquet("file", Cursor::new(bytes));
    let mut again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
    let skipped = again.skip_rows(from as u64);
    let skipped = skipped.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(skipped, from as u64);
    let (rest, ended) = read(again);
    let common = rest.len().min(reads.len() - from);
    prop_assert_eq!(&rest[..common], &reads[from..from + common]);
    // Row groups that are passed over are not looked at.
    if end.is_some() && ended.is_some() {
        prop_assert_eq!(&rest[..], &reads[from..]);
        prop_assert_eq!(ended, end);
    }
    Ok(())
}
