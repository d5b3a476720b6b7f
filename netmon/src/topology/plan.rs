//! A plan: which links stay, and the steps from what is there to what the lab wants, phase by phase.
//!
//! The order of work is the order of [`Phase`], and nothing else: `netmon plan` prints the phases of a plan, and
//! [`super::apply`] works through the same phases in the same order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeBounds,
};

use netmon_model::names::{LabName, LinkName};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::step::Step;

/// Plans of more steps than this scroll their first line off a terminal, so they end with a summary.
const LONG: usize = 20;

/// What has to be done to the host for a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The lab.
    pub lab: LabName,
    /// The links that stay, by the names that the lab has for them: both interfaces exist, are the lab's and are each
    /// other's peers, so they keep their indexes. Steps may still change what is configured on them.
    ///
    /// Every other link that is on the host goes, and every other link of the lab is created.
    pub kept: BTreeSet<LinkName>,
    /// What the plan does not change and a user should know, a sentence each.
    pub notes: Vec<String>,
    /// The phases that have steps.
    phases: BTreeMap<Phase, Vec<Step>>,
}

/// A part of the work. The order of the variants is the order of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Routes go before the addresses that their next hops are reached through.
    RemoveRoutes,
    /// Links, bridges, namespaces and files go before others that may have the same name.
    RemoveObjects,
    /// Namespaces, marked and with lo up.
    CreateNamespaces,
    /// Files below /etc/netns.
    WriteFiles,
    /// Settings of namespaces. Those that new interfaces inherit have to be there before the interfaces.
    SetNamespaceSysctls,
    /// Bridges, before their ports.
    CreateBridges,
    /// Veth pairs, each end in its namespace.
    CreateLinks,
    /// Marks, addresses of both layers, MTUs and ports of bridges.
    ConfigureInterfaces,
    /// Impairments, before the interfaces are up, so that no packet escapes them.
    SetImpairments,
    /// Settings of interfaces, before these are up.
    SetInterfaceSysctls,
    /// Programs are attached right before this phase, whether it has steps or not, so that every packet is counted.
    SetInterfacesUp,
    /// Routes come last, since their next hops must be reachable.
    AddRoutes,
}

impl Phase {
    /// Returns what is done in this phase, in a few words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::RemoveRoutes => "remove routes",
            Self::RemoveObjects => "remove objects",
            Self::CreateNamespaces => "create namespaces",
            Self::WriteFiles => "write files",
            Self::SetNamespaceSysctls => "set namespace sysctls",
            Self::CreateBridges => "create bridges",
            Self::CreateLinks => "create links",
            Self::ConfigureInterfaces => "configure interfaces",
            Self::SetImpairments => "set impairments",
            Self::SetInterfaceSysctls => "set interface sysctls",
            Self::SetInterfacesUp => "set interfaces up",
            Self::AddRoutes => "add routes",
        }
    }
}

impl Plan {
    /// Sorts `steps` into phases. Within a phase, they keep their order.
    pub(super) fn new(lab: LabName, kept: BTreeSet<LinkName>, steps: impl IntoIterator<Item = Step>) -> Self {
        let mut phases: BTreeMap<Phase, Vec<Step>> = BTreeMap::new();
        for step in steps {
            phases.entry(step.phase()).or_default().push(step);
        }
        Self { lab, kept, notes: Vec::new(), phases }
    }

    /// Returns whether the host already is as the lab wants it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// Returns the phases within `range` that have steps, in order.
    pub fn phases(&self, range: impl RangeBounds<Phase>) -> impl Iterator<Item = (Phase, &[Step])> {
        self.phases.range(range).map(|(phase, steps)| (*phase, steps.as_slice()))
    }

    /// Returns the steps of one phase, in order.
    #[must_use]
    pub fn steps_of(&self, phase: Phase) -> &[Step] {
        self.phases.get(&phase).map_or(&[], Vec::as_slice)
    }

    /// Returns how many steps each phase has, on one line.
    fn summary(&self) -> String {
        let phases = self.phases(..).map(|(phase, steps)| format!("{} {}", phase.label(), steps.len()));
        format!("{} steps: {}", self.steps().count(), phases.collect::<Vec<_>>().join(", "))
    }

    /// Returns all steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.values().flatten()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps().count() {
            0 => writeln!(f, "lab {}: nothing to do", self.lab)?,
            1 => writeln!(f, "lab {}: 1 step", self.lab)?,
            count => writeln!(f, "lab {}: {count} steps", self.lab)?,
        }
        for (phase, steps) in self.phases(..) {
            writeln!(f, "  {}:", phase.label())?;
            steps.iter().try_for_each(|step| writeln!(f, "    {step}"))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        if self.steps().count() > LONG { writeln!(f, "{}", self.summary()) } else { Ok(()) }
    }
}

impl Serialize for Plan {
    /// One list of steps, each with its phase: what a program filters easily.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct PhasedStep<'p> {
            phase: Phase,
            #[serde(flatten)]
            step: &'p Step,
        }
        let steps = self.steps().map(|step| PhasedStep { phase: step.phase(), step });
        let mut plan = serializer.serialize_struct("Plan", 4)?;
        plan.serialize_field("lab", &self.lab)?;
        plan.serialize_field("kept", &self.kept)?;
        plan.serialize_field("notes", &self.notes)?;
        plan.serialize_field("steps", &steps.collect::<Vec<_>>())?;
        plan.end()
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::names::Place;
    use serde_json::json;

    use super::*;

    fn plan() -> Plan {
        let place = || Place { namespace: "web".parse().unwrap(), interface: "eth0".parse().unwrap() };
        let sysctl = |key: &str| Step::SetSysctl {
            namespace: "web".parse().unwrap(),
            key: key.to_owned(),
            value: "1".to_owned(),
        };
        let steps = [
            Step::SetUp(place()),
            sysctl("net.ipv4.conf.eth0.rp_filter"),
            sysctl("net.ipv4.ip_forward"),
            Step::AddAddress { place: place(), address: "10.0.0.1/24".parse().unwrap() },
            Step::SetMtu { place: place(), mtu: 1400 },
        ];
        Plan::new("office".parse().unwrap(), ["uplink".parse().unwrap()].into(), steps)
    }

    #[test]
    fn a_long_plan_ends_with_a_summary() {
        let place = |number: usize| Place {
            namespace: "web".parse().unwrap(),
            interface: format!("eth{number}").parse().unwrap(),
        };
        let up = |count: usize| (0..count).map(|number| Step::SetUp(place(number))).collect::<Vec<_>>();
        let of = |steps| Plan::new("office".parse().unwrap(), BTreeSet::new(), steps).to_string();
        let long = [up(LONG), vec![Step::SetMtu { place: place(0), mtu: 1400 }]].concat();
        assert!(of(long).ends_with("up\n21 steps: configure interfaces 1, set interfaces up 20\n"));
        assert!(!of(up(LONG)).contains("20 steps: "));
    }

    #[test]
    fn a_plan_prints_its_phases_in_the_order_of_the_work() {
        let text = "\
lab office: 5 steps
  set namespace sysctls:
    ~ web: net.ipv4.ip_forward = 1
  configure interfaces:
    + address 10.0.0.1/24 on web:eth0
    ~ web:eth0: mtu 1400
  set interface sysctls:
    ~ web: net.ipv4.conf.eth0.rp_filter = 1
  set interfaces up:
    ~ web:eth0: up
";
        assert_eq!(plan().to_string(), text);
        let noted = Plan { notes: vec!["look here".to_owned()], ..plan() };
        assert_eq!(noted.to_string(), format!("{text}note: look here\n"));
        let empty = Plan::new("office".parse().unwrap(), BTreeSet::new(), []);
        assert_eq!(empty.to_string(), "lab office: nothing to do\n");
    }

    #[test]
    fn a_step_in_json_names_its_phase() {
        let plan = serde_json::to_value(plan()).unwrap();
        assert_eq!((&plan["lab"], &plan["kept"]), (&json!("office"), &json!(["uplink"])));
        let mtu = json!({
            "phase": "configure_interfaces",
            "step": "set_mtu",
            "namespace": "web",
            "interface": "eth0",
            "mtu": 1400,
        });
        assert_eq!(plan["steps"][2], mtu);
        assert_eq!(plan["steps"][4]["phase"], "set_interfaces_up");
    }
}
