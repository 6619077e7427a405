//! Types of the tables that describe a format. Reading, suggestions and the JSON schema use them.

/// An object of a format.
#[derive(Debug)]
pub(super) struct Object {
    /// The name in the JSON schema.
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    /// The default as YAML; empty without one.
    pub(super) default: &'static str,
    pub(super) required: bool,
}

/// The type of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Text that can be a number in YAML.
    Quantity,
    /// A constant text.
    Constant(&'static str),
    /// One of several names.
    Names(&'static [&'static str]),
    /// An integer between two values, both included.
    Integer(i64, i64),
    Boolean,
    List(&'static Kind),
    /// A list of objects.
    Objects(&'static Object),
    /// A mapping with arbitrary keys.
    Map(&'static Kind),
    Object(&'static Object),
    /// A known field that is refused with this reason.
    Refused(&'static str),
}

impl Kind {
    /// Returns the description in errors.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Text | Self::Quantity | Self::Constant(_) | Self::Names(_) => "text",
            Self::Integer(..) => "an integer",
            Self::Boolean => "`true` or `false`",
            Self::List(_) | Self::Objects(_) => "a list",
            Self::Map(_) | Self::Object(_) => "a mapping",
            Self::Refused(_) => "nothing",
        }
    }
}

impl Object {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Iterates over the fields that can be set.
    pub(super) fn supported(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| !matches!(field.kind, Kind::Refused(_)))
    }
}

/// Creates an optional field.
pub(super) const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about, default: "", required: false }
}

impl Field {
    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}
