//! Enums whose values are indices: into an array of a map value, or into a map.
//!
//! Each value is written down once. Its index, the number of values, and for those that become metric labels the
//! list of all values and their labels follow from that list. What the values index lies in maps, so a new value is
//! added at the end, with a new [`ABI_VERSION`](crate::ABI_VERSION).

/// Defines an enum, and a constant with the number of its values. With labels, defines `ALL` and `label` as well.
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
