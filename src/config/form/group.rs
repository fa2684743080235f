//! How is what concerns multicast groups written?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::{Channels, Encoding};
use crate::config::form::{Form, RAMP, integer, one_line, optional};
use crate::config::group::{GroupForm, GroupName};
use crate::net::group::Interface;
use crate::rtp::polycom::CALLER_LEN;

/// Empty only where nothing was written.
pub(in crate::config) const GROUP: Form<Option<SocketAddr>> = Form {
    parse: |text| optional(text, group),
    show: |group| group.map(|it| it.to_string()).unwrap_or_default(),
};

pub(in crate::config) const GROUP_FORM: Form<GroupForm> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "rtp" => Ok(GroupForm::Rtp),
        "polycom" => Ok(GroupForm::Polycom),
        _ => Err("no such format; write rtp or polycom".to_owned()),
    },
    show: |form| {
        match form {
            GroupForm::Rtp => "rtp",
            GroupForm::Polycom => "polycom",
        }
        .to_owned()
    },
};

pub(in crate::config) const CODEC: Form<Encoding> = Form {
    parse: codec,
    show: |codec| codec_text(*codec),
};

/// Empty and `auto` are what the packets say.
pub(in crate::config) const OPTIONAL_CODEC: Form<Option<Encoding>> = Form {
    parse: |text| {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(None);
        }
        optional(text, codec)
    },
    show: |codec| codec.map_or_else(|| "auto".to_owned(), codec_text),
};

/// Empty and `auto` are the one that is usual for the codec.
pub(in crate::config) const PAYLOAD_TYPE: Form<Option<u8>> = Form {
    parse: |text| {
        if text.is_empty() || text.eq_ignore_ascii_case("auto") {
            return Ok(None);
        }
        integer(text, 96..=127, 96).map(|number| Some(number as u8))
    },
    show: |number| number.map_or_else(|| "auto".to_owned(), |number| number.to_string()),
};

pub(in crate::config) const PTIME: Form<Duration> = Form {
    parse: |text| {
        let span = (RAMP.parse)(text)?;
        let is_fit = [10, 20, 30, 40, 60].contains(&span.as_millis()) && is_whole(span);
        if !is_fit {
            return Err("no such length; write 10ms, 20ms, 30ms, 40ms or 60ms".to_owned());
        }
        Ok(span)
    },
    show: RAMP.show,
};

/// Short enough that a network which loses a packet ends nothing, and long enough to end.
pub(in crate::config) const SILENCE: Form<Duration> = Form {
    parse: |text| {
        let span = (RAMP.parse)(text)?;
        let sensible = Duration::from_millis(100)..=Duration::from_secs(60);
        if !sensible.contains(&span) {
            return Err("out of range; write 100ms to 60s, e.g. 500ms".to_owned());
        }
        Ok(span)
    },
    show: RAMP.show,
};

pub(in crate::config) const FADE: Form<Duration> = Form {
    parse: |text| {
        let span = (RAMP.parse)(text)?;
        if span > Duration::from_secs(10) {
            return Err("out of range; write 0ms to 10s, e.g. 125ms".to_owned());
        }
        Ok(span)
    },
    show: RAMP.show,
};

pub(in crate::config) const TTL: Form<u8> = Form {
    parse: |text| integer(text, 0..=255, 1).map(|ttl| ttl as u8),
    show: u8::to_string,
};

/// Empty leaves it to the system.
pub(in crate::config) const INTERFACE: Form<Option<Interface>> = Form {
    parse: |text| {
        optional(text, |text| {
            text.parse().map_err(|_| {
                "neither a network nor our address there; write e.g. eth0 or 192.0.2.1".to_owned()
            })
        })
    },
    show: |interface| {
        let text = interface.as_ref().map(Interface::to_string);
        text.unwrap_or_default()
    },
};

/// The group of a page, as telephones show it; 0 is any.
pub(in crate::config) const ANY_CHANNEL: Form<u8> = Form {
    parse: |text| integer(text, 0..=25, 1).map(|number| number as u8),
    show: u8::to_string,
};

pub(in crate::config) const CHANNEL: Form<u8> = Form {
    parse: |text| integer(text, 1..=25, 1).map(|number| number as u8),
    show: u8::to_string,
};

pub(in crate::config) const CALLER_NAME: Form<String> = Form {
    parse: |text| {
        let name = one_line(text)?;
        if name.len() > CALLER_LEN {
            return Err(format!(
                "too long; write a name of {CALLER_LEN} bytes at most"
            ));
        }
        Ok(name)
    },
    show: String::clone,
};

/// What stands behind `multicast:` in the outputs of a zone.
pub(super) fn group_name(text: &str) -> Result<GroupName, String> {
    let is_address = text.contains([':', '[', ']']) || text.parse::<IpAddr>().is_ok();
    if is_address {
        return group(text).map(GroupName::At);
    }
    if text.is_empty() {
        return Err(format!("names no group; write e.g. {EXAMPLE}"));
    }
    Ok(GroupName::Named(text.to_owned()))
}

fn group(text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| Err(format!("{why}; write e.g. {EXAMPLE}"));
    if let Ok(address) = text.parse::<IpAddr>() {
        let shown = if address.is_ipv6() {
            format!("[{address}]")
        } else {
            address.to_string()
        };
        return Err(format!("has no port; write e.g. {shown}:5004"));
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        return wrong("not an address with a port");
    };
    if address.port() == 0 {
        return wrong("port 0 is no port");
    }
    if !address.ip().is_multicast() {
        return wrong("not a multicast address, which begins with 224 to 239, or with ff in IPv6");
    }
    Ok(address)
}

fn codec(text: &str) -> Result<Encoding, String> {
    let text = text.to_ascii_lowercase();
    let (name, rate) = match text.split_once('/') {
        Some((name, rate)) => (name, Some(rate)),
        None => (text.as_str(), None),
    };
    let all = Encoding::from_config_name(name).into_iter();
    let mut mono = all.filter(|it| match it {
        Encoding::L16(l16) => {
            l16.channels == Channels::Mono
                && rate.is_none_or(|rate| l16.rate.hz().to_string() == rate)
        }
        Encoding::Opus | Encoding::G722 | Encoding::Pcmu | Encoding::Pcma => rate.is_none(),
    });
    mono.next().ok_or_else(|| {
        "no such codec; write pcmu, pcma, g722, opus, or l16 with its rate as l16/48000, l16/44100, \
         l16/32000, l16/16000 or l16/8000"
            .to_owned()
    })
}

fn codec_text(codec: Encoding) -> String {
    match codec {
        Encoding::L16(l16) => format!("l16/{}", l16.rate.hz()),
        Encoding::Opus | Encoding::G722 | Encoding::Pcmu | Encoding::Pcma => {
            codec.config_name().to_owned()
        }
    }
}

fn is_whole(span: Duration) -> bool {
    span.subsec_micros().is_multiple_of(1_000)
}

const EXAMPLE: &str = "239.1.2.3:5004";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_come_back_as_they_were_written() {
        for text in ["pcmu", "pcma", "g722", "opus", "l16/48000", "l16/16000"] {
            assert_eq!((CODEC.show)(&(CODEC.parse)(text).unwrap()), text);
        }
        assert_eq!((CODEC.show)(&(CODEC.parse)("L16").unwrap()), "l16/48000");
        for bad in ["", "g729", "l16/11025", "pcmu/8000"] {
            assert!((CODEC.parse)(bad).unwrap_err().starts_with("no such codec"));
        }
        assert_eq!((OPTIONAL_CODEC.parse)("auto"), Ok(None));
        assert_eq!((OPTIONAL_CODEC.show)(&None), "auto");
    }

    #[test]
    fn a_group_is_a_multicast_address_with_a_port() {
        let read = |text: &str| (GROUP.parse)(text).map(|it| it.unwrap().to_string());
        assert_eq!(read("239.1.2.3:5004").unwrap(), "239.1.2.3:5004");
        assert_eq!(read("[ff15::7]:5004").unwrap(), "[ff15::7]:5004");
        for (bad, why) in [
            ("10.0.0.1:5004", "not a multicast address"),
            ("239.1.2.3:0", "port 0 is no port"),
            ("239.1.2.3", "has no port; write e.g. 239.1.2.3:5004"),
            ("ff15::7", "has no port; write e.g. [ff15::7]:5004"),
            ("speakers", "not an address with a port"),
        ] {
            assert!(read(bad).unwrap_err().starts_with(why), "{bad}");
        }
        assert_eq!(
            group_name("speakers"),
            Ok(GroupName::Named("speakers".to_owned()))
        );
        assert!(group_name("").is_err() && group_name("224.0.0.1").is_err());
    }
}
