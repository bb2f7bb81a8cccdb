//! Whole numbers as what each adds to the one before.

use super::Bad;
use super::runs::bits;
use super::thrift::{varint, zigzag};

/// The most numbers of a block: writers use 128 or 1024.
const BLOCK_MAX: u64 = 1 << 20;

/// The most parts of a block: writers use 4.
const PARTS_MAX: u64 = 4096;

/// The widest differences.
const WIDTH_MAX: u8 = 64;

/// Numbers within a page, and how far they were read. The page is given with every call.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    at: usize,
    /// Numbers that are left, and of these in the part that is read.
    left: u64,
    left_in_part: u64,
    value: i64,
    is_first: bool,
    block: Block,
}

#[derive(Clone, Debug)]
struct Block {
    part_count: usize,
    part_numbers: usize,
    least: i64,
    widths: Vec<u8>,
    /// The part that comes next.
    part: usize,
    width: u8,
    bit: usize,
}

impl Delta {
    /// Reads what stands before the numbers.
    pub(super) fn new(page: &[u8], at: usize) -> Result<Self, Bad> {
        let (block, at) = varint(page, at)?;
        let (parts, at) = varint(page, at)?;
        let (count, at) = varint(page, at)?;
        let (first, at) = varint(page, at)?;
        let fits = (1..=BLOCK_MAX).contains(&block) && (1..=PARTS_MAX).contains(&parts);
        if !fits || block % parts != 0 || (block / parts) % 8 != 0 {
            let why = format!("blocks have {block} numbers in {parts} parts");
            return Err(Bad::damaged(why));
        }
        let size = |number: u64| usize::try_from(number).unwrap_or_default();
        Ok(Self {
            at,
            left: count,
            left_in_part: 0,
            value: zigzag(first),
            is_first: true,
            block: Block {
                part_count: size(parts),
                part_numbers: size(block / parts),
                least: 0,
                widths: Vec::new(),
                part: size(parts),
                width: 0,
                bit: 0,
            },
        })
    }

    /// The next number.
    pub(super) fn next(&mut self, page: &[u8]) -> Result<i64, Bad> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| Bad::damaged("it has fewer values than it says"))?;
        if std::mem::take(&mut self.is_first) {
            return Ok(self.value);
        }
        if self.left_in_part == 0 {
            self.begin(page)?;
        }
        self.left_in_part -= 1;
        let block = &mut self.block;
        let delta = bits(page, block.bit, block.width)?;
        block.bit += usize::from(block.width);
        let delta = block.least.wrapping_add(delta.cast_signed());
        self.value = self.value.wrapping_add(delta);
        Ok(self.value)
    }

    /// Where the numbers end: what stands there belongs to somebody else.
    pub(super) fn end(&self, page: &[u8]) -> Result<usize, Bad> {
        let mut rest = self.clone();
        let mut left = rest.left.saturating_sub(u64::from(rest.is_first));
        while left > 0 {
            rest.begin(page)?;
            left = left.saturating_sub(rest.left_in_part);
        }
        match rest.at > page.len() {
            true => Err(Bad::Ended),
            false => Ok(rest.at),
        }
    }

    /// Goes to the next part, which may be in the next block.
    fn begin(&mut self, page: &[u8]) -> Result<(), Bad> {
        let block = &mut self.block;
        if block.part == block.part_count {
            let (least, at) = varint(page, self.at)?;
            let end = at + block.part_count;
            let widths = page.get(at..end).ok_or(Bad::Ended)?;
            block.widths.clear();
            block.widths.extend_from_slice(widths);
            (block.least, block.part, self.at) = (zigzag(least), 0, end);
        }
        block.width = block.widths.get(block.part).copied().ok_or(Bad::Ended)?;
        if block.width > WIDTH_MAX {
            return Err(Bad::damaged(format!("numbers have {} bits", block.width)));
        }
        block.part += 1;
        block.bit = 8 * self.at;
        self.at += block.part_numbers / 8 * usize::from(block.width);
        self.left_in_part = block.part_numbers as u64;
        Ok(())
    }
}
