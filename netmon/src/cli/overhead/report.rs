//! The result of `netmon overhead` for people.

use std::fmt::Write as _;

use super::Whose;
use crate::{
    overhead::{Comparison, Difference},
    render::{
        table::table,
        units::{count, duration, per_second},
    },
};

pub(super) fn text(comparison: &Comparison, whose: &Whose) -> String {
    let Comparison { link, addresses: [a, b], pairs, uncounted, .. } = comparison;
    let mut text = format!("{link}: small UDP datagrams between {a} and {b}, {pairs} pairs of runs\n\n");
    let columns = [
        ("", false),
        ("HOOKS OFF", true),
        ("HOOKS ON", true),
        ("DIFFERENCE", true),
        ("MIDDLE HALF", true),
        ("RANGE", true),
        ("", true),
        ("", false),
    ];
    let rows = [
        row("round trip", &comparison.round_trip_ns, nanoseconds),
        row("packets per second", &comparison.packets_per_second, rate),
    ];
    text.push_str(&table(columns, rows));
    text.push_str(
        "\n\nValues are medians. A difference is that of a pair of runs: hooks on minus hooks off.\n",
    );
    if comparison.lost_load_packets > 0 {
        let _ = writeln!(text, "{} datagrams did not arrive.", count(comparison.lost_load_packets));
    }
    let (load, others) = (count(uncounted.load_packets), count(uncounted.other_packets));
    let _ = match whose {
        Whose::Agent(agent) => writeln!(
            text,
            "The hooks of this link were detached for {:.1} s. Meanwhile {agent} did not count\n\
             {load} packets of this load and {others} other packets; requests whose responses were among them may\n\
             appear as unanswered. {} packets of this load were counted. Other links were watched all the time.",
            uncounted.seconds,
            count(comparison.counted_load_packets),
        ),
        Whose::Ours => writeln!(
            text,
            "No agent watches this lab: the hooks belonged to this command, and no counter misses any packet.\n\
             {others} other packets passed while the hooks were detached.",
        ),
    };
    text
}

fn row(what: &str, of: &Difference, shown: fn(f64) -> String) -> [String; 8] {
    let signed = |value: f64| {
        let sign = if value < 0.0 { "-" } else { "+" };
        format!("{sign}{}", shown(value.abs()))
    };
    let between = |low: f64, high: f64| format!("{} .. {}", signed(low), signed(high));
    let difference = &of.difference;
    [
        what.to_owned(),
        shown(of.off.median),
        shown(of.on.median),
        signed(difference.median),
        between(difference.lower_quartile, difference.upper_quartile),
        between(difference.lowest, difference.highest),
        format!("{:+.1} %", of.percent),
        if of.within_noise { "within the noise".to_owned() } else { String::new() },
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and rounded for people"
)]
fn nanoseconds(ns: f64) -> String {
    duration(ns.round() as u64)
}

fn rate(rate: f64) -> String {
    per_second(rate)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::overhead::compare::Uncounted;

    fn comparison() -> Comparison {
        Comparison {
            link: "root:veth0--direct_netns:veth1".parse().unwrap(),
            addresses: ["10.200.0.2".parse().unwrap(), "10.200.0.3".parse().unwrap()],
            pairs: 3,
            round_trip_ns: Difference::from_runs(&[5000.0, 5100.0, 5200.0], &[6000.0, 6200.0, 6100.0]),
            packets_per_second: Difference::from_runs(&[3e5, 3.1e5, 3e5], &[3e5, 3e5, 3.1e5]),
            uncounted: Uncounted { seconds: 0.31, load_packets: 123_456, other_packets: 2 },
            counted_load_packets: 1000,
            lost_load_packets: 0,
        }
    }

    #[test]
    fn with_an_agent_the_uncounted_packets_are_reported() {
        let comparison = Comparison { lost_load_packets: 3, ..comparison() };
        assert_snapshot!(text(&comparison, &Whose::Agent("process 7".to_owned())));
    }

    #[test]
    fn without_an_agent_no_counter_misses_a_packet() {
        assert_snapshot!(text(&comparison(), &Whose::Ours));
    }
}
