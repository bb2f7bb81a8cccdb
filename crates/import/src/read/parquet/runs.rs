//! Small numbers as runs: many of one, or many packed into their bits. Levels, indexes into
//! dictionaries and some booleans are written so.

use super::Bad;
use super::thrift::varint;

/// The widest numbers.
const WIDTH_MAX: u8 = 32;

/// Runs within a page, and how far they were read. The page is given with every call.
#[derive(Debug)]
pub(super) struct Runs {
    at: usize,
    end: usize,
    width: u8,
    left: u64,
    run: Run,
}

#[derive(Debug)]
enum Run {
    Same(u32),
    /// The place of the next bit.
    Packed(usize),
}

impl Runs {
    /// Numbers of so many bits, between these places.
    pub(super) fn new(at: usize, end: usize, width: u8) -> Result<Self, Bad> {
        if width > WIDTH_MAX {
            return Err(Bad::damaged(format!("numbers have {width} bits")));
        }
        Ok(Self {
            at,
            end,
            width,
            left: 0,
            run: Run::Same(0),
        })
    }

    /// The next number.
    pub(super) fn next(&mut self, page: &[u8]) -> Result<u32, Bad> {
        if self.left == 0 {
            self.begin(page)?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Same(number) => Ok(*number),
            Run::Packed(bit) => {
                let number = bits(&page[..self.end], *bit, self.width)?;
                *bit += usize::from(self.width);
                Ok(u32::try_from(number).unwrap_or_default())
            }
        }
    }

    fn begin(&mut self, page: &[u8]) -> Result<(), Bad> {
        let page = page.get(..self.end).ok_or(Bad::Ended)?;
        let (head, at) = varint(page, self.at)?;
        let count = head >> 1;
        if head & 1 == 1 {
            let bytes = count.checked_mul(u64::from(self.width));
            let end = bytes.and_then(|bytes| usize::try_from(bytes).ok()?.checked_add(at));
            self.run = Run::Packed(8 * at);
            self.at = end.ok_or(Bad::Ended)?;
            self.left = 8 * count;
        } else {
            let bytes = usize::from(self.width.div_ceil(8));
            let value = page.get(at..at + bytes).ok_or(Bad::Ended)?;
            let mut number = [0; 4];
            number[..bytes].copy_from_slice(value);
            self.run = Run::Same(u32::from_le_bytes(number));
            self.at = at + bytes;
            self.left = count;
        }
        match self.left {
            0 => Err(Bad::damaged("a run is empty")),
            _ => Ok(()),
        }
    }
}

/// The number of so many bits, at most 64, that begins with a bit.
pub(super) fn bits(bytes: &[u8], bit: usize, width: u8) -> Result<u64, Bad> {
    let (first, shift) = (bit / 8, bit % 8);
    let count = (shift + usize::from(width)).div_ceil(8);
    let mut all = [0; 16];
    match bytes.get(first..first + 16) {
        Some(wide) => all.copy_from_slice(wide),
        None => {
            let some = bytes.get(first..first + count).ok_or(Bad::Ended)?;
            all[..count].copy_from_slice(some);
        }
    }
    let number = u128::from_le_bytes(all) >> shift;
    let number = number & ((1 << width) - 1);
    Ok(u64::try_from(number).unwrap_or_default())
}
