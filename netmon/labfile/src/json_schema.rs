//! The grammar of the lab file as a JSON Schema (draft 2020-12), for editors that check and complete TOML by one.
//!
//! Made from the table in [`super::schema`], so that it knows each key that is read and no other. It never refuses a
//! valid file. It takes some that are not valid: that a reference leads somewhere is beyond a schema.

use netmon_model::{
    lab::RECORD_TYPES,
    names::{MAX_IFNAME, MAX_LABNAME, MAX_NSNAME, MAX_SERVICE_NAME, ROOT},
};
use serde_json::{Map, Value, json};

use super::schema::{Form, Key, LAB, Need, Schema, Shape};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a whole file.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = table(&LAB);
    schema["$schema"] = DRAFT.into();
    schema["title"] = "netmon lab file".into();
    schema["description"] =
        "Network namespaces, how they are joined, and what runs in them (docs/LABFILE.md).".into();
    schema
}

fn table(schema: &Schema) -> Value {
    let properties: Map<_, _> = schema.supported().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<_> =
        schema.supported().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = required.into();
    }
    if !schema.one_of.is_empty() {
        let one = |key: &&str| json!({ "required": [key] });
        table["oneOf"] = schema.one_of.iter().map(one).collect();
    }
    table
}

fn property(key: &Key) -> Value {
    let mut property = match key.shape {
        Shape::Text(form) => text(form),
        Shape::Texts(form, 0) => json!({ "type": "array", "items": text(form) }),
        Shape::Texts(form, least) => json!({ "type": "array", "items": text(form), "minItems": least }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Table(schema) => table(schema),
        Shape::Tables(schema) => json!({ "type": "array", "items": table(schema) }),
        Shape::Sysctls => json!({
            "type": "object",
            "propertyNames": { "pattern": r"^net\.\S+$" },
            "additionalProperties": { "type": "string" },
        }),
    };
    property["description"] = format!("{}\n\n{}", key.about, key.example).into();
    property
}

/// Lengths are bytes in netmon and characters in a schema, which are never more.
fn text(form: Form) -> Value {
    // One file name that no command takes for an option.
    let name = |longest: usize| json!({ "type": "string", "pattern": r"^[^-/\s][^/\s]*$", "maxLength": longest, "not": { "enum": [".", ".."] } });
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match form {
        Form::Any => json!({ "type": "string" }),
        Form::LabName => name(MAX_LABNAME),
        Form::ServiceName => name(MAX_SERVICE_NAME),
        Form::Namespace => name(MAX_NSNAME),
        Form::NewNamespace => without(name(MAX_NSNAME), &[ROOT, ".", ".."]),
        Form::Interface => {
            let mut interface = without(name(MAX_IFNAME), &["lo", "all", "default", ".", ".."]);
            interface["pattern"] = r"^[^-/:%\s][^/:%\s]*$".into();
            interface
        }
        Form::LinkName => pattern(r"^\S+$"),
        Form::Address => pattern(r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$"),
        Form::Host => pattern(r"^[0-9A-Fa-f:.]+$"),
        Form::Destination => pattern(r"^(default|[0-9A-Fa-f:.]+/[0-9]{1,3})$"),
        Form::Mac => pattern(r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"),
        Form::RecordType => {
            // In any case, as it is read.
            let either = |c: char| format!("[{c}{}]", c.to_ascii_lowercase());
            let names = RECORD_TYPES.map(|(name, _)| name.chars().map(either).collect::<String>());
            pattern(&format!("^({})$", names.join("|")))
        }
        Form::Socket => pattern(r"^([0-9.]+|\[[^\]\s]+\]):[0-9]{1,5}$"),
        Form::Delay => pattern(r"^[0-9]+(\.[0-9]+)? ?(ns|us|ms|s)$"),
        Form::Loss => pattern(r"^[0-9]+(\.[0-9]+)? ?%$"),
        Form::Rate => pattern(r"^[0-9]+(\.[0-9]+)? ?(bit|kbit|mbit|gbit)$"),
    }
}

/// The form, less these words.
fn without(mut form: Value, words: &[&str]) -> Value {
    form["not"] = json!({ "enum": words });
    form
}

#[cfg(test)]
mod tests;
