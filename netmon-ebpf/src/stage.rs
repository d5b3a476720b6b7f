//! The programs of the jump table, in one list: the library takes the names from it, and the binary the programs.

use crate::abi::HOOKS;

/// Calls the macro `$then` with a row for each stage: what it is for, its name, its programs at ingress and egress,
/// and the function that both run, with the way in which that reads the frame.
#[macro_export]
macro_rules! for_each_stage {
    ($then:ident) => {
        $then! {
            /// Parses, counts, stamps; plain packets only, which almost all are.
            Measure: netmon_in, netmon_out => measure::plain(Linear),
            /// Plain packets behind VLAN tags.
            MeasureTagged: netmon_in_tag, netmon_out_tag => measure::tagged(Linear),
            /// Any packet.
            MeasureAny: netmon_in_any, netmon_out_any => measure::any(Linear),
            /// Whole.
            MeasureNonLinear: netmon_in_whole, netmon_out_whole => measure::any(NonLinear),
            /// Follows a TCP connection.
            Tcp: netmon_in_tcp, netmon_out_tcp => tcp::tcp(Linear),
            /// Whole.
            TcpNonLinear: netmon_in_tcp_w, netmon_out_tcp_w => tcp::tcp(NonLinear),
            /// Follows ICMP and ICMPv6 echo.
            Echo: netmon_in_echo, netmon_out_echo => conversation::echo(Linear),
            /// Whole.
            EchoNonLinear: netmon_in_echo_w, netmon_out_echo_w => conversation::echo(NonLinear),
            /// Follows DNS over UDP.
            Dns: netmon_in_dns, netmon_out_dns => conversation::dns(Linear),
            /// Whole.
            DnsNonLinear: netmon_in_dns_w, netmon_out_dns_w => conversation::dns(NonLinear),
        }
    };
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $stage:ident: $ingress:ident, $egress:ident => $module:ident::$body:ident($frame:ident),
    )*) => {
        /// What a program of the jump table does. Each is verified by itself, with a stack of its own. Those called
        /// "whole" do the same for packets whose headers are not in the linear part of the skb.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Stage {
            $($(#[$doc])* $stage,)*
        }

        /// Number of stages.
        pub const STAGES: usize = [$(Stage::$stage),*].len();

        /// The programs, by their place in the jump table ([`stage_index`]).
        pub const PROGRAMS: [&str; HOOKS * STAGES] = [$(stringify!($ingress), stringify!($egress)),*];
    };
}

for_each_stage!(define);

/// The place of a program in the jump table: that of a [`Stage`], at a hook.
#[inline(always)]
#[must_use]
pub const fn stage_index(stage: usize, hook: usize) -> u32 {
    (stage * HOOKS + hook) as u32
}
