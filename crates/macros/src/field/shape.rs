//! What a field's type, as it is written, says about the rules that fit it.

use quote::ToTokens;
use syn::{GenericArgument, Lit, PathArguments, Type};

/// What kind of values a type has, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Float,
    Decimal,
    Boolean,
    Uuid,
    Timestamp,
    /// A type of the application, such as a typed id: its `FieldType::KIND` tells, but not here.
    Unknown,
}

/// A type as it is written.
pub(crate) struct Shape {
    /// Whether it is an `Option`.
    pub(crate) optional: bool,
    /// The kind of its values.
    pub(crate) kind: Kind,
    /// The type itself, for messages.
    pub(crate) written: String,
}

impl Shape {
    /// The shape of a type.
    pub(crate) fn of(ty: &Type) -> Self {
        let inner = optional(ty);
        let written = ty.to_token_stream().to_string().replace(' ', "");
        Self {
            optional: inner.is_some(),
            kind: kind(inner.unwrap_or(ty)),
            written,
        }
    }
}

fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == "Option" => Some(inner),
        _ => None,
    }
}

fn kind(ty: &Type) -> Kind {
    let Type::Path(path) = ty else {
        return Kind::Unknown;
    };
    let Some(last) = path.path.segments.last() else {
        return Kind::Unknown;
    };
    match last.ident.to_string().as_str() {
        "String" => Kind::Text,
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" => Kind::Integer,
        "f64" => Kind::Float,
        "bool" => Kind::Boolean,
        "Decimal" => Kind::Decimal,
        "Uuid" => Kind::Uuid,
        "Timestamp" => Kind::Timestamp,
        _ => Kind::Unknown,
    }
}

impl Shape {
    /// Whether a literal becomes a value of this type only by a conversion: text in quotes, and
    /// whole numbers for a `Decimal`.
    pub(crate) const fn wants_conversion(&self, literal: &Lit) -> bool {
        match literal {
            Lit::Str(_) => true,
            Lit::Int(_) => matches!(self.kind, Kind::Decimal),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(ty: &str) -> Shape {
        Shape::of(&syn::parse_str(ty).expect("a type"))
    }

    #[test]
    fn the_kind_is_that_of_the_last_name() {
        for (ty, kind) in [
            ("String", Kind::Text),
            ("std::string::String", Kind::Text),
            ("u32", Kind::Integer),
            ("f64", Kind::Float),
            ("rust_decimal::Decimal", Kind::Decimal),
            ("BookId", Kind::Unknown),
            ("[u8; 4]", Kind::Unknown),
            ("u64", Kind::Unknown),
        ] {
            assert_eq!(shape(ty).kind, kind, "{ty}");
            assert!(!shape(ty).optional, "{ty}");
        }
    }

    #[test]
    fn an_option_has_the_kind_of_what_it_holds() {
        for ty in ["Option<i64>", "core::option::Option<i64>"] {
            assert!(shape(ty).optional, "{ty}");
            assert_eq!(shape(ty).kind, Kind::Integer, "{ty}");
        }
        assert_eq!(shape("Vec<i64>").kind, Kind::Unknown);
        assert_eq!(shape("Option < i64 >").written, "Option<i64>");
    }
}
