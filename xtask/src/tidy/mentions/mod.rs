//! What the pages mention exists: commands with their options, metrics, environment variables, paths over HTTP, and
//! files of this repository.
//!
//! Of a page, only code is read: what stands between backquotes, and what is typed at a prompt. `docs/COMMANDS.md` is
//! made from the parser of the command line, so it says which commands there are.

mod commands;
mod files;
mod metrics;
mod routes;
mod variables;

use anyhow::Result;

use super::{Finding, pages, tree::Tree};

/// A rule: from a piece of code to what it mentions that does not exist.
trait Known {
    /// Returns the messages about `code`.
    fn missing(&self, code: &str) -> Vec<String>;
}

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let known: [Box<dyn Known + '_>; 5] = [
        Box::new(commands::Commands::new(tree)),
        Box::new(metrics::Series::new(tree)?),
        Box::new(variables::Sources::new(tree)),
        Box::new(routes::Routes::new(tree)),
        Box::new(files::Files::new(tree)),
    ];
    let mut findings = Vec::new();
    for page in pages::current(tree) {
        for (line, code) in pages::inline_code(&page.text).chain(pages::typed(&page.text)) {
            let messages = known.iter().flat_map(|known| known.missing(code));
            findings.extend(messages.map(|message| Finding::new(&page.path, line, message)));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: &str = "# Commands\n\n## netmon run\n\n- `--keep`: Leave.\n- `-o, --output FORMAT`: Format. Also `NETMON_OUTPUT`.\n\
                            \n## Options of all commands\n\n- `--log LEVEL`: Level.\n";
    const NAMES: &str = "const A: Metric = Metric { name: \"netmon_rtt_seconds\", kind: Kind::Histogram };\n";

    fn lines(page: &str) -> Vec<usize> {
        let tree = Tree::of(&[
            ("README.md", page),
            ("docs/COMMANDS.md", COMMANDS),
            ("docs/adr/0001-a.md", "`netmon fly`\n"),
            ("labs/direct.toml", ""),
            ("netmon/src/cli/a.rs", "env = \"NETMON_OUTPUT\""),
            ("netmon/src/metrics/names.rs", NAMES),
            ("netmon/src/server/openapi.json", "{\"paths\": {\"/api/v1/links\": {}}}"),
        ]);
        check(&tree).expect("checked").iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn what_exists_may_be_mentioned() {
        let page = "`netmon run --keep labs/direct.toml`, `netmon_rtt_seconds_bucket`, `NETMON_OUTPUT=json`, `netmon_0.1_amd64.deb`\n\
                    `/api/v1/links?link=a`, `cargo xtask tidy --wrap`\n```console\n$ sudo netmon run -o json\nnetmon fly\n```\n";
        assert_eq!(lines(page), [0; 0]);
    }

    #[test]
    fn what_does_not_exist_is_found_in_text_and_at_prompts() {
        let page = "`netmon fly`\n`netmon run --wings`\n`netmon_lift_total`\n`NETMON_WINGS`\n`/api/v1/wings`\n\
                    `labs/wings.toml`\n`cargo xtask fly`\n```console\n$ sudo netmon --keep\n```\n";
        assert_eq!(lines(page), [1, 2, 3, 4, 5, 6, 7, 9]);
    }
}
