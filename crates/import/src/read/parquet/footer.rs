//! What a file says of itself at its end: its columns, and where their values are.

use super::Bad;
use super::kind::{Kind, Meaning, Physical, Unit};
use super::page::Codec;
use super::thrift::{Thrift, Type};
use crate::limits::COLUMNS_MAX;

/// The most parts, of all columns in all row groups: a row group holds some hundred thousand rows.
const PARTS_MAX: usize = 1 << 18;

const OPTIONAL: i64 = 1;
const REPEATED: i64 = 2;

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct Footer {
    pub(super) columns: Vec<Column>,
    pub(super) groups: Vec<Group>,
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) physical: Physical,
    pub(super) kind: Kind,
    /// Whether rows may have no value in it.
    pub(super) optional: bool,
}

/// Rows that stand together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rows: u64,
    /// One for each column, in their order.
    pub(super) parts: Vec<Part>,
}

/// The values of a column in a row group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) codec: Codec,
}

impl Footer {
    /// Reads it, of a file of so many bytes.
    pub(super) fn read(bytes: &[u8], file_bytes: u64) -> Result<Self, Bad> {
        let mut footer = Self::default();
        let mut root = None;
        let mut parts = 0;
        Thrift::new(bytes).fields(|thrift, id, of| match id {
            2 => thrift.list(of, |thrift, of| {
                let element = Element::read(thrift, of)?;
                match root {
                    None => root = Some(element.children),
                    Some(_) => footer.columns.push(element.column()?),
                }
                match footer.columns.len() > COLUMNS_MAX {
                    true => Err(Bad::TooLarge(format!("more than {COLUMNS_MAX} columns"))),
                    false => Ok(()),
                }
            }),
            4 => thrift.list(of, |thrift, of| {
                let group = group(thrift, of, &footer.columns, file_bytes)?;
                parts += group.parts.len();
                if parts > PARTS_MAX {
                    return Err(Bad::TooLarge(format!("more than {PARTS_MAX} parts")));
                }
                footer.groups.push(group);
                Ok(())
            }),
            8 => Err(encrypted()),
            _ => thrift.skip(of),
        })?;
        match root {
            Some(0) => Err(Bad::damaged("it has no columns")),
            Some(children) if children == footer.columns.len() as u64 => Ok(footer),
            _ => Err(Bad::damaged("it does not name its columns")),
        }
    }
}

pub(super) fn encrypted() -> Bad {
    Bad::Unread {
        what: "what is encrypted".to_owned(),
        advice: "write it without encryption",
    }
}

/// A column as it is described, or the root of all.
#[derive(Default)]
struct Element {
    physical: Option<i64>,
    length: u64,
    repetition: i64,
    name: String,
    children: u64,
    converted: Option<i64>,
    scale: i64,
    meaning: Option<Meaning>,
}

impl Element {
    fn read(thrift: &mut Thrift<'_>, of: Type) -> Result<Self, Bad> {
        let mut element = Self::default();
        thrift.structure(of, |thrift, id, of| {
            match id {
                1 => element.physical = Some(thrift.number(of)?),
                2 => element.length = thrift.count(of)?,
                3 => element.repetition = thrift.number(of)?,
                4 => {
                    let name = std::str::from_utf8(thrift.binary(of)?);
                    let name = name.map_err(|_| Bad::damaged("the name of a column is no text"));
                    element.name = name?.trim().to_owned();
                }
                5 => element.children = thrift.count(of)?,
                6 => element.converted = Some(thrift.number(of)?),
                7 => element.scale = thrift.number(of)?,
                10 => element.meaning = Some(meaning(thrift, of)?),
                _ => thrift.skip(of)?,
            }
            Ok(())
        })?;
        Ok(element)
    }

    fn column(self) -> Result<Column, Bad> {
        let name = self.name;
        let Some(physical) = self.physical.filter(|_| self.children == 0) else {
            return Err(nested().of_column(&name));
        };
        if self.repetition == REPEATED {
            return Err(nested().of_column(&name));
        }
        let meaning = match (self.meaning, self.converted) {
            (Some(meaning), _) => meaning,
            (None, Some(converted)) => converted_meaning(converted, self.scale),
            (None, None) => Meaning::Plain,
        };
        let physical = Physical::of(physical, self.length).map_err(|bad| bad.of_column(&name))?;
        let kind = Kind::of(physical, meaning).map_err(|bad| bad.of_column(&name))?;
        let optional = self.repetition == OPTIONAL;
        Ok(Column {
            name,
            physical,
            kind,
            optional,
        })
    }
}

fn nested() -> Bad {
    Bad::Unread {
        what: "lists and structures".to_owned(),
        advice: "leave that column out, or give each of its parts a column",
    }
}

/// What values mean, as files say it since 2018.
fn meaning(thrift: &mut Thrift<'_>, of: Type) -> Result<Meaning, Bad> {
    let mut meaning = Meaning::Plain;
    thrift.structure(of, |thrift, id, of| {
        meaning = match id {
            5 => {
                let mut scale = 0;
                thrift.structure(of, |thrift, id, of| match id {
                    1 => thrift.number(of).map(|number| scale = number),
                    _ => thrift.skip(of),
                })?;
                Meaning::Decimal(scale)
            }
            7 => Meaning::Time(unit(thrift, of)?),
            8 => Meaning::Timestamp(unit(thrift, of)?),
            10 => signed(thrift, of)?,
            id => {
                thrift.skip(of)?;
                simple(id)
            }
        };
        Ok(())
    })?;
    Ok(meaning)
}

const fn simple(id: i16) -> Meaning {
    match id {
        1 | 4 | 12 => Meaning::Text,
        2 => Meaning::Other("maps"),
        3 => Meaning::Other("lists"),
        6 => Meaning::Date,
        13 => Meaning::Other("BSON"),
        14 => Meaning::Uuid,
        15 => Meaning::Half,
        16 => Meaning::Other("variants"),
        17 | 18 => Meaning::Other("geometry"),
        // A column in which nothing has a value, and what is not known yet.
        _ => Meaning::Plain,
    }
}

fn unit(thrift: &mut Thrift<'_>, of: Type) -> Result<Unit, Bad> {
    let mut unit = None;
    thrift.structure(of, |thrift, id, of| match id {
        2 => thrift.structure(of, |thrift, id, of| {
            unit = match id {
                1 => Some(Unit::Millis),
                2 => Some(Unit::Micros),
                3 => Some(Unit::Nanos),
                _ => None,
            };
            thrift.skip(of)
        }),
        _ => thrift.skip(of),
    })?;
    unit.ok_or_else(|| Bad::damaged("a time has no unit"))
}

fn signed(thrift: &mut Thrift<'_>, of: Type) -> Result<Meaning, Bad> {
    let mut meaning = Meaning::Signed;
    thrift.structure(of, |thrift, id, of| match id {
        2 => {
            if !Thrift::flag(of)? {
                meaning = Meaning::Unsigned;
            }
            Ok(())
        }
        _ => thrift.skip(of),
    })?;
    Ok(meaning)
}

/// What values mean, as older files say it.
const fn converted_meaning(number: i64, scale: i64) -> Meaning {
    match number {
        0 | 4 | 19 => Meaning::Text,
        1 | 2 => Meaning::Other("maps"),
        3 => Meaning::Other("lists"),
        5 => Meaning::Decimal(scale),
        6 => Meaning::Date,
        7 => Meaning::Time(Unit::Millis),
        8 => Meaning::Time(Unit::Micros),
        9 => Meaning::Timestamp(Unit::Millis),
        10 => Meaning::Timestamp(Unit::Micros),
        11..=14 => Meaning::Unsigned,
        15..=18 => Meaning::Signed,
        20 => Meaning::Other("BSON"),
        21 => Meaning::Other("intervals"),
        _ => Meaning::Plain,
    }
}

fn group(
    thrift: &mut Thrift<'_>,
    of: Type,
    columns: &[Column],
    file_bytes: u64,
) -> Result<Group, Bad> {
    let (mut rows, mut parts, mut values) = (0, Vec::new(), Vec::new());
    thrift.structure(of, |thrift, id, of| match id {
        1 => thrift.list(of, |thrift, of| {
            let column = columns.get(parts.len());
            let none = || Bad::damaged("a row group has more columns than the file");
            let column = column.ok_or_else(none)?;
            let described = Described::read(thrift, of);
            let part = described.and_then(|described| {
                values.push(described.values);
                described.part(file_bytes)
            });
            parts.push(part.map_err(|bad| bad.of_column(&column.name))?);
            Ok(())
        }),
        3 => thrift.count(of).map(|count| rows = count),
        _ => thrift.skip(of),
    })?;
    if parts.len() != columns.len() {
        return Err(Bad::damaged("a row group has fewer columns than the file"));
    }
    match values.iter().position(|values| *values != rows) {
        Some(nth) => {
            let why = format!("it has {} values for {rows} rows", values[nth]);
            Err(Bad::damaged(why).of_column(&columns[nth].name))
        }
        None => Ok(Group { rows, parts }),
    }
}

/// A part as it is described.
#[derive(Default)]
struct Described {
    codec: i64,
    values: u64,
    packed_bytes: u64,
    data: Option<u64>,
    dictionary: Option<u64>,
}

impl Described {
    fn read(thrift: &mut Thrift<'_>, of: Type) -> Result<Self, Bad> {
        let mut described = Self::default();
        let elsewhere = || Bad::Unread {
            what: "values that are in another file".to_owned(),
            advice: "write it as one file",
        };
        thrift.structure(of, |thrift, id, of| match id {
            1 => Err(elsewhere()),
            3 => thrift.structure(of, |thrift, id, of| described.field(thrift, id, of)),
            8 | 9 => Err(encrypted()),
            _ => thrift.skip(of),
        })?;
        Ok(described)
    }

    fn field(&mut self, thrift: &mut Thrift<'_>, id: i16, of: Type) -> Result<(), Bad> {
        match id {
            4 => self.codec = thrift.number(of)?,
            5 => self.values = thrift.count(of)?,
            7 => self.packed_bytes = thrift.count(of)?,
            9 => self.data = Some(thrift.count(of)?),
            11 => self.dictionary = Some(thrift.count(of)?),
            _ => thrift.skip(of)?,
        }
        Ok(())
    }

    fn part(&self, file_bytes: u64) -> Result<Part, Bad> {
        let data = self.data.ok_or_else(|| Bad::damaged("it is nowhere"))?;
        // Some writers say 0 where there is none.
        let dictionary = self.dictionary.filter(|at| (1..data).contains(at));
        let start = dictionary.unwrap_or(data);
        let end = start.checked_add(self.packed_bytes);
        let end = end.filter(|end| *end <= file_bytes);
        Ok(Part {
            start,
            end: end.ok_or_else(|| Bad::damaged("it is beyond the end of the file"))?,
            codec: Codec::of(self.codec)?,
        })
    }
}
