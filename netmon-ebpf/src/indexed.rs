//! Enums whose values are indices into a map, or into an array of a map value.
//!
//! The macro gets a list of the values, and of their labels if they are labels of a metric. Indices, the number of
//! values, `ALL` and `label` follow from it. Pinned maps are indexed by the values, so a new value goes to the end of
//! the list, and needs a new [`ABI_VERSION`](crate::ABI_VERSION).

/// Defines an enum and the number of its values. If the values have labels, also defines `ALL` and `label`.
macro_rules! indexed {
    (
        $(#[$enum_doc:meta])*
        pub enum $name:ident;
        $(#[$count_doc:meta])*
        pub const $count:ident;
        $($(#[$doc:meta])* $value:ident),* $(,)?
    ) => {
        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name {
            $($(#[$doc])* $value,)*
        }

        $(#[$count_doc])*
        pub const $count: usize = [$($name::$value),*].len();

        impl $name {
            /// Returns the value with this index, or `None` if there is none.
            #[inline(always)]
            #[must_use]
            pub fn from_index(index: usize) -> Option<Self> {
                // Not by comparisons, which the verifier would follow one by one.
                static VALUES: [$name; $count] = [$($name::$value),*];
                VALUES.get(index).copied()
            }
        }
    };
    (
        $(#[$enum_doc:meta])*
        pub enum $name:ident;
        $(#[$count_doc:meta])*
        pub const $count:ident;
        $($(#[$doc:meta])* $value:ident = $label:literal),* $(,)?
    ) => {
        indexed! {
            $(#[$enum_doc])*
            pub enum $name;
            $(#[$count_doc])*
            pub const $count;
            $($(#[$doc])* $value,)*
        }

        impl $name {
            /// Every value, in the order of its index.
            pub const ALL: [Self; $count] = [$(Self::$value),*];

            /// Returns the value of the metric's label.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$value => $label,)*
                }
            }
        }
    };
}

pub(crate) use indexed;
