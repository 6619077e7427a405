//! What a format has: its objects and their fields. Reading, suggestions and the JSON schema all go
//! by these tables.

/// An object of a format.
#[derive(Debug)]
pub(super) struct Object {
    /// Its name in the JSON schema.
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
    /// What it is where it is left out, as YAML; empty where that says nothing.
    pub(super) default: &'static str,
    pub(super) required: bool,
}

/// What may stand at a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Text that is exactly this.
    Constant(&'static str),
    /// One of a few words.
    Words(&'static [&'static str]),
    /// An integer between two, both included.
    Integer(i64, i64),
    Boolean,
    List(&'static Kind),
    /// A list of objects.
    Objects(&'static Object),
    /// A mapping whose keys are the user's.
    Map(&'static Kind),
    Object(&'static Object),
    /// Nothing: the field is known, and refused with this reason.
    Refused(&'static str),
}

impl Kind {
    /// What it is called in a fault.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Text | Self::Constant(_) | Self::Words(_) => "text",
            Self::Integer(..) => "a whole number",
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

    /// The fields that a user can set.
    pub(super) fn live(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| !matches!(field.kind, Kind::Refused(_)))
    }
}

/// A field that may be left out.
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
