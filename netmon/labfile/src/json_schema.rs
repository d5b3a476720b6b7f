//! The grammar of the lab file as a JSON Schema (draft 2020-12), for editors that check and complete TOML by one.
//!
//! Made from the table in [`super::schema`], so it has exactly the keys that are read. It never refuses a valid file. It
//! accepts some invalid ones: whether a reference resolves is beyond a schema.

use netmon_model::{
    lab::RECORD_TYPES,
    names::{MAX_IFNAME, MAX_LABNAME, MAX_NSNAME, MAX_SERVICE_NAME, ROOT},
};
use serde_json::{Map, Value, json};

use super::schema::{Key, LAB, Need, Schema, TextFormat, ValueType};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the schema of a lab file (JSON Schema, draft 2020-12), for editors.
///
/// # Examples
///
/// ```
/// let schema = netmon_labfile::json_schema();
/// assert_eq!(schema["properties"]["namespace"]["items"]["required"][0], "name");
/// ```
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
    let mut property = match key.value {
        ValueType::Text(format) => text(format),
        ValueType::Texts(format, 0) => json!({ "type": "array", "items": text(format) }),
        ValueType::Texts(format, least) => {
            json!({ "type": "array", "items": text(format), "minItems": least })
        }
        ValueType::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        ValueType::Boolean => json!({ "type": "boolean" }),
        ValueType::Table(schema) => table(schema),
        ValueType::Tables(schema) => json!({ "type": "array", "items": table(schema) }),
        ValueType::Environment => json!({
            "type": "object",
            "propertyNames": { "pattern": r"^[^=]+$" },
            "additionalProperties": { "type": "string" },
        }),
        ValueType::Sysctls => json!({
            "type": "object",
            "propertyNames": { "pattern": r"^net\.\S+$" },
            "additionalProperties": { "type": "string" },
        }),
    };
    property["description"] = format!("{}\n\n{}", key.about, key.example).into();
    property
}

/// Lengths are bytes in netmon and characters in a schema. There are never more characters than bytes.
fn text(format: TextFormat) -> Value {
    // A file name that no command reads as an option.
    let name = |longest: usize| json!({ "type": "string", "pattern": r"^[^-/\s][^/\s]*$", "maxLength": longest, "not": { "enum": [".", ".."] } });
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match format {
        TextFormat::Any => json!({ "type": "string" }),
        TextFormat::LabName => name(MAX_LABNAME),
        TextFormat::ServiceName => name(MAX_SERVICE_NAME),
        TextFormat::Namespace => name(MAX_NSNAME),
        TextFormat::NewNamespace => without(name(MAX_NSNAME), &[ROOT, ".", ".."]),
        TextFormat::Interface => {
            let mut interface = without(name(MAX_IFNAME), &["lo", "all", "default", ".", ".."]);
            interface["pattern"] = r"^[^-/:%\s][^/:%\s]*$".into();
            interface
        }
        TextFormat::Container => pattern(r"^[^\s-][^\s]*$"),
        TextFormat::LinkName => pattern(r"^\S+$"),
        TextFormat::Address => pattern(r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$"),
        TextFormat::Host => pattern(r"^[0-9A-Fa-f:.]+$"),
        TextFormat::Destination => pattern(r"^(default|[0-9A-Fa-f:.]+/[0-9]{1,3})$"),
        TextFormat::Mac => pattern(r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"),
        TextFormat::RecordType => {
            // The reader ignores case.
            let either = |c: char| format!("[{c}{}]", c.to_ascii_lowercase());
            let names = RECORD_TYPES.map(|(name, _)| name.chars().map(either).collect::<String>());
            pattern(&format!("^({})$", names.join("|")))
        }
        TextFormat::Socket => pattern(r"^([0-9.]+|\[[^\]\s]+\]):[0-9]{1,5}$"),
        TextFormat::Delay => pattern(r"^[0-9]+(\.[0-9]+)? ?(ns|us|ms|s)$"),
        TextFormat::Loss => pattern(r"^[0-9]+(\.[0-9]+)? ?%$"),
        TextFormat::Rate => pattern(r"^[0-9]+(\.[0-9]+)? ?(bit|kbit|mbit|gbit)$"),
    }
}

/// `format` without these words.
fn without(mut format: Value, words: &[&str]) -> Value {
    format["not"] = json!({ "enum": words });
    format
}

#[cfg(test)]
mod tests;
