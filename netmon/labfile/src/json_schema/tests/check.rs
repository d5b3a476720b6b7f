//! Validates the part of JSON Schema that netmon's schema uses. An unknown keyword is a failure, so nothing passes
//! unchecked.

use regex::Regex;
use serde_json::Value;

/// The faults of `value`, each with its place.
pub(super) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn is_valid(schema: &Value, value: &Value) -> bool {
    problems(schema, value).is_empty()
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        if !holds(keyword, wanted, value) {
            found.push(format!("{at}: {keyword}"));
        }
    }
    if let Some(items) = schema.get("items") {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            check(items, item, &format!("{at}/{index}"), found);
        }
    }
    for (name, below) in value.as_object().into_iter().flatten() {
        entry(schema, name, below, &format!("{at}/{name}"), found);
    }
}

/// Whether a keyword about the value itself holds. A value of another type passes.
fn holds(keyword: &str, wanted: &Value, value: &Value) -> bool {
    match keyword {
        "type" => is_of(value, wanted.as_str().unwrap()),
        "pattern" => {
            value.as_str().is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text))
        }
        "maxLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap())
        }
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "minimum" => value.as_i64().is_none_or(|value| value >= wanted.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|value| value <= wanted.as_i64().unwrap()),
        "enum" => wanted.as_array().unwrap().contains(value),
        "not" => !is_valid(wanted, value),
        "oneOf" => wanted.as_array().unwrap().iter().filter(|one| is_valid(one, value)).count() == 1,
        "required" => {
            wanted.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
        }
        "$schema" | "title" | "description" => true,
        "items" | "properties" | "additionalProperties" | "propertyNames" => true,
        other => panic!("the checker does not know {other}"),
    }
}

/// Checks one key of an object, by its own schema or by the one for all others.
fn entry(schema: &Value, name: &str, value: &Value, at: &str, found: &mut Vec<String>) {
    if schema.get("propertyNames").is_some_and(|names| !is_valid(names, &name.into())) {
        found.push(format!("{at}: propertyNames"));
    }
    match (schema.get("properties").and_then(|known| known.get(name)), schema.get("additionalProperties")) {
        (Some(known), _) => check(known, value, at, found),
        (None, Some(Value::Bool(false))) => found.push(format!("{at}: additionalProperties")),
        (None, Some(others)) => check(others, value, at, found),
        (None, None) => {}
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the checker does not know the type {other}"),
    }
}
