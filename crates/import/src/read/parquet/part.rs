//! The values of a column in a row group: its pages, one after another.

use std::io::{Read as _, SeekFrom};

use super::footer::{Column, Part};
use super::page::{Content, Head};
use super::runs::Runs;
use super::values::{Dictionary, Values, bytes_at};
use super::{Bad, Bytes};

/// What is read first of a page: its head is rarely longer.
const HEAD_BYTES: u64 = 256;

/// The longest head of a page: it may repeat the least and the greatest of its values.
const HEAD_BYTES_MAX: u64 = 1024 * 1024;

/// How runs are called, in which levels are written.
const RUNS: i64 = 3;

/// Pages without a value that may follow one another: writers make one at most.
const EMPTY_PAGES_MAX: usize = 1_000;

/// Where the values of a column are read.
#[derive(Debug)]
pub(super) struct Reader {
    part: Part,
    dictionary: Option<Dictionary>,
    page: Vec<u8>,
    /// Values of the page that are left, those that are not there among them.
    left: u64,
    /// Which of them are there; nothing when all are.
    levels: Option<Runs>,
    values: Option<Values>,
    value: Vec<u8>,
}

impl Reader {
    pub(super) const fn new(part: Part) -> Self {
        Self {
            part,
            dictionary: None,
            page: Vec::new(),
            left: 0,
            levels: None,
            values: None,
            value: Vec::new(),
        }
    }

    /// Whether a page has to be read before there is a value.
    pub(super) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// About how much memory it holds.
    pub(super) fn held_bytes(&self) -> usize {
        let dictionary = self.dictionary.as_ref().map_or(0, Dictionary::held_bytes);
        self.page.capacity() + dictionary
    }

    /// Reads the next page that has values, which may take so much memory.
    pub(super) fn load(
        &mut self,
        bytes: &mut dyn Bytes,
        column: &Column,
        room_bytes: usize,
    ) -> Result<(), Bad> {
        for _ in 0..EMPTY_PAGES_MAX {
            self.page = Vec::new();
            let head = self.head(bytes)?;
            let dictionary = self.dictionary.as_ref().map_or(0, Dictionary::held_bytes);
            if dictionary + head.bytes > room_bytes {
                return Err(Bad::TooLarge(format!("pages of {} bytes", head.bytes)));
            }
            let packed = self.take(bytes, &head)?;
            match head.content {
                Content::Other => {}
                Content::Dictionary => self.keep(&head, packed, column)?,
                Content::Values => self.open(&head, packed, column)?,
                Content::ValuesBehindLevels { .. } => self.open_behind(&head, packed, column)?,
            }
            if self.left > 0 {
                return Ok(());
            }
        }
        Err(Bad::damaged("too many of its pages are empty"))
    }

    /// The next value; nothing where the row has none.
    pub(super) fn next(&mut self, column: &Column) -> Result<Option<&[u8]>, Bad> {
        self.left = self.left.checked_sub(1).ok_or(Bad::Ended)?;
        if let Some(levels) = &mut self.levels
            && levels.next(&self.page)? == 0
        {
            return Ok(None);
        }
        let values = self.values.as_mut().ok_or(Bad::Ended)?;
        let dictionary = self.dictionary.as_ref();
        let value = values.next(&self.page, column.physical, dictionary, &mut self.value)?;
        Ok(Some(value))
    }

    fn head(&mut self, bytes: &mut dyn Bytes) -> Result<Head, Bad> {
        let left = self.part.end - self.part.start;
        if left == 0 {
            return Err(Bad::damaged("it has fewer values than rows"));
        }
        let mut count = HEAD_BYTES;
        loop {
            let head = read(bytes, self.part.start, count.min(left))?;
            match Head::read(&head) {
                Ok((head, length)) => {
                    self.part.start += length as u64;
                    return Ok(head);
                }
                Err(Bad::Ended) if count < left && count < HEAD_BYTES_MAX => count *= 8,
                Err(Bad::Ended) if count >= HEAD_BYTES_MAX => {
                    return Err(Bad::TooLarge("a page with a head".to_owned()));
                }
                Err(bad) => return Err(bad),
            }
        }
    }

    /// The bytes of a page, which are still packed.
    fn take(&mut self, bytes: &mut dyn Bytes, head: &Head) -> Result<Vec<u8>, Bad> {
        let count = head.packed_bytes as u64;
        if count > self.part.end - self.part.start {
            return Err(Bad::Ended);
        }
        let packed = read(bytes, self.part.start, count)?;
        self.part.start += count;
        head.verify(&packed)?;
        Ok(packed)
    }

    fn keep(&mut self, head: &Head, packed: Vec<u8>, column: &Column) -> Result<(), Bad> {
        if self.dictionary.is_some() {
            return Err(Bad::damaged("it has two dictionaries"));
        }
        let bytes = self.part.codec.unpack(packed, head.bytes)?;
        self.dictionary = Some(Dictionary::new(bytes, column.physical, head.values)?);
        Ok(())
    }

    /// Goes to the first value of a page that begins with the levels of what is there.
    fn open(&mut self, head: &Head, packed: Vec<u8>, column: &Column) -> Result<(), Bad> {
        self.page = self.part.codec.unpack(packed, head.bytes)?;
        let mut at = 0;
        self.levels = None;
        if column.optional {
            if head.levels.is_some_and(|encoding| encoding != RUNS) {
                return Err(Bad::Unread {
                    what: "levels of the first version of the format".to_owned(),
                    advice: "write it with a newer program",
                });
            }
            let (start, end) = bytes_at(&self.page, 0)?;
            self.levels = Some(Runs::new(start, end, 1)?);
            at = end;
        }
        self.begin(head, at, column)
    }

    /// The same of a page whose levels are not packed with it.
    fn open_behind(
        &mut self,
        head: &Head,
        mut packed: Vec<u8>,
        column: &Column,
    ) -> Result<(), Bad> {
        let Content::ValuesBehindLevels {
            repetition,
            definition,
        } = head.content
        else {
            return Err(Bad::Ended);
        };
        let start = usize::try_from(repetition).map_err(|_| Bad::Ended)?;
        let end = usize::try_from(definition).map_err(|_| Bad::Ended)?;
        let end = start.checked_add(end).ok_or(Bad::Ended)?;
        if end > packed.len().min(head.bytes) {
            return Err(Bad::Ended);
        }
        let values = packed.split_off(end);
        self.page = packed;
        let values = match head.is_packed && !values.is_empty() {
            true => self.part.codec.unpack(values, head.bytes - end)?,
            false => values,
        };
        self.page.extend_from_slice(&values);
        self.levels = match column.optional {
            true => Some(Runs::new(start, end, 1)?),
            false => None,
        };
        self.begin(head, end, column)
    }

    fn begin(&mut self, head: &Head, at: usize, column: &Column) -> Result<(), Bad> {
        self.value.clear();
        let values = Values::new(&self.page, at, head.encoding, column.physical);
        self.values = match values {
            // Nothing has to be written where no value is there.
            Err(Bad::Ended) if column.optional => None,
            values => Some(values?),
        };
        self.left = head.values;
        Ok(())
    }
}

/// So many bytes from a place, which are known to be in the file.
pub(super) fn read(bytes: &mut dyn Bytes, at: u64, count: u64) -> Result<Vec<u8>, Bad> {
    bytes.seek(SeekFrom::Start(at)).map_err(Bad::Io)?;
    let mut read = Vec::new();
    bytes.take(count).read_to_end(&mut read).map_err(Bad::Io)?;
    match read.len() as u64 == count {
        true => Ok(read),
        false => Err(Bad::Ended),
    }
}
