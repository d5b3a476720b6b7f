//! Holds JSON against a schema, as far as `openapi.json` uses JSON Schema.
//!
//! A keyword that is not known here fails, so nothing in the file goes unchecked. And an object must have no other
//! properties than those described: a client may meet fields that are newer than its schema, but a test may not.

use serde_json::{Map, Value};

/// The keywords that say nothing about a value.
const NOTES: [&str; 1] = ["description"];

/// A description that schemas refer into.
pub(super) struct Schemas<'d>(pub(super) &'d Value);

impl<'d> Schemas<'d> {
    /// Checks `value`.
    ///
    /// # Errors
    ///
    /// Returns the place of the first difference, and what is wrong there.
    pub(super) fn check(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        let keywords = schema.as_object().ok_or_else(|| format!("{place}: the schema is no object"))?;
        for (keyword, wanted) in keywords {
            self.keyword(keywords, keyword, (wanted, value), place)?;
        }
        if let Some(object) = value.as_object().filter(|_| keywords.contains_key("properties")) {
            let undescribed = object.keys().find(|name| keywords["properties"].get(name).is_none());
            if let Some(name) = undescribed {
                return Err(format!("{place}: {name:?} is not described"));
            }
        }
        Ok(())
    }

    fn keyword(
        &self,
        keywords: &Map<String, Value>,
        keyword: &str,
        (wanted, value): (&Value, &Value),
        place: &str,
    ) -> Result<(), String> {
        let is_right = match keyword {
            "$ref" => return self.check(self.find(wanted), value, place),
            "properties" => return self.properties(wanted, value, place),
            "items" | "prefixItems" | "additionalProperties" => {
                return self.elements(keyword, (wanted, value), place);
            }
            "anyOf" => array(wanted).any(|schema| self.check(schema, value, place).is_ok()),
            "enum" => array(wanted).any(|one| one == value),
            "type" => types(wanted).any(|name| is_type(value, name)),
            "required" => value
                .as_object()
                .is_none_or(|object| array(wanted).all(|name| object.contains_key(text(name)))),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= wanted.as_f64()),
            "minItems" => value.as_array().is_none_or(|items| Some(items.len() as u64) >= wanted.as_u64()),
            note if NOTES.contains(&note) => true,
            other => return Err(format!("{place}: this test does not know the keyword {other:?}")),
        };
        let about = keywords.get("description").map_or("", text);
        if is_right { Ok(()) } else { Err(format!("{place}: {value} is not {keyword} {wanted} ({about})")) }
    }

    fn properties(&self, wanted: &Value, value: &Value, place: &str) -> Result<(), String> {
        let (Some(schemas), Some(object)) = (wanted.as_object(), value.as_object()) else { return Ok(()) };
        let mut described =
            schemas.iter().filter_map(|(name, schema)| Some((name, schema, object.get(name)?)));
        described.try_for_each(|(name, schema, value)| self.check(schema, value, &format!("{place}.{name}")))
    }

    fn elements(&self, keyword: &str, (wanted, value): (&Value, &Value), place: &str) -> Result<(), String> {
        let mut numbered = array(value).enumerate();
        match keyword {
            "items" => {
                numbered.try_for_each(|(at, item)| self.check(wanted, item, &format!("{place}[{at}]")))
            }
            "prefixItems" => {
                if array(wanted).count() != array(value).count() && value.is_array() {
                    return Err(format!("{place}: {value} has columns that are not described"));
                }
                let mut pairs = array(wanted).zip(numbered);
                pairs.try_for_each(|(schema, (at, item))| self.check(schema, item, &format!("{place}[{at}]")))
            }
            _ => {
                let mut members = value.as_object().into_iter().flatten();
                members.try_for_each(|(name, member)| self.check(wanted, member, &format!("{place}.{name}")))
            }
        }
    }

    /// Follows a reference.
    pub(super) fn find(&self, reference: &Value) -> &'d Value {
        let pointer = text(reference).strip_prefix('#').unwrap();
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Returns the names in `type`, which is one or a list.
fn types(wanted: &Value) -> impl Iterator<Item = &str> {
    array(wanted).chain(wanted.is_string().then_some(wanted)).map(text)
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type is called {other:?}"),
    }
}
