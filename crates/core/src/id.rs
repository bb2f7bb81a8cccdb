//! Typed identifiers, so that a book's id cannot be passed where an order's is wanted.

/// Declares identifier types: UUIDv7 inside, so that new rows land at the end of every index.
///
/// Each type parses from and prints as the hyphenated form, and can be a field of any element.
///
/// ```
/// protean_core::id! {
///     /// The identity of a book.
///     pub struct BookId;
/// }
///
/// let id = BookId::new();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[macro_export]
macro_rules! id {
    ($($(#[$attribute:meta])* $visibility:vis struct $name:ident;)+) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name($crate::__private::Uuid);

        #[allow(clippy::new_without_default, reason = "every call makes another identity")]
        impl $name {
            /// A new identity, later in order than those made before it.
            #[must_use]
            $visibility fn new() -> Self {
                Self($crate::__private::Uuid::now_v7())
            }

            /// The identity with this UUID.
            #[must_use]
            $visibility const fn from_uuid(uuid: $crate::__private::Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            $visibility const fn uuid(self) -> $crate::__private::Uuid {
                self.0
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::id::ParseIdError;

            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                $crate::id::parse(text).map(Self)
            }
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $crate::__private::serde::Serialize::serialize(&self.0, serializer)
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::__private::serde::Deserialize::deserialize(deserializer).map(Self)
            }
        }

        impl $crate::schema::FieldType for $name {
            const KIND: $crate::schema::Kind = $crate::schema::Kind::Uuid;

            fn to_value(&self) -> $crate::schema::Value {
                $crate::schema::Value::Uuid(self.0)
            }

            fn from_value(
                value: $crate::schema::Value,
            ) -> ::core::result::Result<Self, $crate::schema::Mismatch> {
                $crate::schema::FieldType::from_value(value).map(Self)
            }
        }
    )+};
}

use uuid::Uuid;

/// A text that is not a UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[PE0106] expected a UUID such as 0190b6a4-7d3c-7c1e-8d2f-3a5b6c7d8e9f, found \"{found}\"")]
pub struct ParseIdError {
    found: String,
}

/// The UUID that `text` spells.
///
/// # Errors
/// When it spells none.
pub fn parse(text: &str) -> Result<Uuid, ParseIdError> {
    Uuid::try_parse(text).map_err(|_| ParseIdError {
        found: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    crate::id! {
        /// An identity.
        struct ThingId;
    }

    #[test]
    fn ids_are_ordered_by_age_and_survive_text_and_json() {
        let (older, newer) = (ThingId::new(), ThingId::new());
        assert!(older < newer);
        let json = serde_json::to_string(&older).unwrap();
        assert_eq!(json, format!("\"{older}\""));
        assert_eq!(serde_json::from_str::<ThingId>(&json).unwrap(), older);
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        let id = ThingId::new();
        assert_eq!(ThingId::from_uuid(id.uuid()), id);
        let error = "book-7".parse::<ThingId>().unwrap_err();
        assert!(error.to_string().ends_with("found \"book-7\""));
    }
}
