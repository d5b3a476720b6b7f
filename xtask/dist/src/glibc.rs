//! Which glibc a program needs: that which introduced the newest version of a symbol that the program names.

/// Returns the newest `GLIBC_X.Y` in a program, as (X, Y). Returns `None` if the program names none.
pub(crate) fn needed(program: &[u8]) -> Option<(u32, u32)> {
    const PREFIX: &[u8] = b"GLIBC_";
    let starts = program.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX);
    starts.filter_map(|(at, _)| version(&program[at + PREFIX.len()..])).max()
}

/// Parses `X.Y` or `X.Y.Z` up to the end of the string.
fn version(text: &[u8]) -> Option<(u32, u32)> {
    let end = text.iter().position(|&byte| byte == 0)?;
    let mut numbers = std::str::from_utf8(&text[..end]).ok()?.split('.').map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next()?.ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_and_not_the_last_one() {
        assert_eq!(needed(b"\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_2.9\0GLIBC_PRIVATE\0"), Some((2, 34)));
    }

    #[test]
    fn a_static_program_needs_none() {
        assert_eq!(needed(b"\0GLIBC\0"), None);
    }
}
