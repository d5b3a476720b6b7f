//! One table of a lab file, read by the keys of its [`Schema`].
//!
//! Opening a section reports unknown keys. Reading a key reports its absence, if it is required, or a wrong type. A
//! misspelt key is reported and then read as the one that was meant, so that errors in its value are reported in the same
//! run.

use std::{ops::Range, ptr};

use netmon_model::text::quoted;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    report::Report,
    schema::{Key, Need, Schema, ValueType},
    suggest::closest,
};

/// A value, with its place in the text.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;
/// A string of the file, with its place.
pub(super) type Text<'t> = Spanned<&'t str>;

/// A table whose keys are known.
pub(super) struct Section<'t, 'i> {
    schema: &'static Schema,
    /// Where errors about the table as a whole point.
    at: Range<usize>,
    values: Vec<(&'static str, &'t Value<'i>)>,
    /// Whether the table has no keys at all.
    is_empty: bool,
}

impl<'t, 'i> Section<'t, 'i> {
    /// Opens `table`, and reports unknown keys.
    pub(super) fn open(
        schema: &'static Schema,
        table: &'t DeTable<'i>,
        at: Range<usize>,
        report: &mut Report<'_>,
    ) -> Self {
        let values = Vec::with_capacity(table.len());
        let mut section = Self { schema, at, values, is_empty: table.is_empty() };
        let mut unknown = Vec::new();
        for (name, value) in table {
            match schema.keys.iter().find(|key| key.name == name.get_ref()) {
                Some(key) => section.values.push((key.name, value)),
                None => unknown.push((name, value)),
            }
        }
        for (name, value) in unknown {
            let meant = section.refuse_unknown(name.get_ref(), name.span(), report);
            // If the key is there as well, this one is something else; but a section may appear more than once.
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

    /// Whether it has no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Its name in messages.
    pub(super) fn title(&self) -> &'static str {
        self.schema.title
    }

    /// Where the section is.
    pub(super) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// The value of a key, of any type. Reports nothing.
    pub(super) fn get(&self, key: &str) -> Option<&'t Value<'i>> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// The value of a key. Reports a required one that is absent. `is_expected` checks that the schema has the type that the
    /// caller reads.
    fn read(
        &self,
        key: &str,
        is_expected: impl Fn(ValueType) -> bool,
        report: &mut Report<'_>,
    ) -> Option<(&'static Key, &'t Value<'i>)> {
        let key = self.schema.keys.iter().find(|known| known.name == key)?;
        debug_assert!(is_expected(key.value), "the schema has {:?} for {}", key.value, key.name);
        let value = self.get(key.name);
        if value.is_none() && key.need == Need::Required && report.is_whole(&self.at) {
            let message = format!("{} lacks `{}`", self.schema.title, key.name);
            report.error(self.at(), message, format!("add {}", key.example));
        }
        value.map(|value| (key, value))
    }

    /// Reads a string.
    pub(super) fn string(&self, key: &str, report: &mut Report<'_>) -> Option<Text<'t>> {
        let (key, value) = self.read(key, |value| matches!(value, ValueType::Text(_)), report)?;
        text(value).or_else(|| wrong_type(&format!("`{}`", key.name), "a string", value, key, report))
    }

    /// Reads a list of strings. Elements of another type are reported and left out.
    pub(super) fn strings(&self, key: &str, report: &mut Report<'_>) -> Option<Vec<Text<'t>>> {
        let (key, value) = self.read(key, |value| matches!(value, ValueType::Texts(..)), report)?;
        let DeValue::Array(elements) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "an array of strings", value, key, report);
        };
        let what = format!("every element of `{}`", key.name);
        let read = |element| text(element).or_else(|| wrong_type(&what, "a string", element, key, report));
        Some(elements.iter().filter_map(read).collect())
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&self, key: &str, report: &mut Report<'_>) -> Option<bool> {
        let (key, value) = self.read(key, |value| matches!(value, ValueType::Boolean), report)?;
        let DeValue::Boolean(is) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "true or false", value, key, report);
        };
        Some(*is)
    }

    /// Reads an integer.
    pub(super) fn integer(&self, key: &str, report: &mut Report<'_>) -> Option<Spanned<i128>> {
        let (key, value) = self.read(key, |value| matches!(value, ValueType::Integer(..)), report)?;
        let DeValue::Integer(digits) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "an integer", value, key, report);
        };
        // Beyond 128 bits the exact value does not matter: it is out of every range.
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX);
        Some(Spanned::new(value.span(), number))
    }

    /// Reads a table.
    pub(super) fn table(
        &self,
        key: &str,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Option<Section<'t, 'i>> {
        let is_expected = |value| matches!(value, ValueType::Table(of) if ptr::eq(of, schema));
        let (key, value) = self.read(key, is_expected, report)?;
        let DeValue::Table(table) = value.get_ref() else {
            return wrong_type(&format!("`{}`", key.name), "a table", value, key, report);
        };
        Some(Section::open(schema, table, value.span(), report))
    }

    /// Reads a list of tables, as `[[key]]` or in brackets. Elements of another type are reported and left out.
    pub(super) fn tables(
        &self,
        key: &str,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Vec<Section<'t, 'i>> {
        let is_expected = |value| matches!(value, ValueType::Tables(of) if ptr::eq(of, schema));
        let Some((key, _)) = self.read(key, is_expected, report) else {
            return Vec::new();
        };
        // Misspelt sections are read as well.
        let values = self.values.iter().filter(|(name, _)| *name == key.name);
        values.flat_map(|(_, value)| tables_of(value, key, schema, report)).collect()
    }

    /// Reads the keys and strings of a table with any keys (`sysctls`, `env`).
    pub(super) fn entries(&self, key: &str, report: &mut Report<'_>) -> Vec<(Text<'t>, Text<'t>)> {
        let is_open = |value| matches!(value, ValueType::Sysctls | ValueType::Environment);
        let Some((key, value)) = self.read(key, is_open, report) else {
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

/// Reports a value of the wrong type. Always returns `None`.
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
