//! One link of many, by its name or one of its ends.

use netmon_labfile::suggest;
use netmon_model::names::LinkName;

use crate::{
    api::{Links, NamedLink, meant},
    cli::failure::UsageError,
};

/// How many names an error lists.
const MOST: usize = 5;

/// Leaves only the link that is meant.
pub(super) fn choose(links: &mut Links, wanted: &str) -> Result<(), UsageError> {
    let named: Vec<_> = links.links.iter().map(NamedLink::from).collect();
    let found: Vec<_> = meant(wanted, &named).into_iter().cloned().collect();
    match &found[..] {
        [] => Err(unknown(links, wanted)),
        [name] => {
            links.links.retain(|link| link.name == *name);
            Ok(())
        }
        several => {
            let names: Vec<_> = several.iter().take(MOST).map(LinkName::as_str).collect();
            Err(UsageError(format!(
                "{} links have an end {wanted}:\n  {}",
                several.len(),
                names.join("\n  ")
            )))
        }
    }
}

fn unknown(links: &Links, name: &str) -> UsageError {
    let names = || links.links.iter().map(|link| link.name.as_str());
    let near = suggest::nearest(name, names(), MOST);
    let hint = match (near.is_empty(), links.links.len()) {
        (_, 0) => "it has none at all".to_owned(),
        (false, _) => format!("near it:\n  {}", near.join("\n  ")),
        (true, all) => {
            let first: Vec<_> = names().take(MOST).collect();
            let more = if all > MOST { format!("\n  and {} more", all - MOST) } else { String::new() };
            format!("it has:\n  {}{more}", first.join("\n  "))
        }
    };
    let lab = links.lab.as_ref().map_or_else(|| "the agent".to_owned(), |lab| format!("lab {}", lab.name));
    UsageError(format!("{lab} has no link {name:?}; {hint}"))
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn one_link_is_left_of_many() {
        for wanted in ["root:veth7--netns7:eth0", "veth7", "netns7:eth0"] {
            let mut links = Links::without_rates(&fixtures::star(20));
            choose(&mut links, wanted).unwrap();
            assert_eq!(links.links.len(), 1);
            assert_eq!(links.links[0].a.interface.as_str(), "veth7");
        }
    }

    #[test]
    fn an_end_of_several_links_is_an_error_of_usage_that_lists_them() {
        let mut links = Links::without_rates(&fixtures::star(20));
        let said = choose(&mut links, "eth0").unwrap_err().to_string();
        assert!(said.starts_with("20 links have an end eth0:\n  root:veth"), "{said}");
        assert_eq!(said.lines().count(), 1 + MOST, "{said}");
    }

    #[test]
    fn an_unknown_name_is_an_error_of_usage_that_lists_what_is_near() {
        let mut links = Links::without_rates(&fixtures::star(20));
        let error = choose(&mut links, "root:veth7--netns8:eth0").unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("lab direct has no link \"root:veth7--netns8:eth0\"; near it:\n"), "{said}");
        assert!(said.contains("\n  root:veth7--netns7:eth0") && said.lines().count() == 1 + MOST, "{said}");
        assert_eq!(links.links.len(), 20, "nothing is taken away");
    }

    #[test]
    fn where_nothing_is_near_there_is_a_list_of_what_there_is() {
        let said = unknown(&Links::without_rates(&fixtures::star(20)), "backbone").to_string();
        assert!(
            said.contains("it has:\n  root:veth0--netns0:eth0\n") && said.ends_with("and 15 more"),
            "{said}"
        );
        let said = unknown(&Links::without_rates(&fixtures::direct()), "backbone").to_string();
        assert!(said.ends_with("it has:\n  root:veth0--direct_netns:veth1"), "{said}");
        let said = unknown(&Links::without_rates(&fixtures::star(0)), "backbone").to_string();
        assert!(said.ends_with("it has none at all"), "{said}");
    }
}
