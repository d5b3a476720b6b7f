//! The counters of `/proc/net/snmp`: for each protocol a line of names, and a line of values in the same order.

/// Returns the value of one counter. Returns `None` if it is not there.
pub(super) fn value(text: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let (names, values) = (lines.next()?.split_whitespace(), lines.next()?.split_whitespace());
    let (_, value) = names.zip(values).find(|(of, _)| *of == name)?;
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Icmp: InMsgs InErrors\nIcmp: 3 0\nTcp: MaxConn OutSegs RetransSegs\nTcp: -1 120 7\n\
                        Udp: InDatagrams\nUdp: 5\n";

    #[test]
    fn a_value_is_below_its_name_in_the_lines_of_its_protocol() {
        assert_eq!(value(TEXT, "Tcp:", "RetransSegs"), Some(7));
        assert_eq!(value(TEXT, "Udp:", "InDatagrams"), Some(5));
        assert_eq!(value(TEXT, "Tcp:", "InDatagrams"), None);
        assert_eq!(value(TEXT, "Tcp:", "MaxConn"), None, "it has no limit, which is -1");
        assert_eq!(value("Tcp: RetransSegs\n", "Tcp:", "RetransSegs"), None);
    }
}
