//! YAML as JSON values, so that rules read both alike.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

use super::super::tree::File;

/// Reads a file with one document.
pub(super) fn read(file: &File) -> Result<Value> {
    let documents =
        YamlLoader::load_from_str(&file.text).with_context(|| format!("{} is not YAML", file.path))?;
    match documents.as_slice() {
        [document] => value(document).with_context(|| file.path.clone()),
        _ => bail!("{} has {} documents", file.path, documents.len()),
    }
}

fn value(yaml: &Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(is) => Value::Bool(*is),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Real(text) | Yaml::String(text) => Value::String(text.clone()),
        Yaml::Array(items) => Value::Array(items.iter().map(value).collect::<Result<_>>()?),
        Yaml::Hash(fields) => {
            let field = |(key, of): (&Yaml, &Yaml)| {
                let key = key.as_str().context("a key that is no text")?;
                Ok((key.to_owned(), value(of)?))
            };
            Value::Object(fields.iter().map(field).collect::<Result<Map<_, _>>>()?)
        }
        Yaml::Alias(_) | Yaml::BadValue => bail!("an alias, or a value that is not valid"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_becomes_the_same_value_as_json() {
        let text = "a: 1\nb: [x, true, 1.5]\nc: |\n  two\n  lines\n".to_owned();
        let file = File { path: "a.yaml".to_owned(), text };
        let expected = json!({ "a": 1, "b": ["x", true, "1.5"], "c": "two\nlines\n" });
        assert_eq!(read(&file).expect("a document"), expected);
    }

    #[test]
    fn a_file_that_is_not_yaml_is_refused_with_its_name() {
        let file = File { path: "a.yaml".to_owned(), text: "a: [\n".to_owned() };
        assert!(format!("{:#}", read(&file).expect_err("refused")).contains("a.yaml is not YAML"));
    }
}
