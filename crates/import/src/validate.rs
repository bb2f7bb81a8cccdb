//! From a row to a command that keeps its rules.

use protean_core::domain::{Intake, Prepared, WHOLE};
use protean_core::schema::Invalid;

use crate::mapping::Mapping;
use crate::read::{Problem, Read, Reject, Row};

/// A row and the command it is, or why it is none.
pub type Checked = Result<(Row, Prepared), Reject>;

/// Makes commands of rows, one after another. Each thread has its own.
#[derive(Debug)]
pub struct Validator<'a> {
    mapping: &'a Mapping,
    intake: &'a Intake,
    json: Vec<u8>,
}

impl<'a> Validator<'a> {
    /// Makes commands of this type.
    #[must_use]
    pub const fn new(mapping: &'a Mapping, intake: &'a Intake) -> Self {
        Self {
            mapping,
            intake,
            json: Vec::new(),
        }
    }

    /// The command that a row is.
    ///
    /// # Errors
    /// The row with everything that is wrong with it: values that are none of their field's kind,
    /// or else the rules of the command that it breaks.
    pub fn check(&mut self, read: Read) -> Checked {
        let row = read?;
        match self.prepare(&row) {
            Ok(prepared) => Ok((row, prepared)),
            Err(problems) => Err(Reject::of(row, problems)),
        }
    }

    fn prepare(&mut self, row: &Row) -> Result<Prepared, Vec<Problem>> {
        self.mapping.write(row, &mut self.json)?;
        let json = std::str::from_utf8(&self.json)
            .map_err(|error| vec![Problem::whole(error.to_string())])?;
        let prepared = self.intake.prepare(json);
        prepared.map_err(|invalid| self.problems(&invalid))
    }

    fn problems(&self, invalid: &Invalid) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (field, messages) in invalid.fields() {
            for message in messages {
                problems.push(match field.as_str() {
                    WHOLE => Problem::whole(message),
                    field => Problem::of(self.mapping.called(field), message),
                });
            }
        }
        problems
    }
}
