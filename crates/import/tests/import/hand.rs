//! Parquet files made by hand, which say whatever one likes.

/// The fields of a structure: their numbers are written in full.
#[derive(Clone, Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    pub(crate) fn number(mut self, id: i64, number: i64) -> Self {
        self.head(id, 6);
        self.zigzag(number);
        self
    }

    pub(crate) fn text(mut self, id: i64, text: &str) -> Self {
        self.head(id, 8);
        self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(crate) fn structure(mut self, id: i64, fields: Self) -> Self {
        self.head(id, 12);
        self.0.extend(fields.end());
        self
    }

    pub(crate) fn list(mut self, id: i64, elements: Vec<Self>) -> Self {
        self.head(id, 9);
        self.0.push(0xfc);
        self.varint(elements.len() as u64);
        self.0.extend(elements.into_iter().flat_map(Self::end));
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.push(0);
        self.0
    }

    fn head(&mut self, id: i64, of: u8) {
        self.0.push(of);
        self.zigzag(id);
    }

    fn zigzag(&mut self, number: i64) {
        self.varint(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn varint(&mut self, number: u64) {
        varint(number, &mut self.0);
    }
}

pub(crate) fn varint(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A page: its head, and its content as it is in the file.
pub(crate) struct Page {
    pub(crate) is_dictionary: bool,
    pub(crate) bytes: i64,
    pub(crate) values: i64,
    pub(crate) encoding: i64,
    pub(crate) content: Vec<u8>,
}

impl Page {
    pub(crate) fn of_values(values: i64, encoding: i64, content: Vec<u8>) -> Self {
        Self {
            is_dictionary: false,
            bytes: i64::try_from(content.len()).unwrap(),
            values,
            encoding,
            content,
        }
    }

    pub(crate) fn of_dictionary(values: i64, content: Vec<u8>) -> Self {
        Self {
            is_dictionary: true,
            ..Self::of_values(values, 0, content)
        }
    }

    fn head(&self) -> Fields {
        let (kind, id) = if self.is_dictionary { (2, 7) } else { (0, 5) };
        let own = Fields::default()
            .number(1, self.values)
            .number(2, self.encoding);
        let own = match self.is_dictionary {
            true => own,
            false => own.number(3, 3),
        };
        Fields::default()
            .number(1, kind)
            .number(2, self.bytes)
            .number(3, i64::try_from(self.content.len()).unwrap())
            .structure(id, own)
    }
}

/// A file of one column of text, `title`, that has a value in every row.
pub(crate) struct Hand {
    pub(crate) codec: i64,
    pub(crate) rows: i64,
    pub(crate) physical: i64,
    pub(crate) pages: Vec<Page>,
}

impl Hand {
    pub(crate) fn of(rows: i64, pages: Vec<Page>) -> Self {
        Self {
            codec: 0,
            rows,
            physical: 6,
            pages,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"PAR1".to_vec();
        for page in &self.pages {
            bytes.extend(page.head().end());
            bytes.extend_from_slice(&page.content);
        }
        let packed = i64::try_from(bytes.len()).unwrap() - 4;
        let part = Fields::default()
            .number(4, self.codec)
            .number(5, self.rows)
            .number(7, packed)
            .number(9, 4);
        let group = Fields::default()
            .list(1, vec![Fields::default().structure(3, part)])
            .number(3, self.rows);
        let column = Fields::default()
            .number(1, self.physical)
            .number(3, 0)
            .text(4, "title");
        let root = Fields::default().text(4, "root").number(5, 1);
        let footer = Fields::default()
            .list(2, vec![root, column])
            .list(4, vec![group]);
        finish(bytes, &footer.end())
    }
}

/// Puts a description behind pages.
pub(crate) fn finish(mut pages: Vec<u8>, footer: &[u8]) -> Vec<u8> {
    pages.extend_from_slice(footer);
    pages.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
    pages.extend_from_slice(b"PAR1");
    pages
}

/// A text behind its length.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}
