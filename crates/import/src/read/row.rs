//! Rows as they are in the file.

/// A row that can be read; whether it is a command is for the mapping and the domain to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it starts on, from 1; in Parquet the number of the row, from 1.
    pub line: u64,
    /// How many rows are before it, good and bad: where reading goes on after it is one more.
    pub ordinal: u64,
    /// What it says.
    pub content: Content,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// As many fields as the file has columns.
    Fields(Fields),
    /// A line that should be a JSON object.
    Object(String),
}

impl Content {
    /// About how many bytes it holds, for bounds on buffers.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const FIXED_BYTES: usize = 96;
        FIXED_BYTES
            + match self {
                Self::Fields(fields) => fields.text.len() + size_of::<Cell>() * fields.cells.len(),
                Self::Object(line) => line.len(),
            }
    }
}

/// The fields of a row, in one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    text: String,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    end: u32,
    null: bool,
}

impl Fields {
    /// Fields with room for so many bytes in so many columns.
    pub(crate) fn with_capacity(bytes: usize, columns: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            cells: Vec::with_capacity(columns),
        }
    }

    /// Adds a field; `None` says that it has no value.
    pub(crate) fn push(&mut self, field: Option<&str>) {
        self.text.push_str(field.unwrap_or_default());
        self.cells.push(Cell {
            // A row is far shorter than 4 GiB.
            end: u32::try_from(self.text.len()).unwrap_or(u32::MAX),
            null: field.is_none(),
        });
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The field at this place; `None` when it has no value, or is not there.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&str> {
        let cell = self.cells.get(at).filter(|cell| !cell.null)?;
        let start = match at {
            0 => 0,
            _ => self.cells[at - 1].end,
        };
        self.text.get(start as usize..cell.end as usize)
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|at| self.get(at))
    }
}

impl<'a> FromIterator<&'a str> for Fields {
    fn from_iter<I: IntoIterator<Item = &'a str>>(fields: I) -> Self {
        let mut all = Self::default();
        for field in fields {
            all.push(Some(field));
        }
        all
    }
}

/// A row that is not imported, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The line it starts on, from 1; in Parquet the number of the row, from 1.
    pub line: u64,
    /// How many rows are before it, good and bad.
    pub ordinal: u64,
    /// The row as it is in the file.
    pub original: Original,
    /// What is wrong with it: at least one problem.
    pub problems: Vec<Problem>,
}

impl Reject {
    /// A row that was read, with what is wrong with it.
    #[must_use]
    pub fn of(row: Row, problems: Vec<Problem>) -> Self {
        let original = match row.content {
            Content::Fields(fields) => {
                let fields = fields
                    .iter()
                    .map(|field| field.map(|text| text.as_bytes().to_vec()));
                Original::Fields(fields.collect())
            }
            Content::Object(line) => Original::Line(line.into_bytes()),
        };
        Self {
            line: row.line,
            ordinal: row.ordinal,
            original,
            problems,
        }
    }

    /// Everything that is wrong, in one line: `price: is required; title: is required`.
    #[must_use]
    pub fn reason(&self) -> String {
        let problems = self.problems.iter().map(|problem| match &problem.field {
            Some(field) => format!("{field}: {}", problem.message),
            None => problem.message.clone(),
        });
        problems.collect::<Vec<_>>().join("; ")
    }

    /// The fields that are to blame, separated by commas.
    #[must_use]
    pub fn fields(&self) -> String {
        let mut fields: Vec<&str> = Vec::new();
        for field in self.problems.iter().filter_map(|one| one.field.as_deref()) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields.join(",")
    }
}

/// A row as it was found, which may be no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Original {
    /// Any number of fields; `None` is one without a value.
    Fields(Vec<Option<Vec<u8>>>),
    /// A line that should be a JSON object.
    Line(Vec<u8>),
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about, as the file calls it: the column, or where there is none the field.
    pub field: Option<String>,
    /// What was expected, and found.
    pub message: String,
}

impl Problem {
    /// Something that is wrong with a row as a whole.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: message.into(),
        }
    }

    /// Something that is wrong with one field.
    #[must_use]
    pub fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            message: message.into(),
        }
    }
}
