//! The compact form of Thrift, in which Parquet describes itself.
//!
//! Nothing is built from it here, so nothing has a size that the file decides: whoever reads takes
//! the fields it knows and passes over the others.

use super::Bad;

/// How deep structures that are passed over may be within one another: several times what Parquet
/// has.
const DEPTH_MAX: usize = 32;

/// The most bytes of a number of 64 bits.
const VARINT_BYTES_MAX: u32 = 10;

/// The type of a field or an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type(u8);

impl Type {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const BYTE: Self = Self(3);
    const I16: Self = Self(4);
    const I32: Self = Self(5);
    const I64: Self = Self(6);
    const DOUBLE: Self = Self(7);
    const BINARY: Self = Self(8);
    const LIST: Self = Self(9);
    const SET: Self = Self(10);
    const MAP: Self = Self(11);
    const STRUCT: Self = Self(12);
}

/// Bytes, and how far they were read.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Thrift<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Reads the fields of a structure; `field` takes the value of each, or passes over it.
    pub(super) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, Type) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        let mut id: i16 = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => {
                    let id = self.zigzag()?;
                    i16::try_from(id).map_err(|_| Bad::damaged("a field has no number"))?
                }
                delta => id.wrapping_add(i16::from(delta)),
            };
            field(self, id, Type(head & 0x0f))?;
        }
    }

    /// Reads a structure that is a field or an element.
    pub(super) fn structure(
        &mut self,
        of: Type,
        field: impl FnMut(&mut Self, i16, Type) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        expect(of == Type::STRUCT)?;
        self.fields(field)
    }

    /// Reads a list; `element` takes each.
    pub(super) fn list(
        &mut self,
        of: Type,
        mut element: impl FnMut(&mut Self, Type) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        expect(of == Type::LIST || of == Type::SET)?;
        let (count, each) = self.list_head()?;
        for _ in 0..count {
            element(self, each)?;
        }
        Ok(())
    }

    /// A whole number that is none below zero.
    pub(super) fn count(&mut self, of: Type) -> Result<u64, Bad> {
        let number = self.number(of)?;
        u64::try_from(number).map_err(|_| Bad::damaged(format!("expected a count, found {number}")))
    }

    /// A whole number.
    pub(super) fn number(&mut self, of: Type) -> Result<i64, Bad> {
        match of {
            Type::I16 | Type::I32 | Type::I64 => self.zigzag(),
            Type::BYTE => Ok(i64::from(self.byte()?.cast_signed())),
            _ => Err(misplaced()),
        }
    }

    /// Yes or no.
    pub(super) fn flag(of: Type) -> Result<bool, Bad> {
        expect(of == Type::TRUE || of == Type::FALSE)?;
        Ok(of == Type::TRUE)
    }

    /// Bytes.
    pub(super) fn binary(&mut self, of: Type) -> Result<&'a [u8], Bad> {
        expect(of == Type::BINARY)?;
        let count = self.varint()?;
        self.take(count)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, of: Type) -> Result<(), Bad> {
        self.skip_within(of, DEPTH_MAX)
    }

    fn skip_within(&mut self, of: Type, depth: usize) -> Result<(), Bad> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Bad::damaged("its description is nested too deep"));
        };
        match of {
            Type::TRUE | Type::FALSE => Ok(()),
            Type::BYTE => self.take(1).map(drop),
            Type::I16 | Type::I32 | Type::I64 => self.varint().map(drop),
            Type::DOUBLE => self.take(8).map(drop),
            Type::BINARY => self.binary(of).map(drop),
            Type::LIST | Type::SET => {
                let (count, each) = self.list_head()?;
                for _ in 0..count {
                    self.skip_element(each, depth)?;
                }
                Ok(())
            }
            Type::MAP => self.skip_map(depth),
            Type::STRUCT => self.fields(|thrift, _, of| thrift.skip_within(of, depth)),
            _ => Err(misplaced()),
        }
    }

    fn skip_map(&mut self, depth: usize) -> Result<(), Bad> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        self.within(count)?;
        let types = self.byte()?;
        for _ in 0..count {
            self.skip_element(Type(types >> 4), depth)?;
            self.skip_element(Type(types & 0x0f), depth)?;
        }
        Ok(())
    }

    /// Within lists and maps yes and no are bytes.
    fn skip_element(&mut self, of: Type, depth: usize) -> Result<(), Bad> {
        match of {
            Type::TRUE | Type::FALSE => self.take(1).map(drop),
            of => self.skip_within(of, depth),
        }
    }

    fn list_head(&mut self) -> Result<(u64, Type), Bad> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        self.within(count)?;
        Ok((count, Type(head & 0x0f)))
    }

    /// Every element has a byte at least.
    fn within(&self, count: u64) -> Result<(), Bad> {
        match count > (self.bytes.len() - self.at) as u64 {
            true => Err(Bad::Ended),
            false => Ok(()),
        }
    }

    fn zigzag(&mut self) -> Result<i64, Bad> {
        self.varint().map(zigzag)
    }

    fn varint(&mut self) -> Result<u64, Bad> {
        let (number, at) = varint(self.bytes, self.at)?;
        self.at = at;
        Ok(number)
    }

    fn byte(&mut self) -> Result<u8, Bad> {
        let byte = self.bytes.get(self.at).copied().ok_or(Bad::Ended)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Bad> {
        self.within(count)?;
        // Not more than there are.
        let end = self.at + usize::try_from(count).map_err(|_| Bad::Ended)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }
}

/// The number that begins at a place, and the place behind it.
pub(super) fn varint(bytes: &[u8], mut at: usize) -> Result<(u64, usize), Bad> {
    let mut number = 0;
    for nth in 0..VARINT_BYTES_MAX {
        let byte = bytes.get(at).copied().ok_or(Bad::Ended)?;
        at += 1;
        number |= u64::from(byte & 0x7f).wrapping_shl(7 * nth);
        if byte & 0x80 == 0 {
            return Ok((number, at));
        }
    }
    Err(Bad::damaged("a number has no end"))
}

/// The number with a sign that a number without one stands for.
pub(super) const fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

fn expect(is_so: bool) -> Result<(), Bad> {
    match is_so {
        true => Ok(()),
        false => Err(misplaced()),
    }
}

fn misplaced() -> Bad {
    Bad::damaged("its description makes no sense")
}
