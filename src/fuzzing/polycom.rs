//! Does any row of group page packets become RTP that says no more than they do?

use crate::fuzzing::Input;
use crate::rtp::Packet;
use crate::rtp::polycom::{Audio, Hearing, Packet as Paged, Sign};

/// Datagrams as they come, and rows of audio packets with counts and lengths that jump.
pub fn polycom(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut hearing = Hearing::new();
    let mut samples: u32 = 0;
    while !input.is_empty() {
        let (choice, n) = (input.byte(), usize::from(input.byte()));
        if choice % 4 == 0 {
            datagram(input.bytes(n), &mut hearing);
            continue;
        }
        let step = u32::from(input.number());
        samples = samples.wrapping_add(step << (choice / 16));
        let sign = Sign::new(26, u32::from(choice), "fuzz");
        let audio = Audio {
            codec: choice,
            flags: 0,
            samples,
            frames: input.bytes(n),
        };
        hear(&mut hearing, sign, audio);
    }
}

fn datagram(bytes: &[u8], hearing: &mut Hearing) {
    let Ok(packet) = Paged::parse(bytes) else {
        return;
    };
    let mut again = Vec::new();
    packet.write(&mut again);
    assert_eq!(Paged::parse(&again), Ok(packet), "it is not what was read");
    assert!(packet.sign().caller_text().chars().all(|c| !c.is_control()));
    if let Paged::Audio(sign, audio) = packet {
        hear(hearing, sign, audio);
    }
}

fn hear(hearing: &mut Hearing, sign: Sign, audio: Audio<'_>) {
    let (mut n_packets, mut n_bytes) = (0, 0);
    hearing.handle(sign, audio, |datagram| {
        n_packets += 1;
        // Payload types of RTCP are told apart by whoever reads on.
        if let Ok(packet) = Packet::parse(datagram) {
            assert_eq!(packet.ssrc, sign.serial);
            n_bytes += packet.payload.len();
        }
    });
    assert!(n_packets <= 2, "{n_packets} packets of one");
    assert!(n_bytes <= audio.frames.len(), "more sound than there is");
}
