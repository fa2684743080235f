//! Which keys do `[multicast-out:NAME]` and `[multicast-in:NAME]` have?

use crate::config::form;
use crate::config::group::{GroupIn, GroupOut};
use crate::config::keys::{Row, row};

const OUT: &str = "Groups that zones are sent to";
const IN: &str = "Groups that are listened to";
const NETWORK: &str = "By which network";

/// Beside the table: a group that no section names has these defaults.
pub(in crate::config) const OUT_KEYS: &[Row<GroupOut>] = &[
    row!(
        "multicast-out",
        OUT,
        "address",
        Groups,
        address,
        form::GROUP,
        "",
        "The group and its port, as 239.1.2.3:5004 or [ff15::7]:5004. Zones have it among their\n\
         outputs as multicast:NAME or by its address."
    ),
    row!(
        "multicast-out",
        OUT,
        "format",
        Groups,
        form,
        form::GROUP_FORM,
        "rtp",
        "rtp: what every IP speaker and telephone takes.\n\
         polycom: group pages of Poly telephones, usually at 224.0.1.116:5001."
    ),
    row!(
        "multicast-out",
        OUT,
        "codec",
        Groups,
        codec,
        form::CODEC,
        "g722",
        "pcmu or pcma (telephone quality), g722 (better, nearly as widely known), opus, or l16\n\
         with its rate as l16/48000. With polycom pcmu or g722."
    ),
    row!(
        "multicast-out",
        OUT,
        "payload-type",
        Groups,
        payload_type,
        form::PAYLOAD_TYPE,
        "auto",
        "The number by which opus and l16 are known, 96 to 127. auto: 96; the others have one of\n\
         their own."
    ),
    row!(
        "multicast-out",
        OUT,
        "ptime",
        Groups,
        ptime,
        form::PTIME,
        "20ms",
        "The sound in a packet: 10ms, 20ms, 30ms, 40ms or 60ms. l16 has less where more does not\n\
         fit into one."
    ),
    row!(
        "multicast-out",
        OUT,
        "music",
        Groups,
        music,
        form::BOOL,
        "no",
        "Send the music of the zones too. no: only pages, klaxons and bells, since telephones are\n\
         held while anything comes."
    ),
    row!(
        "multicast-out",
        OUT,
        "group",
        Groups,
        channel,
        form::CHANNEL,
        "1",
        "With polycom: the group of pages, 1 to 25; 24 is priority and 25 emergency."
    ),
    row!(
        "multicast-out",
        OUT,
        "caller",
        Groups,
        caller,
        form::CALLER_NAME,
        "Paging",
        "With polycom: what telephones show, up to 13 letters."
    ),
    row!(
        "multicast-out",
        NETWORK,
        "ttl",
        Groups,
        ttl,
        form::TTL,
        "1",
        "How many networks packets may go through, 0 to 255: 1 stays in this one; with routers\n\
         that pass multicast on, as many as there are on the way, and one more."
    ),
    row!(
        "multicast-out",
        NETWORK,
        "interface",
        Groups,
        interface,
        form::INTERFACE,
        "",
        "The network to send into, as eth0 or by our address there. Empty: as the system routes."
    ),
    row!(
        "multicast-out",
        NETWORK,
        "loop",
        Groups,
        loops,
        form::BOOL,
        "no",
        "Let programs on this machine hear it too."
    ),
    row!(
        "multicast-out",
        NETWORK,
        "dscp",
        Groups,
        dscp,
        form::DSCP,
        "ef",
        "How packets are marked for the network, as rtp-dscp of [sip]."
    ),
];

/// Beside the table: nothing is listened to unless written.
pub(in crate::config) const IN_KEYS: &[Row<GroupIn>] = &[
    row!(
        "multicast-in",
        IN,
        "address",
        Groups,
        address,
        form::GROUP,
        "",
        "The group and its port, as 239.1.2.3:5004 or [ff15::7]:5004."
    ),
    row!(
        "multicast-in",
        IN,
        "format",
        Groups,
        form,
        form::GROUP_FORM,
        "rtp",
        "rtp, or polycom for group pages of Poly telephones."
    ),
    row!(
        "multicast-in",
        IN,
        "codec",
        Groups,
        codec,
        form::OPTIONAL_CODEC,
        "auto",
        "auto: what the packets say, which pcmu, pcma and g722 do. opus and l16/RATE have to be\n\
         named."
    ),
    row!(
        "multicast-in",
        IN,
        "group",
        Groups,
        channel,
        form::ANY_CHANNEL,
        "1",
        "With polycom: the group of pages, 1 to 25; 0 is any."
    ),
    row!(
        "multicast-in",
        IN,
        "sources",
        Groups,
        sources,
        form::NETWORKS,
        "",
        "Addresses and networks that may speak, as 192.0.2.7 or 192.0.2.0/24. Empty: all, for\n\
         nothing else tells who speaks."
    ),
    row!(
        "multicast-in",
        IN,
        "interface",
        Groups,
        interface,
        form::INTERFACE,
        "",
        "The network to listen in, as eth0 or by our address there. Empty: as the system routes."
    ),
    row!(
        "multicast-in",
        IN,
        "silence-timeout",
        Groups,
        silence_timeout,
        form::SILENCE,
        "500ms",
        "A page is over when no packet came for so long."
    ),
    row!(
        "multicast-in",
        IN,
        "zones",
        Groups,
        zones,
        form::ZONE_NAMES,
        "all",
        "The zones that hear it, or all."
    ),
    row!(
        "multicast-in",
        IN,
        "priority",
        Groups,
        priority,
        form::PRIORITY,
        "100",
        "As of [page:NAME]: from 0 to 255, and 200 and above is emergency."
    ),
    row!(
        "multicast-in",
        IN,
        "busy",
        Groups,
        busy,
        form::BUSY,
        "queue",
        "What it does while others of its priority hold its zones: queue joins in when they are\n\
         free, mix is heard beside them, reject is not heard at all."
    ),
    row!(
        "multicast-in",
        IN,
        "partial",
        Groups,
        partial,
        form::BOOL,
        "yes",
        "Begin in those of its zones that are free; the others join when they become free."
    ),
    row!(
        "multicast-in",
        IN,
        "max-duration",
        Groups,
        max_duration,
        form::SECONDS_LIMIT,
        "0.0",
        "Hear no more of it after so long, until it pauses; 0 for no limit."
    ),
    row!(
        "multicast-in",
        IN,
        "klaxon",
        Groups,
        klaxon,
        form::TONE,
        "nothing",
        "What sounds first: nothing, klaxon for that of [audio], or a sound file. What is said\n\
         meanwhile is lost."
    ),
    row!(
        "multicast-in",
        IN,
        "end-tone",
        Groups,
        end_tone,
        form::TONE,
        "nothing",
        "What sounds after the last word: nothing, klaxon for that of [audio], or a sound file."
    ),
    row!(
        "multicast-in",
        IN,
        "fade",
        Groups,
        fade,
        form::FADE,
        "0ms",
        "How long it takes to fade in when it begins, and out when it has to give way."
    ),
];
