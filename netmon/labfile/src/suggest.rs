//! "Did you mean": finds the known names that are closest to an unknown one.

use strsim::damerau_levenshtein;

/// Longer names are not compared: they are unlikely to be typing errors.
const MAX_NAME: usize = 64;
/// Longer candidates are not compared, because it takes too long. The default name of a link has two namespaces and two
/// interfaces.
const MAX_CANDIDATE: usize = 512;

/// Returns the candidate that differs from `name` by a typing error, if there is one.
///
/// `comparisons_left` bounds the work for a whole file. Without it, thousands of wrong names times thousands of right ones
/// would take minutes.
pub(super) fn closest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
    comparisons_left: &mut usize,
) -> Option<&'c str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let mut best = None;
    for candidate in candidates {
        *comparisons_left = comparisons_left.checked_sub(1)?;
        if candidate.len().abs_diff(name.len()) > 2 * allowed {
            continue;
        }
        let distance = damerau_levenshtein(name, candidate);
        // If every letter differs, it is another word.
        let is_alike = distance <= allowed && distance < name.chars().count();
        if is_alike && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns up to `max` candidates, the closest first: those that differ by a typing error, and those that contain `name`.
///
/// ```
/// use netmon_labfile::suggest::nearest;
///
/// assert_eq!(nearest("uplnk", ["uplink", "core"], 3), ["uplink"]);
/// ```
#[must_use]
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>, max: usize) -> Vec<&'c str> {
    let allowed = (name.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_CANDIDATE && name.len() <= MAX_CANDIDATE)
        .map(|candidate| (damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed || (!name.is_empty() && candidate.contains(name))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().take(max).map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_recognised_and_another_word_is_not() {
        let keys = ["namespace", "interface", "addresses"];
        assert_eq!(closest("adresses", keys, &mut 100), Some("addresses"));
        assert_eq!(closest("namepsace", keys, &mut 100), Some("namespace"));
        assert_eq!(closest("colour", keys, &mut 100), None);
        assert_eq!(closest("x", ["a", "b"], &mut 100), None);
    }

    #[test]
    fn the_closest_names_come_first_and_a_part_of_a_name_is_close() {
        let links = ["root:veth0--left:eth0", "root:veth1--left:eth1", "core"];
        assert_eq!(nearest("root:veth1--left:eth0", links, 5), links[..2]);
        assert_eq!(nearest("left:eth1", links, 5), [links[1]]);
        assert_eq!(nearest("cor", links, 5), ["core"]);
        assert_eq!(nearest("left", links, 1), [links[0]]);
        assert_eq!(nearest("elsewhere", links, 5), [""; 0]);
        assert_eq!(nearest("", links, 5), [""; 0]);
    }

    #[test]
    fn the_work_for_a_whole_file_is_bounded() {
        let mut left = 2;
        assert_eq!(closest("adresses", ["x", "y", "addresses"], &mut left), None);
        assert_eq!(left, 0);
    }
}
