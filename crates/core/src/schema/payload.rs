//! How the derived payloads are read from a JSON object.
//!
//! Kept out of the derives' output so that it is compiled once, not once per command and event.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use super::{FieldType, Value};

/// The keys of an object on their way in, matched against the keys that a payload has.
///
/// A payload is written with its keys in order, so the key after the one just read is tried first.
pub struct Keys {
    names: &'static [&'static str],
    unknown: Unknown,
    current: usize,
}

#[derive(Clone, Copy)]
enum Unknown {
    Ignored,
    Refused,
}

impl Keys {
    /// Keys of which unknown ones are passed over.
    #[must_use]
    pub const fn ignoring(names: &'static [&'static str]) -> Self {
        Self {
            names,
            unknown: Unknown::Ignored,
            current: names.len(),
        }
    }

    /// Keys of which unknown ones are errors.
    #[must_use]
    pub const fn refusing(names: &'static [&'static str]) -> Self {
        Self {
            names,
            unknown: Unknown::Refused,
            current: names.len(),
        }
    }

    /// The index of the object's next key, `Some(None)` for an unknown one, and `None` at the end
    /// of the object.
    ///
    /// # Errors
    /// When the input is no object, or the key is unknown and refused.
    #[allow(
        clippy::option_option,
        reason = "the end and an unknown key are two things"
    )]
    pub fn next<'de, A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
    ) -> Result<Option<Option<usize>>, A::Error> {
        let key = map.next_key_seed(&*self)?;
        if let Some(Some(at)) = key {
            self.current = at;
        }
        Ok(key)
    }

    /// Reads the value of the key just met.
    ///
    /// # Errors
    /// When the key was met before, or the value is not of the field's type. Both name the field.
    pub fn value<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
        &self,
        map: &mut A,
        slot: &mut Option<T>,
    ) -> Result<(), A::Error> {
        let name = self.names[self.current];
        if slot.is_some() {
            return Err(A::Error::duplicate_field(name));
        }
        let value = map.next_value();
        *slot = Some(value.map_err(|error| A::Error::custom(format_args!("`{name}`: {error}")))?);
        Ok(())
    }

    /// Passes over the value of an unknown key.
    ///
    /// # Errors
    /// When the input is not JSON.
    pub fn skip<'de, A: MapAccess<'de>>(&self, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(drop)
    }
}

impl<'de> DeserializeSeed<'de> for &Keys {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_identifier(self)
    }
}

impl Visitor<'_> for &Keys {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let expected = if self.current < self.names.len() {
            self.current + 1
        } else {
            0
        };
        if self.names.get(expected).is_some_and(|name| *name == key) {
            return Ok(Some(expected));
        }
        match (
            self.names.iter().position(|name| *name == key),
            self.unknown,
        ) {
            (None, Unknown::Refused) => Err(E::unknown_field(key, self.names)),
            (found, _) => Ok(found),
        }
    }
}

/// The value of a field; nothing where the object said nothing and the field is optional.
///
/// # Errors
/// When the field is missing and not optional.
pub fn present<T: FieldType, E: Error>(slot: Option<T>, name: &'static str) -> Result<T, E> {
    match slot {
        Some(value) => Ok(value),
        None if T::OPTIONAL => T::from_value(Value::Null).map_err(E::custom),
        None => Err(E::missing_field(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an object of numbers; the sum of the known ones, by index.
    struct Numbers(Keys);

    impl<'de> Visitor<'de> for Numbers {
        type Value = [Option<i64>; 2];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut slots = [None, None];
            while let Some(key) = self.0.next(&mut map)? {
                match key {
                    Some(at) => self.0.value(&mut map, &mut slots[at])?,
                    None => self.0.skip(&mut map)?,
                }
            }
            Ok(slots)
        }
    }

    fn read(keys: Keys, json: &str) -> Result<[Option<i64>; 2], String> {
        let mut source = serde_json::Deserializer::from_str(json);
        serde::Deserializer::deserialize_map(&mut source, Numbers(keys))
            .map_err(|error| error.to_string())
    }

    const NAMES: &[&str] = &["a", "b"];

    #[test]
    fn keys_are_found_in_any_order() {
        for json in [
            r#"{"a":1,"b":2}"#,
            r#"{"b":2,"a":1}"#,
            r#"{"x":[{}],"a":1,"y":0,"b":2}"#,
        ] {
            assert_eq!(
                read(Keys::ignoring(NAMES), json),
                Ok([Some(1), Some(2)]),
                "{json}"
            );
        }
        assert_eq!(
            read(Keys::refusing(NAMES), r#"{"b":2}"#),
            Ok([None, Some(2)])
        );
    }

    #[test]
    fn what_cannot_be_read_names_the_key() {
        for (json, message) in [
            (r#"{"a":1,"a":2}"#, "duplicate field `a`"),
            (r#"{"a":1,"x":2}"#, "unknown field `x`, expected `a` or `b`"),
            (
                r#"{"b":"2"}"#,
                "`b`: invalid type: string \"2\", expected i64",
            ),
        ] {
            let error = read(Keys::refusing(NAMES), json).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn only_an_optional_field_may_be_missing() {
        type Outcome<T> = Result<T, serde_json::Error>;
        let absent: Outcome<Option<i64>> = present(None, "a");
        assert_eq!(absent.unwrap(), None);
        let missing: Outcome<i64> = present(None, "a");
        assert_eq!(missing.unwrap_err().to_string(), "missing field `a`");
    }
}
