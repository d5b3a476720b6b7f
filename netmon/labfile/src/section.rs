//! One table of a lab file, read by the keys of its [`Schema`].
//!
//! Opening a section reports every key that does not belong there; reading a key reports a missing one or
//! a wrong type. A mistyped key is reported, and then taken for the one that was meant, so that what is
//! wrong further on comes to light in the same run.

use std::{ops::Range, ptr};

use netmon_model::text::quoted;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    report::Report,
    schema::{Key, Need, Schema, Shape},
    suggest::closest,
};

/// A value and its place in the text.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;
/// A text of the file and its place.
pub(super) type Text<'t> = Spanned<&'t str>;

/// A table whose keys are known.
pub(super) struct Section<'t, 'i> {
    schema: &'static Schema,
    /// Where complaints about the table as a whole point to.
    at: Range<usize>,
    values: Vec<(&'static str, &'t Value<'i>)>,
    /// Whether nothing at all is written in it.
    is_empty: bool,
}

impl<'t, 'i> Section<'t, 'i> {
    /// Opens `table`, and reports the keys that do not belong there.
    pub(super) fn open(
        schema: &'static Schema,
        table: &'t DeTable<'i>,
        at: Range<usize>,
        report: &mut Report<'_>,
    ) -> Self {
        let values = Vec::with_capacity(table.len());
        let mut section = Self { schema, at, values, is_empty: table.is_empty() };
        let mut strange = Vec::new();
        for (name, value) in table {
            match schema.keys.iter().find(|key| key.name == name.get_ref()) {
                Some(key) => section.values.push((key.name, value)),
                None => strange.push((name, value)),
            }
        }
        for (name, value) in strange {
            let meant = section.refuse_unknown(name.get_ref(), name.span(), report);
            // Not in place of a key that is there: then the slip is the other one. A section there can be twice.
            if let Some(meant) =
                meant.filter(|meant| section.get(meant.name).is_none() || meant.is_repeatable())
            {
                section.values.push((meant.name, value));
            }
        }
        section
    }

    fn refuse_unknown(&self, name: &str, at: Range<usize>, report: &mut Report<'_>) -> Option<&'static Key> {
        let known = self.schema.keys.iter().map(|key| key.name);
        let meant = closest(name, known, &mut report.comparisons_left);
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`? {}", self.key_list()),
            None => self.key_list(),
        };
        report.error(at, format!("unknown key {} in {}", quoted(name), self.schema.title), help);
        self.schema.supported().find(|key| Some(key.name) == meant)
    }

    fn key_list(&self) -> String {
        let names: Vec<_> = self.schema.supported().map(|key| key.name).collect();
        format!("the keys of {} are {}", self.schema.title, names.join(", "))
    }

    /// Whether nothing is written in it.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// How messages call it.
    pub(super) fn title(&self) -> &'static str {
        self.schema.title
    }

    /// Where the section is.
    pub(super) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// The value of a key, whatever its type; says nothing when it is absent.
    pub(super) fn get(&self, key: &str) -> Option<&'t Value<'i>> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// The value of a key; a required one that is absent is reported. `is_such`: what the caller takes it for.
    fn read(
        &self,
        key: &str,
        is_such: impl Fn(Shape) -> bool,
        report: &mut Report<'_>,
    ) -> Option<(&'static Key, &'t Value<'i>)> {
        let key = self.schema.keys.iter().find(|known| known.name == key)?;
        debug_assert!(is_such(key.shape), "the schema has {:?} for {}", key.shape, key.name);
        let value = self.get(key.name);
        if value.is_none() && key.need == Need::Required && report.is_whole(&self.at) {
            let message = format!("{} lacks `{}`", self.schema.title, key.name);
            report.error(self.at(), message, format!("add {}", key.example));
        }
        value.map(|value| (key, value))
    }

    /// A text.
    pub(super) fn string(&self, key: &str, report: &mut Report<'_>) -> Option<Text<'t>> {
        let (key, value) = self.read(key, |shape| matches!(shape, Shape::Text(_)), report)?;
        text(value).or_else(|| wrong_type(&format!("`{}`", key.name), "a string", value, key, report))
    }

    /// A list of texts; elements of another type are reported and left out.
    pub(super) fn strings(&self, key: &str, report: &mut Report<'_>) -> Option<Vec<Text<'t>>> {
        let (key, value) = self.read(key, |shape| matches!(shape, Shape::Texts(..)), report)?;
        let DeValue::Array(elements) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "an array of strings", value, key, report);
        };
        let what = format!("every element of `{}`", key.name);
        let read = |element| text(element).or_else(|| wrong_type(&what, "a string", element, key, report));
        Some(elements.iter().filter_map(read).collect())
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &str, report: &mut Report<'_>) -> Option<bool> {
        let (key, value) = self.read(key, |shape| matches!(shape, Shape::Boolean), report)?;
        let DeValue::Boolean(is) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "true or false", value, key, report);
        };
        Some(*is)
    }

    /// A whole number.
    pub(super) fn integer(&self, key: &str, report: &mut Report<'_>) -> Option<Spanned<i128>> {
        let (key, value) = self.read(key, |shape| matches!(shape, Shape::Integer(..)), report)?;
        let DeValue::Integer(digits) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "an integer", value, key, report);
        };
        // Beyond 128 bits the exact value does not matter any more: it is out of every range.
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX);
        Some(Spanned::new(value.span(), number))
    }

    /// A table of its own.
    pub(super) fn table(
        &self,
        key: &str,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Option<Section<'t, 'i>> {
        let is_such = |shape| matches!(shape, Shape::Table(of) if ptr::eq(of, schema));
        let (key, value) = self.read(key, is_such, report)?;
        let DeValue::Table(table) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "a table", value, key, report);
        };
        Some(Section::open(schema, table, value.span(), report))
    }

    /// A list of tables, as `[[key]]` or in brackets; elements of another type are reported and left out.
    pub(super) fn tables(
        &self,
        key: &str,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Vec<Section<'t, 'i>> {
        let is_such = |shape| matches!(shape, Shape::Tables(of) if ptr::eq(of, schema));
        let Some((key, _)) = self.read(key, is_such, report) else {
            return Vec::new();
        };
        // More than one if a section is misspelt.
        let values = self.values.iter().filter(|(name, _)| *name == key.name);
        values.flat_map(|(_, value)| tables_of(value, key, schema, report)).collect()
    }

    /// Key and text of every entry of a table whose keys are free (`sysctls`).
    pub(super) fn entries(&self, key: &str, report: &mut Report<'_>) -> Vec<(Text<'t>, Text<'t>)> {
        let Some((key, value)) = self.read(key, |shape| matches!(shape, Shape::Sysctls), report) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            wrong_type::<()>(&format!("`{}`", key.name), "a table", value, key, report);
            return Vec::new();
        };
        let entry = |(name, value): (&'t Spanned<_>, &'t Value<'i>)| {
            let name: Text<'t> = Spanned::new(name.span(), AsRef::<str>::as_ref(name.get_ref()));
            let what = format!("the value of {}", quoted(name.get_ref()));
            let value = text(value).or_else(|| wrong_type(&what, "a string", value, key, report))?;
            Some((name, value))
        };
        table.iter().filter_map(entry).collect()
    }
}

fn text<'t>(value: &'t Value<'_>) -> Option<Text<'t>> {
    value.get_ref().as_str().map(|text| Spanned::new(value.span(), text))
}

fn tables_of<'t, 'i>(
    value: &'t Value<'i>,
    key: &'static Key,
    schema: &'static Schema,
    report: &mut Report<'_>,
) -> Vec<Section<'t, 'i>> {
    match value.get_ref() {
        DeValue::Array(elements) => {
            elements.iter().filter_map(|element| element_table(element, key, schema, report)).collect()
        }
        DeValue::Table(table) => {
            // `[link]` for `[[link]]`: reported, and read as the only element.
            wrong_type::<()>(&format!("`{}`", key.name), "an array of tables", value, key, report);
            vec![Section::open(schema, table, value.span(), report)]
        }
        _ => {
            wrong_type::<()>(&format!("`{}`", key.name), "an array of tables", value, key, report);
            Vec::new()
        }
    }
}

fn element_table<'t, 'i>(
    element: &'t Value<'i>,
    key: &'static Key,
    schema: &'static Schema,
    report: &mut Report<'_>,
) -> Option<Section<'t, 'i>> {
    let DeValue::Table(table) = element.get_ref() else {
        return wrong_type(&format!("every element of `{}`", key.name), "a table", element, key, report);
    };
    Some(Section::open(schema, table, element.span(), report))
}

/// Reports a value of the wrong type; always none, so that it ends an expression.
fn wrong_type<T>(
    what: &str,
    wanted: &str,
    value: &Value<'_>,
    key: &Key,
    report: &mut Report<'_>,
) -> Option<T> {
    if report.is_full() {
        return None;
    }
    let given = match value.get_ref() {
        DeValue::Integer(_) => "an integer",
        DeValue::Array(_) => "an array",
        DeValue::String(_) => "a string",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Table(_) => "a table",
    };
    report.error(
        value.span(),
        format!("{what} must be {wanted}, not {given}"),
        format!("write {}", key.example),
    );
    None
}
