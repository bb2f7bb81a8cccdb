//! `cargo xtask bench dry-run [-- --rows N --rounds N]`: how fast a file is checked by the domain's
//! own rules, as CSV, packed and as JSON Lines; and how fast the same CSV is split into fields with
//! nothing done about them.
//!
//! The file is a catalog of the bookstore, the command is `AddBook`.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bookshelf::Bookshelf;
use bookshelf::demo::process::peak_memory_bytes;
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use protean::cli::grouped;
use protean::domain::Registry;
use protean_import::{Mapping, Plan, Reading, Source, dry_run};

/// How fast a file is checked by the domain's own rules
#[derive(Parser)]
struct Arguments {
    /// How many books the file has
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// How often each form of it is checked
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

fn main() -> Result<()> {
    let Arguments { rows, rounds } = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let files = write(folder.path(), rows)?;
    let workers = std::thread::available_parallelism()?;
    println!("{} rows, {rounds} rounds, {workers} workers", grouped(rows));
    println!("{:>16}{:>12}{:>14}", "file", "seconds", "rows/s");
    let mut took = vec![Vec::new(); files.len() + 1];
    for _ in 0..rounds {
        took[0].push(split(folder.path().join(files[0]).as_path(), rows)?);
        for (nth, file) in files.iter().enumerate() {
            took[nth + 1].push(check(&folder.path().join(file), rows, workers)?);
        }
    }
    for (name, mut took) in ["(only split)"].into_iter().chain(files).zip(took) {
        took.sort();
        print(name, rows, took[took.len() / 2]);
    }
    let bytes = peak_memory_bytes(std::process::id()).context("no VmHWM")?;
    println!("peak memory: {} MB", bytes / 1_000_000);
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^52"
)]
fn print(name: &str, rows: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    let rate = grouped((rows as f64 / seconds) as u64);
    println!("{name:>16}{seconds:>12.2}{rate:>14}");
}

/// The same catalog in three forms.
fn write(folder: &Path, rows: u64) -> Result<[&'static str; 3]> {
    let files = ["catalog.csv", "catalog.csv.gz", "catalog.jsonl"];
    let [csv, gz, json] = files.map(|file| folder.join(file));
    bookshelf::sample::write_catalog(rows, File::create(&csv)?)?;
    let packed = BufWriter::new(File::create(gz)?);
    let mut packed = GzEncoder::new(packed, Compression::fast());
    std::io::copy(&mut File::open(&csv)?, &mut packed)?;
    packed.finish()?.flush()?;
    let mut objects = BufWriter::new(File::create(json)?);
    for row in csv::Reader::from_path(&csv)?.into_deserialize() {
        let row: std::collections::BTreeMap<String, String> = row?;
        serde_json::to_writer(&mut objects, &row)?;
        objects.write_all(b"\n")?;
    }
    objects.flush()?;
    Ok(files)
}

fn split(file: &Path, rows: u64) -> Result<Duration> {
    let started = Instant::now();
    let mut reader = csv::Reader::from_path(file)?;
    let mut record = csv::ByteRecord::new();
    let mut found = 0;
    while reader.read_byte_record(&mut record)? {
        found += 1;
    }
    ensure!(found == rows, "expected {rows} rows, found {found}");
    Ok(started.elapsed())
}

fn check(file: &Path, rows: u64, workers: NonZeroUsize) -> Result<Duration> {
    let registry = Registry::<Bookshelf>::of();
    let intake = registry.command_named("AddBook").context("no AddBook")?;
    let plan = Plan {
        columns: vec!["price_amount=price".parse()?],
        ..Plan::default()
    };
    let started = Instant::now();
    let mut source = Source::open(file, &Reading::default())?;
    let mapping = Mapping::of(intake.schema, &source, &plan)?;
    let report = dry_run(&mut source, &mapping, intake, workers)?;
    let took = started.elapsed();
    ensure!(
        report.accepted == rows,
        "expected {rows} rows, found {report:?}"
    );
    Ok(took)
}
