//! Keys that take one of a few words.

/// An enumeration of which each variant has one word: its first is the default, it prints and is
/// serialised as its word, and is parsed from it.
macro_rules! words {
    ($(#[$about:meta])* pub enum $name:ident: $what:literal {
        $(#[$first_about:meta])* $first:ident = $first_word:literal,
        $($(#[$variant_about:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $(#[$first_about])*
            #[default]
            #[serde(rename = $first_word)]
            $first,
            $($(#[$variant_about])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Each, the default first.
            pub const ALL: [Self; Self::WORDS.len()] = [Self::$first, $(Self::$variant),*];
            /// The word of each, the default first.
            pub const WORDS: &[&str] = &[$first_word, $($word),*];

            /// Its word in configuration files.
            pub fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $first_word => Ok(Self::$first),
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::util::words::none_of(text, $what, Self::WORDS)),
                }
            }
        }
    };
}
pub(crate) use words;

/// That a text is none of the words.
pub(crate) fn none_of(text: &str, what: &str, words: &[&str]) -> String {
    let listed: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match listed.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("`{text}` is not {what}: {} and {last} are", rest.join(", "))
        }
        _ => format!("`{text}` is not {what}: {} is", listed.concat()),
    }
}
