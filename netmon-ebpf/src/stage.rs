//! The list of programs in the jump table. The library gets their names from it, the binary their bodies.

use crate::abi::HOOKS;

/// Calls the macro `$then` with a row for each stage: its documentation and name, its programs at ingress and egress,
/// the function that both run, and how that function reads the frame.
#[macro_export]
macro_rules! for_each_stage {
    ($then:ident) => {
        $then! {
            /// Parses, counts and stamps plain packets, which almost all are.
            Measure: netmon_in, netmon_out => measure::plain(Linear),
            /// The same for plain packets behind VLAN tags.
            MeasureTagged: netmon_in_tag, netmon_out_tag => measure::tagged(Linear),
            /// The same for any packet.
            MeasureAny: netmon_in_any, netmon_out_any => measure::any(Linear),
            /// The same for any packet whose headers are not linear.
            MeasureNonLinear: netmon_in_whole, netmon_out_whole => measure::any(NonLinear),
            /// The same for super-packets that are not plain.
            MeasureSuper: netmon_in_super, netmon_out_super => measure::super_packet(NonLinear),
            /// Corrects the wire bytes of super-packets in tunnels and of BIG TCP.
            SuperBytes: netmon_in_bytes, netmon_out_bytes => super_bytes::super_bytes(NonLinear),
            /// Follows a TCP connection.
            Tcp: netmon_in_tcp, netmon_out_tcp => tcp::tcp(Linear),
            /// The same for headers that are not linear.
            TcpNonLinear: netmon_in_tcp_w, netmon_out_tcp_w => tcp::tcp(NonLinear),
            /// Follows ICMP and ICMPv6 echo.
            Echo: netmon_in_echo, netmon_out_echo => conversation::echo(Linear),
            /// The same for headers that are not linear.
            EchoNonLinear: netmon_in_echo_w, netmon_out_echo_w => conversation::echo(NonLinear),
            /// Follows DNS over UDP.
            Dns: netmon_in_dns, netmon_out_dns => conversation::dns(Linear),
            /// The same for headers that are not linear.
            DnsNonLinear: netmon_in_dns_w, netmon_out_dns_w => conversation::dns(NonLinear),
            /// Follows a conversation over UDP.
            Udp: netmon_in_udp, netmon_out_udp => udp::udp(Linear),
            /// The same for headers that are not linear.
            UdpNonLinear: netmon_in_udp_w, netmon_out_udp_w => udp::udp(NonLinear),
        }
    };
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $stage:ident: $ingress:ident, $egress:ident => $module:ident::$body:ident($frame:ident),
    )*) => {
        /// What a program of the jump table does. Each program is verified by itself, and has a stack of its own.
        /// Those called `NonLinear` are for packets whose headers are not in the linear part of the skb.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Stage {
            $($(#[$doc])* $stage,)*
        }

        /// Number of stages.
        pub const STAGES: usize = [$(Stage::$stage),*].len();

        /// The programs, by their index in the jump table ([`stage_index`]).
        pub const PROGRAMS: [&str; HOOKS * STAGES] = [$(stringify!($ingress), stringify!($egress)),*];
    };
}

for_each_stage!(define);

/// Returns the index in the jump table of the program for a [`Stage`] at a hook.
#[inline(always)]
#[must_use]
pub const fn stage_index(stage: usize, hook: usize) -> u32 {
    (stage * HOOKS + hook) as u32
}
