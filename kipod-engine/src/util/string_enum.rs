//! Enumerations whose variants are keywords of the configuration formats.

use std::fmt;

/// Defines an enumeration whose variants each have one name.
///
/// The first variant is the default. Each is displayed, serialised and parsed by its name.
macro_rules! string_enum {
    ($(#[$about:meta])* pub enum $name:ident: $what:literal {
        $(#[$first_about:meta])* $first:ident = $first_name:literal,
        $($(#[$variant_about:meta])* $variant:ident = $variant_name:literal,)*
    }) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[non_exhaustive]
        pub enum $name {
            $(#[$first_about])*
            #[default]
            #[serde(rename = $first_name)]
            $first,
            $($(#[$variant_about])* #[serde(rename = $variant_name)] $variant,)*
        }

        impl $name {
            /// All variants, the default first.
            pub const ALL: [Self; Self::NAMES.len()] = [Self::$first, $(Self::$variant),*];
            /// The names of all variants, the default first.
            pub const NAMES: &[&str] = &[$first_name, $($variant_name),*];

            /// Returns the name used in configuration files.
            pub fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_name,
                    $(Self::$variant => $variant_name,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::util::string_enum::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $first_name => Ok(Self::$first),
                    $($variant_name => Ok(Self::$variant),)*
                    _ => Err(Self::Err { text: text.to_owned(), what: $what, names: Self::NAMES }),
                }
            }
        }
    };
}
pub(crate) use string_enum;

/// An error of the name of a variant, such as of a role: the text is not one of the names.
///
/// ```
/// use kipod_engine::Role;
///
/// let error = "master".parse::<Role>().unwrap_err();
/// assert_eq!(error.to_string(), "`master` is not a role: expected `control-plane` or `worker`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// The text.
    pub(crate) text: String,
    /// The enumeration, with its article: `a role`.
    pub(crate) what: &'static str,
    /// The names of all variants.
    pub(crate) names: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
        let names = match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        };
        write!(f, "`{}` is not {}: expected {names}", self.text, self.what)
    }
}

impl std::error::Error for UnknownName {}
