//! Rows that are written as arrays: a struct in Rust, its fields in their order in JSON.
//!
//! A stream says the same of every link each second. Without the names of the fields that takes a quarter of the bytes.
//! The names are in the topology, once. Columns are only ever added at the end, so a reader ignores those beyond its own.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, SeqAccess, Visitor},
};

/// Takes the columns of a row one after the other.
pub(super) trait FromColumns: Sized {
    /// Takes the columns in their order.
    fn from_columns<'de, A: SeqAccess<'de>>(columns: &mut Columns<A>) -> Result<Self, A::Error>;
}

/// The columns that are left of a row.
pub(super) struct Columns<A> {
    left: A,
    taken: usize,
}

impl<'de, A: SeqAccess<'de>> Columns<A> {
    /// Takes the next column.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<T, A::Error> {
        self.taken += 1;
        let missing = || A::Error::custom(format_args!("a row without column {}", self.taken));
        self.left.next_element()?.ok_or_else(missing)
    }
}

/// Reads a row, and ignores columns beyond those that are known.
pub(super) fn read<'de, D: Deserializer<'de>, T: FromColumns>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_seq(Row(PhantomData))
}

struct Row<T>(PhantomData<T>);

impl<'de, T: FromColumns> Visitor<'de> for Row<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, left: A) -> Result<T, A::Error> {
        let mut columns = Columns { left, taken: 0 };
        let row = T::from_columns(&mut columns)?;
        while columns.left.next_element::<IgnoredAny>()?.is_some() {}
        Ok(row)
    }
}

/// Declares a row: a struct whose fields are columns in JSON.
macro_rules! row {
    ($(#[$about:meta])* $vis:vis struct $name:ident {
        $($(#[$what:meta])* $field_vis:vis $field:ident: $type:ty,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        $vis struct $name { $($(#[$what])* $field_vis $field: $type,)* }

        impl $name {
            /// The names of the columns.
            $vis const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeSeq as _;
                let mut row = serializer.serialize_seq(Some(Self::COLUMNS.len()))?;
                $(row.serialize_element(&self.$field)?;)*
                row.end()
            }
        }

        impl $crate::api::columns::FromColumns for $name {
            fn from_columns<'de, A: serde::de::SeqAccess<'de>>(
                columns: &mut $crate::api::columns::Columns<A>,
            ) -> Result<Self, A::Error> {
                Ok(Self { $($field: columns.next()?,)* })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::api::columns::read(deserializer)
            }
        }
    };
}
pub(super) use row;

#[cfg(test)]
mod tests {
    row! {
        /// A row.
        struct Pair {
            /// One.
            one: u64,
            /// Other.
            other: Option<u64>,
        }
    }

    #[test]
    fn a_row_is_an_array_and_columns_that_are_added_later_are_ignored() {
        let pair = Pair { one: 3, other: None };
        assert_eq!(Pair::COLUMNS, ["one", "other"]);
        assert_eq!(serde_json::to_string(&pair).unwrap(), "[3,null]");
        for text in ["[3,null]", r#"[3,null,7,{"later":[]}]"#] {
            assert_eq!(serde_json::from_str::<Pair>(text).unwrap(), pair);
        }
        let error = serde_json::from_str::<Pair>("[3]").unwrap_err();
        assert!(error.to_string().contains("a row without column 2"), "{error}");
    }
}
